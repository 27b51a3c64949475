"""A started `gavel-server` and calls on it, for judges and benchmarks.

The ledger lies in the folder that is given; whoever starts a service stops it.
"""

import json
import re
import secrets
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

PASSWORD = "correct horse battery staple"
# No limits, and passwords that are cheap to check.
FLAGS = ["--port", "0", "--operations-port", "0", "--password-cost", "10", "--user-calls", "0",
         "--address-calls", "0", "--user-sign-ins", "0", "--address-sign-ins", "0",
         "--name-sign-ins", "0", "--address-sign-ups", "0", "--rejections", "0",
         "--openings", "0", "--raises", "0", "--withdrawals", "0", "--address-connections", "0"]


def command_id():
    """A UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits."""
    value = int(time.time() * 1000) << 80 | 7 << 76 | secrets.randbits(12) << 64
    value |= 2 << 62 | secrets.randbits(62)
    text = f"{value:032x}"
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def add_user(program, folder, name, *roles):
    """Adds an account, and the ledger where there is none; the service must not be running."""
    subprocess.run(
        [program, "users", "add", name, "--ledger", Path(folder) / "ledger",
         *(part for role in roles for part in ("--role", role)), "--password-cost", "10"],
        input=PASSWORD + "\n", text=True, check=True, stdout=subprocess.DEVNULL)


class Service:
    """A started service."""

    def __init__(self, program, folder, *flags):
        folder = Path(folder)
        with open(folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [program, "--ledger", folder / "ledger", *FLAGS, *flags],
                stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"listening on http://127.0.0.1:(\d+)", line)
        if not found:
            raise RuntimeError(f"the service did not start: {line!r}")
        self.port = int(found[1])
        self.base = f"http://127.0.0.1:{self.port}"

    def call(self, method, path, body=None, token=None):
        headers = {"Content-Type": "application/json", "Idempotency-Key": command_id()}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(
            self.base + path, method=method, headers=headers,
            data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def sign_in(self, name):
        return self.call("POST", "/tokens", {"username": name, "password": PASSWORD})

    def sign_up(self, name):
        self.call("POST", "/users", {"username": name, "password": PASSWORD})
        return self.sign_in(name)

    def stop(self):
        """Asks it to end and waits; gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)
