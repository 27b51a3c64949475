"""What schemathesis cannot know by itself: keys that are taken, and names that exist.

Cases that are meant to fit the document get a fresh UUID version 7 as their key, and mostly names
that are there; cases that are meant not to fit stay as they are drawn.
"""

import json
import os
import random

import schemathesis

from started_service import command_id

KNOWN = json.loads(os.environ.get("GAVEL_KNOWN", "{}"))


def is_meant_to_fit(case):
    mode = getattr(getattr(case.meta, "generation", None), "mode", None)
    return mode is None or mode.name == "POSITIVE"


@schemathesis.hook
def before_call(context, case, kwargs):
    if not is_meant_to_fit(case):
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = command_id()
    for name in case.path_parameters or {}:
        if name in KNOWN and random.random() < 0.7:
            case.path_parameters[name] = random.choice(KNOWN[name])
