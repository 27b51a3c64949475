#!/usr/bin/env python3
"""Runs the real `gavel` under clocks that are wrong, and looks at what it sells and when.

    Tests/Judges/check_clocks.py [--gavel PATH] [--wrong-for SECONDS] [SCENARIO…]

libfaketime moves the clocks of a process, also while it runs: the wall clock alone, as people and
time servers do, or all clocks together, as time does that passes while a machine sleeps or nobody
has the ledger open. So days take no time here.

What it cannot do, `gavel-simulator` does: a boot clock that stands still while the wall clock goes
on (paused-machine), a machine that has just started (wrong-at-start), a crystal that drifts for
hours (each seed has its drift), and a wall clock that goes back in a run (wall-jump): libfaketime
moves absolute timers of the monotonic clock too, so the timer that reads the clocks would wait for
as long as they went back.

Of every scenario it is asked: no lot is closed before its end or, where nothing holds it, late; no
entry is stamped ahead of the time; what ended while nobody could bid waits, or moves by its rules;
what depends on no time works at once; every command that was answered is answered the same again;
the ledger verifies.

Before all that, all clocks are moved where only the wall clock should be: if the lot that is then
sold early goes unnoticed, nothing here is worth anything.

Needs `faketime` (Debian: `apt-get install faketime`), else nothing but Python's standard library.
Ends with 0 when all is well, 1 at a difference, 2 when something is missing.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOUR, DAY, YEAR = 3_600, 86_400, 31_536_000
# A machine that also builds may let a process wait for so long.
PATIENCE = 4


class Difference(Exception):
    """Something that is not as it must be."""


def require(truth, what):
    if not truth:
        raise Difference(what)


def iso(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")


def seconds(text):
    """A time of JSON; its digits beyond microseconds are cut."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp()
    return moment + float("0." + (fraction or "0"))


class House:
    """A ledger, and the clocks that it is run under."""

    def __init__(self, options):
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="gavel-clocks-"))
        self.ledger = self.folder / "house"
        self.clock = self.folder / "clock"
        # By how many seconds the clocks are moved, and by how many of them the true time is.
        self.shift = self.passed = 0
        self.process = None
        self.answered = []
        self.references = 0

    def now(self):
        """The true time of this house."""
        return time.time() + self.passed

    # The clocks

    def set(self, shift):
        """Moves the clocks that are faked. Renamed into place: a process may be reading it."""
        self.shift = shift
        beside = self.clock.with_suffix(".new")
        beside.write_text(f"{shift:+d}\n")
        beside.rename(self.clock)

    def let_pass(self, span):
        """Time passes on all clocks, without anybody having to wait for it."""
        self.passed += span
        self.set(self.shift + span)

    # The process

    def open(self, *arguments, only_wall=True):
        if not self.clock.exists():
            self.set(0)
        environment = dict(os.environ)
        environment.pop("FAKETIME_DONT_FAKE_MONOTONIC", None)
        if only_wall:
            environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
        # The wrapper shares the clock among processes before it starts one: a library that does so
        # itself moves the environment, by which Swift finds a process's arguments.
        command = [
            "faketime", "-f", "+0", "env", "-u", "FAKETIME",
            f"FAKETIME_TIMESTAMP_FILE={self.clock}", "FAKETIME_NO_CACHE=1", "NO_FAKE_STAT=1",
            self.options.gavel, "submit", "--ledger", self.ledger, *arguments]
        self.errors = open(self.folder / "errors", "a")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env=environment)

    def close(self):
        self.process.stdin.close()
        code = self.process.wait()
        self.process = None
        require(code == 0, f"gavel ended with {code}: {(self.folder / 'errors').read_text()}")

    def crash(self):
        """Kills the ledger's process without a warning: the wrapper's child."""
        wrapper = self.process.pid
        children = Path(f"/proc/{wrapper}/task/{wrapper}/children").read_text().split()
        for child in children or [wrapper]:
            os.kill(int(child), signal.SIGKILL)
        self.process.stdin.close()
        self.process.wait()
        self.process = None

    def remove(self):
        if self.process is not None:
            self.crash()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Commands

    def ask(self, command, **fields):
        line = dict(command=command, **fields)
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        text = self.process.stdout.readline()
        require(text, f"no answer to {line}: {(self.folder / 'errors').read_text()}")
        receipt = json.loads(text)
        if receipt["status"] != "refused":
            self.answered.append((dict(line, id=receipt["id"]), receipt))
            ahead = seconds(receipt["time"]) - self.now()
            require(ahead < 1, f"{line} is stamped {ahead:.1f} s ahead")
        return receipt

    def accept(self, command, **fields):
        receipt = self.ask(command, **fields)
        require(receipt["status"] == "accepted", f"{command} {fields}: {receipt}")
        return receipt

    def refuse(self, code, command, **fields):
        receipt = self.ask(command, **fields)
        found = receipt.get("refusal", {}).get("code")
        require(found == code, f"{command} {fields} should be {code}: {receipt}")
        return receipt

    def begin(self):
        self.accept("register_currency", currency="USD", scale=2)
        for user in ("bob", "ann", "cid"):
            self.accept("register_user", user=user)
        for user in ("ann", "cid"):
            self.charge(user, 1_000_000)

    def charge(self, user="ann", amount=1):
        self.references += 1
        return self.accept(
            "charge", user=user, currency="USD", amount=amount, reference=f"r{self.references}")

    def lot(self, name, ends_in, **rules):
        """Opens a lot with one bid on it. Returns its end, by the true time."""
        end = self.now() + ends_in
        self.accept(
            "open_auction", auction=name, seller="bob", currency="USD", closes_at=iso(end),
            rules=rules)
        self.bid(name, "ann", 100)
        return end

    def bid(self, lot, bidder, amount):
        return self.accept("place_bid", auction=lot, bidder=bidder, amount=amount)

    def works_at_once(self, lot=None):
        """What depends on no time is taken, each on its first try; so is a bid on an open lot."""
        self.references += 1
        name = f"new-{self.references}"
        self.charge()
        self.accept("register_user", user=name)
        self.accept(
            "withdraw", user="cid", currency="USD", amount=1, reference=f"w{self.references}")
        if lot is not None:
            self.lot(name, 10 * YEAR)
            self.bid(name, "cid", 200)
            self.bid(lot, "cid", 1_000 + self.references)

    # What everybody can see

    def run(self, *arguments):
        """Another process, under the machine's own clocks."""
        done = subprocess.run(
            [self.options.gavel, *arguments, "--ledger", self.ledger], text=True,
            capture_output=True)
        require(done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def status(self, lot):
        return json.loads(self.run("auction", lot, "--format", "json").splitlines()[0])["status"]

    def is_open(self, *lots):
        for lot in lots:
            require(self.status(lot) == "open", f"{lot} is {self.status(lot)} and must be open")

    def closes(self, lot, end):
        """Waits until a lot closes, which it must at its end: not before, and not late."""
        while self.status(lot) == "open":
            late = self.now() - end
            require(late < PATIENCE, f"{lot} is still open {late:.1f} s after its end")
            time.sleep(0.2)
        require(self.now() >= end, f"{lot} was closed {end - self.now():.1f} s early")

    def journal(self):
        return (self.folder / "errors").read_text()

    def finish(self):
        """The log's own times, the same answers again, and a clean verification."""
        self.open()
        for line, first in list(self.answered):
            again = self.ask(**line)
            require(
                again["replayed"] and again["position"] == first["position"],
                f"{line} was answered {first} and now {again}")
        self.close()
        latest, ends = 0, {}
        for text in self.run("log", "--format", "json").splitlines():
            entry = json.loads(text)
            moment = seconds(entry["time"])
            require(moment >= latest, f"time falls at {entry}")
            require(moment < self.now() + 1, f"an entry is stamped ahead: {entry}")
            latest = moment
            for event in entry.get("events", []):
                lot = event.get("auction")
                if event["event"] in ("auction_opened", "auction_extended"):
                    ends[lot] = seconds(event["closes_at"])
                if event["event"] == "auction_closed":
                    require(moment >= ends[lot] - 0.001, f"{lot} was closed early: {entry}")
        self.run("audit", "verify")


def jump(house):
    """In a run the wall clock jumps a day ahead, and is set right again."""
    house.open("--create")
    house.begin()
    before = house.lot("before", 2)
    house.closes("before", before)
    house.lot("within", 2 + house.options.wrong_for / 2)
    house.lot("after", DAY / 2)
    house.set(DAY)
    time.sleep(2)
    house.refuse("closing_held", "place_bid", auction="after", bidder="cid", amount=500)
    house.works_at_once()
    time.sleep(house.options.wrong_for)
    house.is_open("within", "after")
    house.set(0)
    time.sleep(2)
    house.works_at_once("after")
    # Nobody could bid on it in its last moments.
    house.is_open("within")
    house.refuse("closing_held", "place_bid", auction="within", bidder="cid", amount=500)
    house.close()
    house.open("--confirm-closings")
    house.closes("within", house.now())
    house.works_at_once("after")
    house.close()


def start(ahead, has_commands):
    """The ledger is opened while the wall clock is wrong, and again when it is right."""

    def scenario(house):
        house.open("--create")
        house.begin()
        soon = house.lot("soon", 2 + house.options.wrong_for / 2)
        house.lot("far", DAY / 2)
        house.close()
        entries = len(house.run("log", "--format", "json").splitlines())
        house.set(ahead)
        house.open()
        if has_commands:
            house.works_at_once()
            house.refuse("closing_held", "place_bid", auction="far", bidder="cid", amount=500)
        time.sleep(house.options.wrong_for)
        require(house.now() > soon, "the test is too short")
        house.is_open("soon", "far")
        house.close()
        log = house.run("log", "--format", "json").splitlines()
        if not has_commands:
            # Its opening, with the time of the entry before.
            require(len(log) == entries + 1, f"{len(log) - entries} entries of nobody")
        house.set(0)
        house.open()
        house.works_at_once("far")
        house.is_open("soon")
        house.close()
        house.open("--confirm-closings")
        house.closes("soon", house.now())
        house.close()

    scenario.__doc__ = (
        f"At a start the wall clock is {ahead} s ahead, "
        + ("and commands come." if has_commands else "and nobody comes."))
    return scenario


def sleep(house):
    """The machine sleeps for two days, and all its clocks know it."""
    house.open("--create", only_wall=False)
    house.begin()
    house.lot("within", DAY)
    house.lot("moved", DAY, outage={"move_ms": 600_000})
    house.lot("after", 3 * DAY)
    time.sleep(1.5)
    house.let_pass(2 * DAY)
    time.sleep(2)
    house.works_at_once("after")
    house.is_open("within", "moved")
    house.refuse("closing_held", "place_bid", auction="within", bidder="cid", amount=500)
    house.bid("moved", "cid", 500)
    house.close()


def weekend(house):
    """A quiet ledger is closed for a weekend and just opens: no ceremony."""
    house.open("--create", only_wall=False)
    house.begin()
    house.lot("next-week", 7 * DAY)
    time.sleep(1.5)
    house.close()
    house.let_pass(2 * DAY + 12 * HOUR)
    house.open(only_wall=False)
    house.works_at_once("next-week")
    end = house.lot("today", 2)
    house.closes("today", end)
    house.close()
    require(house.journal() == "", f"a weekend needs words: {house.journal()}")


def crash(seconds_down):
    """A crash across an end: what is short by the rules closes, what is long waits or moves."""

    def scenario(house):
        house.open("--create", only_wall=False)
        house.begin()
        time.sleep(1.5)
        end = house.lot("across", 2)
        house.lot("moved", 2, outage={"move_ms": 600_000})
        house.lot("patient", 2, outage={"longer_than_ms": 600_000})
        house.lot("after", DAY)
        house.crash()
        # The last heartbeat may be a second old, and starting takes a moment.
        house.let_pass(seconds_down - 2)
        time.sleep(0.5)
        house.open(only_wall=False)
        house.works_at_once("after")
        house.closes("patient", end)
        if seconds_down < 5:
            house.closes("across", end)
            house.closes("moved", end)
        else:
            house.is_open("across", "moved")
            house.refuse("closing_held", "place_bid", auction="across", bidder="cid", amount=500)
            house.bid("moved", "cid", 500)
            house.close()
            house.open("--confirm-closings", only_wall=False)
            house.closes("across", house.now())
            house.is_open("moved")
        house.close()

    scenario.__doc__ = f"A crash of {seconds_down} s across an end."
    return scenario


SCENARIOS = {
    "jump": jump,
    "start-2h": start(2 * HOUR, True),
    "start-2h-quiet": start(2 * HOUR, False),
    "start-1d": start(DAY, True),
    "start-1d-quiet": start(DAY, False),
    "start-1y": start(YEAR, True),
    "start-1y-quiet": start(YEAR, False),
    "start-1h-behind": start(-HOUR, True),
    "start-1h-behind-quiet": start(-HOUR, False),
    "sleep": sleep,
    "weekend": weekend,
    "crash-4s": crash(4),
    "crash-4min": crash(240),
}


def control(house):
    """All clocks go an hour ahead although no time has passed: a lot is sold early, and seen."""
    house.open("--create", only_wall=False)
    house.begin()
    end = house.lot("early", HOUR / 2, outage={"longer_than_ms": 86_400_000})
    house.set(HOUR)
    time.sleep(2)
    house.closes("early", end)


def run(name, scenario, options):
    house = House(options)
    try:
        scenario(house)
        if scenario is not control:
            house.finish()
        return None
    except Difference as difference:
        return f"{name}: {difference}"
    finally:
        house.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gavel", default=ROOT / ".build/release/gavel", type=Path)
    parser.add_argument("--wrong-for", default=6, type=float, metavar="SECONDS",
                        help="for how long a clock is wrong; less than 60 where a time server "
                        "keeps this machine's clock, since the kernel's word is then believed")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", choices=[[], *SCENARIOS])
    options = parser.parse_args()
    options.gavel = options.gavel.resolve()
    if shutil.which("faketime") is None:
        print("faketime is missing (Debian: apt-get install faketime)", file=sys.stderr)
        return 2
    if not options.gavel.exists():
        print(f"{options.gavel} is missing (swift build -c release)", file=sys.stderr)
        return 2
    caught = run("control", control, options)
    if caught is None or "early" not in caught:
        print(f"a lot that was sold early goes unnoticed: {caught}")
        return 1
    chosen = options.scenarios or SCENARIOS
    with ThreadPoolExecutor(len(chosen)) as pool:
        found = list(pool.map(lambda name: run(name, SCENARIOS[name], options), chosen))
    for difference in filter(None, found):
        print(difference)
    print(f"{len(found) - sum(map(bool, found))} of {len(found)} scenarios are as they must be")
    return 1 if any(found) else 0


if __name__ == "__main__":
    sys.exit(main())
