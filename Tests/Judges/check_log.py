#!/usr/bin/env python3
"""check_log: holds gavel_audit.py against the engine, and against forgeries.

    check_log.py [--gavel .build/debug/gavel] [--random 3] [--seed 1] [HISTORY.jsonl …]

  1. The golden vectors in Fixtures/log/v1, with salts in Fixtures/log/v1-salt, and with an end that
     an outage moved in Fixtures/log/v1-outage.
  2. Every history of Fixtures/histories, those named, and random ones are imported by `gavel`, and
     the judge must find them clean, with the same root, wallets, auctions and entries as `gavel`
     prints.
  3. A ledger that `gavel` opened several times, with its signed checkpoints and a rotation of keys.
  4. Forgers with the key: the logs of Fixtures/log/v1/forgeries.txt, each hashed and linked as it
     should be, with one outcome that the rules do not give. The judge must name the entry that
     `gavel audit verify` names (ForgerTests).
  5. The canary: copies of a ledger are forged, by a flipped byte or by people who hash all anew
     after their change. The judge must find each, at its place and for its reason.

Exit status: 0 all as it must be, 1 not, 2 wrong usage. Files are made in a temporary folder only.
"""

import argparse
import base64
import contextlib
import datetime
import hashlib
import io
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lmdb
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import gavel_audit as judge

ROOT = Path(__file__).resolve().parents[2]
EBAY = ROOT.parent / "shared/data/ebay/palm.jsonl"  # real auctions, where they are at hand
failures = []


def report(good, what, detail=""):
    print(f"{'ok  ' if good else 'FAIL'} {what}{': ' + detail if detail else ''}", flush=True)
    if not good:
        failures.append(what)


def audit(*arguments):
    """Runs the judge; gives its exit status, what it printed and what it said on standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = judge.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
    return status, out.getvalue(), err.getvalue().strip()


# -------------------------------------------------------------------------------------------------
# Beside the engine.


def gavel(options, *arguments):
    run = subprocess.run([options.gavel, *map(str, arguments)], capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"gavel {arguments[0]}: exit {run.returncode}: {run.stderr.strip()}")
    return run.stdout


def same_json(mine, theirs):
    """Where two lists of JSON lines first differ, or None."""
    mine, theirs = mine.splitlines(), theirs.splitlines()
    for number, (left, right) in enumerate(zip(mine, theirs)):
        if judge.compacted(json.loads(left)) != judge.compacted(json.loads(right)):
            return f"entry {number}: {left} and by gavel {right}"
    return None if len(mine) == len(theirs) else f"{len(mine)} entries, by gavel {len(theirs)}"


def beside_the_engine(options, history, folder):
    """Imports a history and compares all that judge and engine both say of it."""
    ledger = folder / history.stem
    gavel(options, "import", history, "--ledger", ledger)
    started = time.monotonic()
    status, text, error = audit(ledger, "--json")
    seconds = time.monotonic() - started
    if status != 0:
        return report(False, history.name, error)
    result = json.loads(text)
    verified = json.loads(gavel(options, "audit", "verify", "--json", "--ledger", ledger))
    differences = []
    for name in ("root", "entries"):
        if result[name] != verified[name]:
            differences.append(f"{name} {result[name]}, by gavel {verified[name]}")
    for option, command in (("--balances", "wallets"), ("--auctions", "auctions")):
        theirs = gavel(options, command, "--format", "csv", "--ledger", ledger)
        if audit(ledger, option)[1] != theirs:
            differences.append(command)
    difference = same_json(audit(ledger, "--entries")[1],
                           gavel(options, "log", "--format", "json", "--ledger", ledger))
    differences += [difference] if difference else []
    report(not differences, history.name, "; ".join(differences) or f"{result['entries']} entries, "
           f"{result['rejected']} rejections, root {result['root'][:16]}…, {seconds:.1f} s")
    return ledger


# -------------------------------------------------------------------------------------------------
# Random histories: few users with little money, many rules at once, so that each "no" is met.

START = datetime.datetime(2024, 3, 1, tzinfo=datetime.timezone.utc)
USERS = ["ann", "ben", "cid", "dee", "eve"]


def moment(milliseconds, nanoseconds=0):
    at = START + datetime.timedelta(milliseconds=milliseconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}{nanoseconds:06}Z"


def random_fee(draw):
    fee = {"basis_points": draw.choice([0, 250, 1000, 9999])}
    for name in ("fixed", "minimum"):
        if draw.random() < 0.3:
            fee[name] = draw.randint(1, 40)
    if draw.random() < 0.3:
        fee["maximum"] = fee.get("minimum", 0) + draw.randint(0, 40)
    return fee


def random_rules(draw, now, closes_at):
    opening = draw.choice([1, 7, 100])
    rules = {"format": "english", "opening_price": opening, "proxy": draw.random() < 0.6}
    rules["increments"] = draw.choice([
        [{"from": 0, "step": 1}], [{"from": 0, "step": 5}, {"from": 100, "step": 25}],
        {"basis_points": 500}, {"basis_points": 3333}])
    least = opening
    if draw.random() < 0.4:
        least = rules["reserve_price"] = opening + draw.randint(0, 300)
    if draw.random() < 0.4:
        rules["buy_now_price"] = least + draw.randint(0, 300)
        if draw.random() < 0.8:
            untils = ["first_bid", "end"] + ["reserve_met"] * ("reserve_price" in rules)
            rules["buy_now_until"] = draw.choice(untils)
    if closes_at is None and draw.random() < 0.7:
        rules["duration_from_first_bid_ms"] = draw.randint(1, 60_000)
    if (closes_at or "duration_from_first_bid_ms" in rules) and draw.random() < 0.6:
        soft = {"window_ms": draw.randint(1, 30_000), "extension_ms": draw.randint(1, 30_000),
                "mode": draw.choice(["reset", "add"]),
                "trigger": draw.choice(["accepted_bid", "price_change", "lead_change"])}
        if draw.random() < 0.4:
            soft["max_extensions"] = draw.randint(1, 3)
        if draw.random() < 0.4:
            soft["latest_end"] = moment((closes_at or now) + draw.randint(0, 40_000))
        rules["soft_close"] = soft
    sides = {side: random_fee(draw) for side in ("seller", "buyer") if draw.random() < 0.4}
    sides = {side: fee for side, fee in sides.items() if any(fee.values()) or "maximum" in fee}
    if sides:
        rules["fees"] = sides
    if draw.random() < 0.3:
        rules["outage"] = {"longer_than_ms": draw.randint(1, 20_000)}
        if draw.random() < 0.6:
            rules["outage"]["move_ms"] = draw.randint(1, 600_000)
    if draw.random() < 0.2:
        rules["cancel_policy"] = "operator_only"
    return rules


def random_command(draw, now, auctions):
    """One command that the engine takes (it may reject it): names are known, shapes are right."""
    actor = draw.choice(["operator", "payment", *USERS])
    by = {"by": actor} if draw.random() < 0.12 else {}
    user, kind = draw.choice(USERS), draw.random()
    if not auctions or kind < 0.06:
        closes_at = now + draw.randint(0, 60_000) if draw.random() < 0.7 else None
        name = f"lot-{len(auctions)}" if draw.random() < 0.95 or not auctions else auctions[-1]
        command = {"command": "open_auction", "auction": name, "seller": draw.choice(USERS),
                   "currency": draw.choice(["USD", "KRW"]),
                   "rules": random_rules(draw, now, closes_at)}
        if closes_at is not None:
            command["closes_at"] = moment(closes_at)
        opens_at = now
        if draw.random() < 0.3:
            latest = 20_000 if closes_at is None else min(20_000, closes_at - now - 1)
            opens_at = now + draw.randint(-5_000, latest)
            command["opens_at"] = moment(opens_at)
        # Only an auction that was opened can be named later: a rejected opening gives no name.
        opened = by.get("by", "operator") in ("operator", command["seller"])
        if closes_at is not None and closes_at <= now:
            opened = False
        if opened and name not in auctions:
            auctions.append(name)
        return command | by
    # Mostly the newest auctions: the old ones have ended.
    auction = draw.choice(auctions[-3:] if draw.random() < 0.95 else auctions)
    if kind < 0.12:
        return {"command": draw.choice(["charge", "withdraw"]),
                "user": draw.choice([user, "house"]), "currency": draw.choice(["USD", "KRW"]),
                "amount": draw.randint(1, 600),
                "reference": f"r{draw.randint(0, 400)}"} | by
    if kind < 0.14:
        return draw.choice([{"command": "register_user", "user": user},
                            {"command": "register_currency", "currency": "USD", "scale": 2}]) | by
    if kind < 0.18:
        return {"command": "close_auction", "auction": auction, "hammer": draw.random() < 0.3} | by
    if kind < 0.21:
        return {"command": "extend_auction", "auction": auction,
                "closes_at": moment(now + draw.randint(-10_000, 60_000))} | by
    if kind < 0.23:
        return {"command": "cancel_auction", "auction": auction, "reason": "drawn",
                "by": draw.choice(["operator", *USERS])}
    if kind < 0.30:
        return {"command": "buy_now", "auction": auction, "buyer": user} | by
    return {"command": "place_bid", "auction": auction, "bidder": user,
            "amount": draw.choice([draw.randint(1, 150), draw.randint(1, 700)])} | by


def random_history(seed, lines, file):
    draw, now, auctions = random.Random(seed), 0, []
    commands = [{"command": "register_currency", "currency": "USD", "scale": 2},
                {"command": "register_currency", "currency": "KRW", "scale": 0}]
    commands += [{"command": "register_user", "user": user} for user in USERS]
    commands += [{"command": "charge", "user": user, "currency": currency,
                  "amount": draw.randint(300, 3_000), "reference": f"first-{currency}"}
                 for user in USERS for currency in ("USD", "KRW")]
    with open(file, "w", encoding="utf-8") as out:
        for number in range(lines):
            known = number < len(commands)
            now += 0 if known else draw.choice([0, 0, 1, 500, 1_000, 2_500])
            command = commands[number] if known else random_command(draw, now, auctions)
            print(json.dumps(command | {"at": moment(now)}), file=out)


# -------------------------------------------------------------------------------------------------
# Forgers with the key.


def forgeries():
    """Each line: a name, the position of the false entry, the log's one frame in hexadecimal."""
    lines = (ROOT / "Fixtures/log/v1/forgeries.txt").read_text(encoding="utf-8").splitlines()
    report(len(lines) >= 14, "forgers with the key", f"{len(lines)} forgeries")
    for line in lines:
        name, position, frame = line.split(" ")
        found = None
        try:
            judge.Audit().take_frame(0, bytes.fromhex(frame))
        except judge.Finding as finding:
            found = finding
        report(found is not None and found.position == int(position), f"forged, {name}",
               f"position {found.position}: {found}" if found else "found nothing")


# -------------------------------------------------------------------------------------------------
# The canary: forgeries that the judge must find.


def load(ledger):
    """The frames of a ledger, decoded, and where each value stands."""
    with lmdb.open(str(ledger / "log"), readonly=True, max_dbs=8, create=False) as environment:
        with environment.begin() as reader:
            frames = environment.open_db(b"frames", reader, integerkey=True, create=False)
            return [(key, bytes(value)) for key, value in reader.cursor(frames)]


def store(ledger, values, tiles=None):
    """Writes frames, and the tiles where some are given, over those that are there."""
    with lmdb.open(str(ledger / "log"), max_dbs=8, map_size=1 << 30) as environment:
        with environment.begin(write=True) as writer:
            for name, rows in (("frames", values), ("tiles", tiles)):
                if rows is not None:
                    table = environment.open_db(name.encode(), writer, integerkey=True)
                    writer.drop(table, delete=False)
                    for key, value in rows:
                        writer.put(key, value, db=table)


def key_of(number):
    return number.to_bytes(8, sys.byteorder)


def hashed_anew(values, change):
    """Frames whose entries a forger changed, with every later hash and check made to fit.

    `change(position, entry bytes)` gives what shall stand there. Returns frames and tiles.
    """
    tree, forged = judge.Tree(), []
    for key, value in values:
        frame, entries = judge.read_frame(value), []
        for position, entry in enumerate(frame.entries, frame.position):
            entries.append(change(position, entry))
            tree.append(judge.leaf_hash(entries[-1]))
        forged.append((key, sealed(value[:120], entries, tree.root())))
    return forged, [(key_of(number), tile) for number, tile in sorted(tree.tiles.items())]


def sealed(header, entries, root):
    """A frame of these entries: lengths, root and check fit."""
    ends, total = [], 0
    for entry in entries:
        total += len(entry)
        ends.append(total)
    last_time = entries[-1][16:24]
    head = (header[:12] + struct.pack("<I", len(entries)) + header[16:36] + struct.pack("<I", total)
            + header[40:56] + last_time + root + header[96:112])
    return (head + hashlib.sha256(b"\x02" + head).digest()[:8]
            + struct.pack(f"<{len(ends)}I", *ends) + b"".join(entries))


def swap(position, old, new):
    """A change of one entry: the first `old` in it becomes `new`."""
    def change(at, entry):
        if at != position:
            return entry
        if old not in entry:
            raise RuntimeError(f"the forgery of entry {position} does not fit this ledger")
        return entry.replace(old, new, 1)
    return change


def verifier_key(name, secret):
    return f"{name}+{key_id(name, secret).hex()}+{base64.b64encode(typed_key(secret)).decode()}"


def key_id(name, secret):
    return hashlib.sha256(name.encode() + b"\n" + typed_key(secret)).digest()[:4]


def typed_key(secret):
    return b"\x01" + secret.public_key().public_bytes(serialization.Encoding.Raw,
                                                      serialization.PublicFormat.Raw)


def signed_note(name, size, root, secret):
    """A checkpoint."""
    body = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"
    signature = key_id(name, secret) + secret.sign(body.encode())
    return f"{body}\n— {name} {base64.b64encode(signature).decode()}\n"


def secret_key(file):
    """The name and key of a ledger's key file, PRIVATE+KEY+name+id+base64(0x01, seed)."""
    name, _, encoded = file.read_text().strip().split("+", 4)[2:]
    return name, Ed25519PrivateKey.from_private_bytes(base64.b64decode(encoded)[1:])


def opened_again(options, ledger, folder):
    """Submits to an imported ledger twice and rotates its key: more frames, epochs, checkpoints."""
    kept = []
    for number in (1, 2):
        payment = {"command": "charge", "user": "b001", "currency": "USD", "amount": number,
                   "reference": f"canary-{number}"}
        subprocess.run([options.gavel, "submit", "--ledger", ledger], input=json.dumps(payment),
                       text=True, check=True, capture_output=True)
        kept.append((folder / f"kept-{number}", verifier_key(*secret_key(ledger / "key"))))
        shutil.copy(ledger / "checkpoint", kept[-1][0])
    gavel(options, "audit", "rotate-key", "--ledger", ledger)
    kept.append((ledger / "checkpoint", verifier_key(*secret_key(ledger / "key"))))
    for number, (note, vkey) in enumerate(kept):
        status, text, error = audit(ledger, "--json", "--checkpoint", note, "--key", vkey)
        result = json.loads(text)
        size = (result.get("checkpoint") or {}).get("size")
        report(status == 0, f"checkpoint {number + 1} of a ledger opened again",
               error or f"epoch {result['epoch']}, {size} of {result['entries']} entries")
    status, _, error = audit(ledger, "--checkpoint", kept[-1][0], "--key", kept[0][1])
    report(status == 1 and "no signature by" in error, "a checkpoint of another key", error)


class Canary:
    """Forges copies of one ledger and demands that the judge finds each."""

    def __init__(self, ledger, folder):
        """Forges `ledger`, which has several frames, in copies of it within `folder`."""
        self.ledger, self.copy, self.note = ledger, folder / "forged", folder / "checkpoint"
        self.values = load(ledger)
        self.entries, self.leaves = [], []
        for _, value in self.values:
            for data in judge.read_frame(value).entries:
                self.entries.append((judge.read_entry(data), data))
                self.leaves.append(judge.leaf_hash(data))
        self.name, self.secret = secret_key(ledger / "key")

    def root_at(self, size):
        tree = judge.Tree()
        for leaf in self.leaves[:size]:
            tree.append(leaf)
        return tree.root()

    def forge(self, values, tiles=None):
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.ledger, self.copy)
        store(self.copy, values, tiles)

    def found(self, what, reason, *arguments):
        """The judge must exit with 1 and give this reason."""
        status, _, error = audit(self.copy, *arguments)
        report(status == 1 and reason in error, f"canary, {what}",
               error if status == 1 else f"exit {status}: {error or 'found nothing'}")

    def first(self, fits):
        """The position and bytes of the first entry for which this holds."""
        for position, (entry, data) in enumerate(self.entries):
            if fits(entry):
                return position, data
        raise RuntimeError("the canary's ledger lacks an entry to forge")

    def has_event(self, name):
        return self.first(lambda entry: any(item["event"] == name for item in entry.events or ()))

    def rehashed(self, what, reason, change, *arguments):
        self.forge(*hashed_anew(self.values, change))
        self.found(what, reason, *arguments)

    def run(self):
        self.forge(*hashed_anew(self.values, lambda _, entry: entry))
        status, _, error = audit(self.copy)
        report(status == 0, "canary, hashed anew without a change is clean", error)
        self.flipped_bytes()
        self.salts()
        self.tables()
        self.money()
        self.order()
        self.checkpoints()
        self.rotations()

    def flipped_bytes(self):
        """Each byte of a header, and bytes all over the entries, flipped one at a time."""
        draw = random.Random(7)
        number = 1
        key, value = self.values[number]
        places = list(range(120)) + [draw.randrange(120, len(value)) for _ in range(200)]
        missed = []
        for place in places:
            flipped = bytearray(value)
            flipped[place] ^= 1 << draw.randrange(8)
            # No copy of the ledger for each: the judge takes the frames themselves.
            run, found = judge.Audit(), False
            try:
                for at, (other, stored) in enumerate(self.values):
                    run.take_frame(int.from_bytes(other, sys.byteorder),
                                   bytes(flipped) if at == number else stored)
            except judge.Finding:
                found = True
            if not found:
                missed.append(place)
        report(not missed, f"canary, {len(places)} flipped bytes of frame {number}",
               f"not found: {missed}" if missed else "each found")

    @staticmethod
    def mutations(ledger, count):
        """Entries with a byte changed, hashed anew each time: nothing but the contents can tell.

        Some stay unfound, since some bytes are anybody's to choose (a title, a reference, what was
        charged; salts are left alone); but the judge must come to an end, whatever the bytes, and its rules find most.
        """
        draw, values, found = random.Random(11), load(ledger), 0
        for number in range(count):
            total = sum(len(judge.read_frame(value).entries) for _, value in values)
            target = draw.randrange(total)

            def change(position, entry):
                if position != target:
                    return entry
                place = draw.randrange(len(entry) - (8 if entry[1] & 4 else 0))
                return entry[:place] + bytes([draw.randrange(256)]) + entry[place + 1:]

            run = judge.Audit()
            try:
                for key, value in hashed_anew(values, change)[0]:
                    run.take_frame(int.from_bytes(key, sys.byteorder), value)
            except judge.Finding:
                found += 1
            except Exception as error:  # whatever else: the judge fell over
                return report(False, "canary, mutations hashed anew",
                              f"number {number}, entry {target}: {error!r}")
        report(found > count * 3 // 4, "canary, mutations hashed anew", f"{found} of {count} found "
               "by their contents alone")

    def salts(self):
        """A salt is anybody's to choose, but not where it stands, nor whether a flag tells of it."""
        position = next(number for number, (entry, _) in enumerate(self.entries) if entry.salt)

        def changed(change):
            return lambda at, entry: change(entry) if at == position else entry

        reason = f"position {position}: "
        self.rehashed("a salt that no flag tells of", reason + "8 bytes are left over",
                      changed(lambda entry: entry[:1] + bytes([entry[1] & ~4]) + entry[2:]))
        self.rehashed("half a salt", reason, changed(lambda entry: entry[:-4]))
        self.rehashed("a flag that nobody knows", reason + "unknown flags",
                      changed(lambda entry: entry[:1] + bytes([entry[1] | 8]) + entry[2:]))

    def tables(self):
        self.forge(self.values[:1] + self.values[2:])
        self.found("a frame in the middle is gone", "positions are not dense")
        _, tiles = hashed_anew(self.values, lambda _, entry: entry)
        forged = tiles[:-1] + [(tiles[-1][0], bytes(32))]
        self.forge(self.values, forged)
        self.found("a tile is forged", "tile")
        self.forge(self.values, tiles[:-1])
        self.found("a tile is missing", "tile")

    def money(self):
        position, data = self.has_event("settled")
        item = next(item for item in self.entries[position][0].events if item["event"] == "settled")
        old = struct.pack("<IIqq", item["winner"], item["seller"], item["amount"], item["fee"])
        for what, amount, fee in (("less is settled", item["amount"] - 1, item["fee"]),
                                  ("the fee is too much", item["amount"], item["fee"] + 1),
                                  ("more is settled than held", item["amount"] * 10, item["fee"])):
            new = struct.pack("<IIqq", item["winner"], item["seller"], amount, fee)
            self.rehashed(what, f"position {position}: ", swap(position, old, new))
        position, data = self.has_event("refunded")
        item = next(item for item in self.entries[position][0].events
                    if item["event"] == "refunded")
        old = struct.pack("<BIq", 8, item["user"], item["amount"])
        self.rehashed("a refund too small", f"position {position}: ",
                      swap(position, old, struct.pack("<BIq", 8, item["user"], item["amount"] - 1)))
        position, data = self.has_event("auction_closed")
        item = next(item for item in self.entries[position][0].events
                    if item["event"] == "auction_closed")
        old = struct.pack("<BBI", 15, 1, item["winner"])
        self.rehashed("another winner", f"position {position}: ",
                      swap(position, old, struct.pack("<BBI", 15, 1, item["winner"] + 1)))

    def order(self):
        bids = [position for position, (entry, _) in enumerate(self.entries)
                if entry.kind == "place_bid"]
        first, second = bids[10], bids[20]
        identifier = self.entries[first][0].command_id
        self.rehashed("a command id twice", f"position {second}: the command id",
                      swap(second, self.entries[second][0].command_id, identifier))
        links = self.entries[second][0].links
        old = struct.pack(f"<B{len(links)}I", len(links), *links)
        new = struct.pack(f"<B{len(links)}I", len(links), links[0] + 1, *links[1:])
        self.rehashed("a link that passes over an entry", f"position {second}: its links",
                      swap(second, old, new))
        time_of = self.entries[second][0].time
        self.rehashed("a time before the last one's", f"position {second}: its time",
                      swap(second, struct.pack("<q", time_of),
                           struct.pack("<q", self.entries[second - 1][0].time - 1)))
        last, data = len(self.entries) - 1, self.entries[-1][1]
        for what, time in (("before 1970", -1), ("after 2261", judge.LAST_TIME + 1)):
            self.rehashed(f"a time {what}", f"position {last}: a time of {time}",
                          swap(last, data[16:24], struct.pack("<q", time)))
        self.rehashed("an entry with bytes left over", f"position {second}: 1 bytes are left over",
                      lambda at, entry: entry + b"\0" if at == second else entry)

    def checkpoints(self):
        """Who writes the whole log anew, in all its rules, is found by a kept checkpoint alone."""
        size = len(self.entries) * 2 // 3  # within a frame
        note = signed_note(self.name, size, self.root_at(size), self.secret)
        self.note.write_text(note, encoding="utf-8")
        with_note = ("--checkpoint", self.note, "--key", verifier_key(self.name, self.secret))
        status, _, error = audit(self.ledger, *with_note)
        report(status == 0, f"canary, a true checkpoint of {size} entries", error)

        # The version that the engine named is believed, so a forger may say what he likes.
        position, data = self.first(lambda entry: entry.kind == "open_engine")
        version = self.entries[position][0].command["version"].encode()
        self.forge(*hashed_anew(self.values, swap(position, version, b"9" * len(version))))
        status, _, error = audit(self.copy)
        report(status == 0, "canary, a log written anew is clean without a checkpoint", error)
        self.found("a log written anew", "the log was written anew", *with_note)

        values, tiles = hashed_anew(self.values[:-1], lambda _, entry: entry)
        self.forge(values, tiles)
        whole = signed_note(self.name, len(self.entries), self.root_at(len(self.entries)),
                            self.secret)
        self.note.write_text(whole, encoding="utf-8")
        self.found("a log cut off at a frame", "it was cut off", *with_note)
        self.forge(self.values)
        self.note.write_text(note.replace(f"\n{size}\n", f"\n{size - 1}\n"), encoding="utf-8")
        self.found("a checkpoint with another size", "does not fit", *with_note)
        other = Ed25519PrivateKey.generate()
        self.note.write_text(signed_note(self.name, size, self.root_at(size), other),
                             encoding="utf-8")
        self.found("a checkpoint signed by somebody else", "no signature by", *with_note)
        self.found("a checkpoint and a key of somebody else", "none of the keys", "--checkpoint",
                   self.note, "--key", verifier_key(self.name, other))

    def rotations(self):
        """The engine's own rotation is clean; one that somebody else signed is not."""
        position, _ = self.first(lambda entry: entry.kind == "rotate_key")
        command = self.entries[position][0].command
        ledger = judge.read_frame(self.values[-1][1]).ledger
        message = f"gavel.rotate-key/v1\n{ledger}\n{command['previous']}\n{command['key']}\n"
        self.rehashed("a rotation signed by somebody else", "not signed by the former key",
                      swap(position, bytes.fromhex(command["signature"]),
                           Ed25519PrivateKey.generate().sign(message.encode())))


# -------------------------------------------------------------------------------------------------


def parse():
    parser = argparse.ArgumentParser(description="Checks gavel_audit.py by gavel and forgeries.")
    parser.add_argument("histories", nargs="*", type=Path, help="more histories to import")
    parser.add_argument("--gavel", default=os.environ.get("GAVEL", ROOT / ".build/debug/gavel"),
                        help="the program (default: $GAVEL, then .build/debug/gavel)")
    parser.add_argument("--random", type=int, default=3, help="how many random histories")
    parser.add_argument("--lines", type=int, default=3_000, help="lines of a random history")
    parser.add_argument("--seed", type=int, default=1, help="the first random history's seed")
    options = parser.parse_args()
    if not os.access(options.gavel, os.X_OK):
        parser.error(f"{options.gavel} is no program; build it: swift build --product gavel")
    return options


def main():
    options = parse()
    for vectors in ("v1", "v1-salt", "v1-outage"):
        status, _, error = audit("--golden", ROOT / "Fixtures/log" / vectors)
        report(status == 0, f"golden vectors {vectors}", error)
    forgeries()
    with tempfile.TemporaryDirectory(prefix="gavel-judge-") as temporary:
        folder = Path(temporary)
        histories = sorted((ROOT / "Fixtures/histories").rglob("*.jsonl")) + options.histories
        histories += [EBAY] if EBAY.exists() else []
        for seed in range(options.seed, options.seed + options.random):
            file = folder / f"random-{seed}.jsonl"
            random_history(seed, options.lines, file)
            histories.append(file)
        ledgers = {}
        for history in histories:
            try:
                ledgers[history.stem] = beside_the_engine(options, history, folder)
            except RuntimeError as error:
                report(False, history.name, str(error))
        if ledgers.get("storm") and ledgers.get("all_together"):
            opened_again(options, ledgers["storm"], folder)
            Canary(ledgers["storm"], folder).run()
            Canary.mutations(ledgers["all_together"], 2_000)
        else:
            report(False, "canary", "there is no ledger to forge")
    print(f"{len(failures)} failures" if failures else "all as it must be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
