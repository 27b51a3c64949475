#!/usr/bin/env python3
"""gavel_audit: an independent reader and judge of a Gavel ledger, for people who trust nobody.

    gavel_audit.py LEDGER_DIR [--checkpoint FILE --key VKEY]
                              [--balances | --auctions | --entries | --json]
    gavel_audit.py --golden Fixtures/log/v1

It is written from the articles LogFormat, Auctions, Errors and Evidence (checkpoints) alone and
shares no line with the engine. It reads every byte of the log once, in order, and stops at the
first thing that is not as it must be, named with its position and reason:

  1. bytes      each frame and entry is decoded strictly: unknown kinds, flags, events and bytes
                left over are refused; header checks, dense positions, rising times, epochs.
  2. hashes     every leaf is hashed again; the RFC 6962 root after each frame is compared with its
                header, the table of tiles with what the leaves give.
  3. history    links lead to the previous entry of each chain; no command id stands twice; keys are
                rotated by signatures of the former key.
  4. money      the events are added up: nothing is ever negative, what is locked is what auctions
                hold, each currency adds up to what was charged less what was withdrawn.
  5. rules      each command is judged again from what the entries before say, and its outcome must
                be the one stored: price, leader, end, fee, winner, or the same rejection.
  6. checkpoint a signed note's signature, and its root against the root at its size.

What it cannot see: whether the log was cut off or written anew as a whole; only a checkpoint that
you kept yourself tells that. Nor what was refused, or the moment at which bytes were stored.

Exit status: 0 clean, 1 a finding, 2 wrong usage. Needs Python 3.11 and the packages lmdb and
cryptography (Debian: python3-lmdb, python3-cryptography).
"""

import argparse
import base64
import csv
import datetime
import hashlib
import json
import os
import re
import struct
import sys
from collections import defaultdict

import lmdb
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

INT64_MAX = 2**63 - 1
MILLISECOND = 1_000_000  # all times are nanoseconds
LAST_TIME = 9_214_646_399_999_999_999  # the end of the year 2261
HOUSE = 0  # the user who is made with the ledger and gets the fees


class Finding(Exception):
    """Something in the ledger that is not as it must be."""

    def __init__(self, reason, position=None):
        super().__init__(reason)
        self.reason, self.position = reason, position


def demand(condition, reason):
    if not condition:
        raise Finding(reason)


# -------------------------------------------------------------------------------------------------
# 1. Bytes. The tables below are the tables of the article "The log format", in its order.


class Cursor:
    """Reads fields from bytes and refuses to read beyond the end."""

    __slots__ = ("data", "at", "end")

    def __init__(self, data, at, end):
        self.data, self.at, self.end = data, at, end

    def take(self, count):
        start, self.at = self.at, self.at + count
        demand(self.at <= self.end, "a field goes beyond the end of its part")
        return self.data[start:self.at]

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return int.from_bytes(self.take(2), "little")

    def u32(self):
        return int.from_bytes(self.take(4), "little")

    def u64(self):
        return int.from_bytes(self.take(8), "little")

    def i64(self):
        return int.from_bytes(self.take(8), "little", signed=True)

    def hex16(self):
        return self.take(16).hex()

    def hex32(self):
        return self.take(32).hex()

    def hex64(self):
        return self.take(64).hex()

    def text(self, count):
        try:
            return self.take(count).decode("utf-8")
        except UnicodeDecodeError:
            raise Finding("a text is not UTF-8") from None

    def short_text(self):
        return self.text(self.u8())

    def long_text(self):
        text = self.text(self.u16())
        demand(len(text.encode()) <= 256, "a title or reason has more than 256 bytes")
        return text

    def name(self):
        text = self.short_text()
        demand(re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", text), f"{text!r} is no name")
        return text

    def reference(self):
        text = self.short_text()
        demand(re.fullmatch(r"[!-~]{1,64}", text), f"{text!r} is no reference")
        return text

    def scale(self):
        scale = self.u8()
        demand(scale <= 9, f"a scale of {scale}")
        return scale

    def amount(self):
        amount = self.i64()
        demand(amount >= 1, f"an amount of {amount}")
        return amount

    def price(self):
        price = self.i64()
        demand(price >= 0, f"a price of {price}")
        return price

    def time(self):
        time = self.i64()
        demand(0 <= time <= LAST_TIME, f"a time of {time}")
        return time

    def choice(self, names):
        number = self.u8()
        demand(number in names, f"{number} stands where one of {sorted(names)} must")
        return names[number]

    def yes_or_no(self):
        return self.choice({0: False, 1: True})

    def closed(self, what):
        demand(self.at == self.end, f"{self.end - self.at} bytes are left over after {what}")


OUTCOMES = {1: "sold", 2: "no_bids", 3: "reserve_not_met"}
REFUNDS = {0: "outbid", 1: "change", 2: "cancelled", 3: "reserve_not_met", 4: "bought_now"}
EXTENSIONS = {0: "operator", 1: "soft_close", 2: "first_bid", 3: "outage"}
NOBODY = 0xFFFFFFFF

PAYMENT_FIELDS = [("user", "u32"), ("currency", "u16"), ("amount", "amount"),
                  ("reference", "reference")]

COMMANDS = {
    1: ("create_ledger", [("ledger", "hex16")]),
    2: ("open_engine", [("epoch", "u32"), ("version", "short_text")]),
    3: ("close_due", [("auction", "u32")]),
    4: ("rotate_key", [("key", "hex32"), ("previous", "hex32"), ("signature", "hex64")]),
    5: ("restore_ledger", [("ledger", "hex16"), ("checkpoint_size", "u64"),
                           ("checkpoint_root", "hex32")]),
    6: ("extend_outage", [("auction", "u32"), ("since", "time"), ("until", "time")]),
    16: ("register_currency", [("scale", "scale"), ("currency", "name")]),
    17: ("register_user", [("user", "name")]),
    18: ("charge", PAYMENT_FIELDS),
    19: ("withdraw", PAYMENT_FIELDS),
    20: ("open_auction", None),  # parts that may be absent: read_opening
    21: ("place_bid", [("auction", "u32"), ("bidder", "u32"), ("amount", "amount")]),
    22: ("close_auction", [("auction", "u32"), ("hammer", "yes_or_no")]),
    23: ("extend_auction", [("auction", "u32"), ("closes_at", "time")]),
    24: ("cancel_auction", [("auction", "u32"), ("reason", "long_text")]),
    25: ("buy_now", [("auction", "u32"), ("buyer", "u32")]),
}

# The commands that name an auction by its handle; their events may be those of an auction.
ON_AUCTION = {"close_due", "place_bid", "close_auction", "extend_auction", "cancel_auction",
              "buy_now", "extend_outage"}

# tag: name, fields, the commands it may follow from
EVENTS = {
    1: ("ledger_created", [], {"create_ledger"}),
    2: ("engine_opened", [], {"open_engine"}),
    3: ("currency_registered", [("currency", "u16")], {"register_currency"}),
    4: ("user_registered", [("user", "u32")], {"register_user"}),
    5: ("charged", [], {"charge"}),
    6: ("withdrawn", [], {"withdraw"}),
    7: ("locked", [("user", "u32"), ("amount", "amount"), ("held", "amount")], ON_AUCTION),
    8: ("refunded", [("user", "u32"), ("amount", "amount"), ("reason", REFUNDS)], ON_AUCTION),
    9: ("settled", [("winner", "u32"), ("seller", "u32"), ("amount", "amount"), ("fee", "price")],
        ON_AUCTION),
    10: ("auction_opened", [("auction", "u32"), ("opens_at", "time")], {"open_auction"}),
    11: ("lead_taken", [("price", "price")], {"place_bid"}),
    12: ("maximum_raised", [("price", "price")], {"place_bid"}),
    13: ("bid_absorbed", [("price", "price")], {"place_bid"}),
    14: ("auction_extended", [("closes_at", "time"), ("reason", EXTENSIONS)], ON_AUCTION),
    15: ("auction_closed", [("outcome", OUTCOMES), ("winner", "u32"), ("price", "price")],
         ON_AUCTION),
    16: ("close_confirmed", [("position", "u64"), ("outcome", OUTCOMES)], ON_AUCTION),
    17: ("auction_cancelled", [], ON_AUCTION),
    18: ("bought_now", [("price", "price")], {"place_bid", "buy_now"}),
    19: ("key_rotated", [], {"rotate_key"}),
    20: ("ledger_restored", [], {"restore_ledger"}),
}

# number: code and what the limit is called; a code without such a name has limit 0
REJECTIONS = {
    20: ("seller_cannot_bid", None), 21: ("not_permitted", None),
    22: ("user_already_registered", None), 23: ("currency_already_registered", None),
    24: ("auction_already_opened", None), 25: ("reference_already_used", None),
    30: ("auction_not_open", None), 31: ("auction_ended", None), 32: ("auction_cancelled", None),
    33: ("auction_already_closed", None), 34: ("auction_not_ended", None),
    35: ("auction_has_bids", None), 36: ("closes_at_too_early", None),
    37: ("buy_now_not_offered", None), 38: ("buy_now_ended", None),
    40: ("bid_below_opening", "minimum"), 41: ("bid_below_minimum", "minimum"),
    42: ("bid_not_above_own_maximum", "maximum"), 50: ("exceeds_available", "available"),
    60: ("overflows_total_charged", None), 61: ("overflows_price", None),
    62: ("overflows_currencies", None),
}
REJECTION_NUMBERS = {code: number for number, (code, _) in REJECTIONS.items()}

ACTORS = {0xFFFFFFFE: "operator", 0xFFFFFFFD: "payment", 0xFFFFFFFC: "system",
          0xFFFFFFFF: "herself"}


def read_fields(cursor, fields):
    """The fields of a command or an event, each by its name."""
    return {name: cursor.choice(kind) if isinstance(kind, dict) else getattr(cursor, kind)()
            for name, kind in fields}


def read_opening(cursor):
    """The command `open_auction`."""
    command = {"auction": cursor.name(), "title": cursor.long_text(), "seller": cursor.u32(),
               "currency": cursor.u16(), "opens_at": None, "closes_at": None}
    present = cursor.u8()
    demand(present & ~3 == 0, f"unknown bits in the parts present: {present}")
    if present & 1:
        command["opens_at"] = cursor.time()
    if present & 2:
        command["closes_at"] = cursor.time()
    demand(present != 3 or command["closes_at"] > command["opens_at"], "closes before it opens")
    command["rules"] = read_rules(cursor, command["closes_at"])
    return command


def read_rules(cursor, closes_at):
    """The rules an auction is opened with, refused where they contradict themselves."""
    demand(cursor.u8() == 0, "an unknown auction format")
    flags = cursor.u32()
    demand(flags < 1 << 15, f"unknown flags in the rules: {flags:#x}")
    has = lambda bit: bool(flags >> bit & 1)
    rules = {"opening_price": cursor.amount(), "proxy": has(0), "table": None, "share": None,
             "reserve": None, "buy_now": None, "until": None, "soft_close": None,
             "duration_ms": None, "seller_fee": None, "buyer_fee": None, "operator_only": False,
             "outage": None}
    if has(1):
        rules["share"] = cursor.u16()
        demand(1 <= rules["share"] <= 10_000, "a step is a share beyond 1 to 10,000")
    else:
        rules["table"] = [(cursor.price(), cursor.amount()) for _ in range(cursor.u8())]
        starts = [start for start, _ in rules["table"]]
        demand(1 <= len(starts) <= 64 and starts[0] == 0, "a table of steps without a first row")
        demand(all(a < b for a, b in zip(starts, starts[1:])), "a table of steps does not rise")
    if has(2):
        rules["reserve"] = cursor.price()
        demand(rules["reserve"] >= rules["opening_price"], "a reserve below the opening price")
    if has(3):
        rules["buy_now"] = cursor.price()
        rules["until"] = cursor.choice({0: "first_bid", 1: "reserve_met", 2: "end"})
        demand(rules["buy_now"] >= max(rules["opening_price"], rules["reserve"] or 0),
               "a buy-now price below opening price or reserve")
        demand(rules["until"] != "reserve_met" or has(2), "until reserve_met without a reserve")
    if has(4):
        soft = {"window_ms": read_duration(cursor), "extension_ms": read_duration(cursor),
                "mode": cursor.choice({0: "reset", 1: "add"}),
                "trigger": cursor.choice({0: "accepted_bid", 1: "price_change", 2: "lead_change"}),
                "max_extensions": cursor.u32() if has(5) else None,
                "latest_end": cursor.time() if has(6) else None}
        demand(soft["max_extensions"] != 0, "at most no extensions")
        demand(soft["latest_end"] is None or closes_at is None or soft["latest_end"] >= closes_at,
               "a latest end before closes_at")
        rules["soft_close"] = soft
    demand(has(4) or not (has(5) or has(6)), "bounds of a soft close without one")
    if has(7):
        rules["duration_ms"] = read_duration(cursor)
        demand(closes_at is None, "both closes_at and a duration")
    demand(not has(4) or has(7) or closes_at is not None, "a soft close without an end")
    for bit, most, name in ((8, 10, "seller_fee"), (9, 11, "buyer_fee")):
        if has(bit):
            rules[name] = read_fee(cursor, has(most))
        demand(has(bit) or not has(most), "the maximum of a fee that is not there")
    if has(12):
        rules["operator_only"] = cursor.choice({1: True})
    if has(13):
        rules["outage"] = {"longer_than_ms": read_duration(cursor),
                           "move_ms": read_duration(cursor) if has(14) else None}
    demand(has(13) or not has(14), "a move after an outage of no length")
    for name in ("opening_price", "reserve", "buy_now"):
        price = rules[name]
        demand(price is None or price + fee_on(price, rules["buyer_fee"]) <= INT64_MAX,
               f"the {name} and its premium are beyond 2^63")
    return rules


def read_duration(cursor):
    duration = cursor.i64()
    demand(1 <= duration <= 316_224_000_000, f"a duration of {duration} ms")
    return duration


def read_fee(cursor, has_maximum):
    fee = {"basis_points": cursor.u16(), "fixed": cursor.price(), "minimum": cursor.price(),
           "maximum": cursor.price() if has_maximum else None}
    demand(fee["basis_points"] <= 10_000, "a fee of more than the whole")
    demand(fee["maximum"] is None or fee["maximum"] >= fee["minimum"], "a fee's maximum < minimum")
    demand(any(fee.values()) or fee["maximum"] is not None, "a fee of nothing is written out")
    return fee


class Entry:
    """One record of the log, decoded."""

    __slots__ = ("kind", "position", "time", "actor", "command_id", "command", "events",
                 "rejection", "links", "salt")


ENTRY_HEADER = struct.Struct("<BBHIQq16s")


def read_entry(data):
    """An entry from exactly its bytes."""
    demand(40 <= len(data) <= 65_535, f"an entry of {len(data)} bytes")
    kind, flags, command_size, actor, position, time, command_id = ENTRY_HEADER.unpack_from(data)
    demand(flags & ~7 == 0, f"unknown flags {flags:#x}")
    demand(kind in COMMANDS, f"unknown kind {kind}")
    demand(not 0xFFFFFFF0 <= actor <= 0xFFFFFFFB, f"an unknown actor {actor:#x}")
    demand(40 + command_size <= len(data), "the command goes beyond the entry")
    demand(0 <= time <= LAST_TIME, f"a time of {time}")
    entry = Entry()
    entry.kind, entry.position, entry.time = COMMANDS[kind][0], position, time
    entry.actor, entry.command_id = ACTORS.get(actor, actor), command_id

    cursor = Cursor(data, 40, 40 + command_size)
    fields = COMMANDS[kind][1]
    entry.command = read_opening(cursor) if fields is None else read_fields(cursor, fields)
    cursor.closed("the command")

    cursor.end = len(data)
    if flags & 1:
        entry.events, entry.rejection = None, read_rejection(cursor)
    else:
        entry.rejection, entry.events = None, [read_event(cursor, entry.kind)
                                               for _ in range(cursor.u16())]
    count = cursor.u8()
    entry.links = [cursor.u64() if flags & 2 else cursor.u32() for _ in range(count)]
    entry.salt = cursor.take(8) if flags & 4 else None
    cursor.closed("the links and the salt")
    demand(bool(flags & 2) == any(link > 0xFFFFFFFF for link in entry.links),
           "links of 8 bytes where 4 suffice")
    demand(kind >= 16 or (actor == 0xFFFFFFFC and not any(command_id)),
           "an entry of the engine's own with another actor or a command id")
    demand(kind < 16 or actor != 0xFFFFFFFC, "the engine asks for what it may not")
    demand(actor != 0xFFFFFFFF or entry.kind == "register_user", "herself, but registers nobody")
    return entry


def read_event(cursor, command):
    tag = cursor.u8()
    demand(tag in EVENTS, f"unknown event {tag}")
    name, fields, commands = EVENTS[tag]
    demand(command in commands, f"the event {name} cannot follow from {command}")
    item = {"event": name} | read_fields(cursor, fields)
    if name == "auction_extended":
        demand((item["reason"] == "outage") == (command == "extend_outage"),
               f"the end is moved for the reason {item['reason']} by {command}")
    return item


def read_rejection(cursor):
    number, limit = cursor.u16(), cursor.i64()
    demand(number in REJECTIONS, f"unknown rejection {number}")
    code, limit_name = REJECTIONS[number]
    demand(limit_name or limit == 0, f"a limit of {limit} with {code}")
    return (code, limit)


FRAME_HEADER = struct.Struct("<4sHHII16sIIQQq32sQQ")


class Frame:
    """The header of a frame and the bytes of its entries."""

    __slots__ = ("ledger", "epoch", "number", "position", "time", "root", "horizon",
                 "horizon_position", "entries")


def read_frame(data):
    """A frame from exactly its bytes."""
    demand(len(data) >= 120, f"a frame of {len(data)} bytes")
    (magic, version, header_size, flags, count, ledger, epoch, size, number, position, time, root,
     horizon, horizon_position) = FRAME_HEADER.unpack_from(data)
    demand(magic == b"GVLF", "no frame: the magic is missing")
    demand(version == 1, f"format {version}; this program knows format 1")
    demand(header_size == 120 and flags == 0, "an unknown header size or flag")
    check = hashlib.sha256(b"\x02" + data[:112]).digest()[:8]
    demand(data[112:120] == check, "the check of the frame's header does not fit")
    demand(count >= 1, "a frame without entries")
    demand(len(data) == 120 + 4 * count + size, "the frame's length is not what its header says")
    ends = struct.unpack_from(f"<{count}I", data, 120)
    demand(ends[-1] == size and all(a < b for a, b in zip((0, *ends), ends)),
           "the ends of the entries do not rise to the end of the frame")
    frame = Frame()
    frame.ledger, frame.epoch, frame.number, frame.position = ledger.hex(), epoch, number, position
    frame.time, frame.root = time, root
    frame.horizon, frame.horizon_position = horizon, horizon_position
    base = 120 + 4 * count
    frame.entries = [data[base + start:base + end] for start, end in zip((0, *ends), ends)]
    return frame


# -------------------------------------------------------------------------------------------------
# 2. Hashes: the Merkle tree of RFC 6962.


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_hash(entry_bytes):
    return hashlib.sha256(b"\x00" + entry_bytes).digest()


class Tree:
    """A tree that grows by one leaf at a time.

    It keeps the roots of the perfect subtrees that the leaves so far fall into, largest first:
    their sizes are the powers of two in the number of leaves.
    """

    def __init__(self):
        self.size, self.peaks, self.tiles = 0, [], {}

    def append(self, leaf):
        index, self.size = self.size, self.size + 1
        level, merged, tile = 0, leaf, b""
        while index >> level & 1:  # two perfect subtrees of one size make the next larger one
            merged = node(self.peaks.pop(), merged)
            level += 1
            if level % 8 == 0:
                tile += merged
        self.peaks.append(merged)
        if tile:
            self.tiles[index // 256] = tile

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node(peak, root)
        return root


# -------------------------------------------------------------------------------------------------
# 4. Money and auctions: what the events add up to.


class Wallets:
    """Two amounts for each user and currency, and for which auctions the locked one is held."""

    def __init__(self):
        self.available, self.locked = defaultdict(int), defaultdict(int)
        self.holds = defaultdict(dict)  # (user, currency): {auction: amount}
        self.charged, self.withdrawn = defaultdict(int), defaultdict(int)  # by currency
        self.sum = defaultdict(int)  # by currency: of all available and locked
        self.touched = set()

    def move(self, user, currency, available=0, locked=0):
        wallet = (user, currency)
        self.available[wallet] += available
        self.locked[wallet] += locked
        self.sum[currency] += available + locked
        self.touched.add(wallet)
        demand(self.available[wallet] >= 0, f"user {user} has {self.available[wallet]} available")
        demand(self.locked[wallet] >= 0, f"user {user} has {self.locked[wallet]} locked")

    def hold(self, user, currency, auction, change):
        """Changes what an auction holds of a user; returns what it holds then."""
        holds = self.holds[user, currency]
        held = holds.pop(auction, 0) + change
        demand(held >= 0, f"auction {auction} gives back more than it holds of user {user}")
        if held:
            holds[auction] = held
        return held

    def held(self, user, currency, auction):
        return self.holds[user, currency].get(auction, 0)

    def check(self):
        """What must be true wherever a frame ends."""
        for user, currency in self.touched:
            wallet = (user, currency)
            demand(self.locked[wallet] == sum(self.holds[wallet].values()),
                   f"user {user} has {self.locked[wallet]} locked, not what auctions hold")
        for currency in {currency for _, currency in self.touched}:
            demand(self.sum[currency] == self.charged[currency] - self.withdrawn[currency],
                   f"currency {currency} does not add up to what was charged less withdrawn")
        self.touched.clear()


class Auction:
    """An auction as the entries so far have it."""

    def __init__(self, handle, command, opens_at):
        self.handle, self.name, self.title = handle, command["auction"], command["title"]
        self.seller, self.currency = command["seller"], command["currency"]
        self.opens_at, self.end, self.rules = opens_at, command["closes_at"], command["rules"]
        self.state = "open"  # then "closed" or "cancelled"
        self.leader, self.maximum, self.price = None, 0, 0
        self.bids = self.accepted = self.soft_extensions = 0
        self.best_maximum = 0  # of whoever has ever led
        self.outcome, self.winner, self.closed_at_position = None, None, None

    def status(self, time):
        return "scheduled" if self.state == "open" and time < self.opens_at else self.state


class Books:
    """Everything the entries so far say. `apply` believes events but holds that money adds up."""

    def __init__(self):
        self.position, self.time = 0, None
        self.ledger, self.epoch, self.version = None, None, None
        self.key = None  # the public key that signs, once a rotation has named one
        self.keys = set()  # all that rotations have named
        self.restored = []  # positions of restore_ledger, and how many entries there had been
        self.users, self.user_handles = ["house"], {"house": HOUSE}
        self.currencies, self.currency_handles = [], {}
        self.auctions, self.auction_handles = [], {}
        self.references = set()
        self.wallets = Wallets()
        self.touched_auctions = set()

    def apply(self, entry):
        if entry.kind == "place_bid":
            self.auctions[entry.command["auction"]].bids += 1
            if entry.events is not None:
                self.auctions[entry.command["auction"]].accepted += 1
        for event in entry.events or ():
            getattr(self, event["event"])(entry, entry.command, event)
        if entry.kind in ON_AUCTION:
            self.touched_auctions.add(entry.command["auction"])
        self.position, self.time = entry.position + 1, entry.time

    def check(self):
        """What must be true wherever a frame ends."""
        self.wallets.check()
        for handle in self.touched_auctions:
            auction = self.auctions[handle]
            holders = {auction.seller, HOUSE} | ({auction.leader} - {None})
            held = {user: amount for user in holders
                    if (amount := self.wallets.held(user, auction.currency, handle))}
            leads = auction.state == "open" and auction.leader is not None
            premium = fee_on(auction.maximum, auction.rules["buyer_fee"])
            demand(held == ({auction.leader: auction.maximum + premium} if leads else {}),
                   f"auction {handle} holds {held}, not what its leader's bid needs")
        self.touched_auctions.clear()

    # -- One method an event. --

    def ledger_created(self, _, command, __):
        self.ledger = command["ledger"]

    def ledger_restored(self, entry, command, _):
        self.ledger, self.key = command["ledger"], None
        self.restored.append((entry.position, command["checkpoint_size"]))

    def engine_opened(self, _, command, __):
        self.epoch, self.version = command["epoch"], command["version"]

    def key_rotated(self, _, command, __):
        self.key = command["key"]
        self.keys |= {command["previous"], command["key"]}

    def currency_registered(self, _, command, event):
        demand(event["currency"] == len(self.currencies), "a handle that is not the next")
        self.currency_handles[command["currency"]] = event["currency"]
        self.currencies.append((command["currency"], command["scale"]))

    def user_registered(self, _, command, event):
        demand(event["user"] == len(self.users), "a handle that is not the next")
        self.user_handles[command["user"]] = event["user"]
        self.users.append(command["user"])

    def charged(self, entry, command, _):
        self.wallets.charged[command["currency"]] += command["amount"]
        self.wallets.move(command["user"], command["currency"], available=command["amount"])
        self.references.add((entry.kind, command["user"], command["reference"]))

    def withdrawn(self, entry, command, _):
        self.wallets.withdrawn[command["currency"]] += command["amount"]
        self.wallets.move(command["user"], command["currency"], available=-command["amount"])
        self.references.add((entry.kind, command["user"], command["reference"]))

    def auction_opened(self, _, command, event):
        demand(event["auction"] == len(self.auctions), "a handle that is not the next")
        auction = Auction(event["auction"], command, event["opens_at"])
        self.auction_handles[auction.name] = auction.handle
        self.auctions.append(auction)

    def locked(self, _, command, event):
        auction = self.auctions[command["auction"]]
        user, amount = event["user"], event["amount"]
        self.wallets.move(user, auction.currency, available=-amount, locked=amount)
        held = self.wallets.hold(user, auction.currency, auction.handle, amount)
        demand(held == event["held"],
               f"user {user} has {held} held, the event says {event['held']}")

    def refunded(self, _, command, event):
        auction = self.auctions[command["auction"]]
        user, amount = event["user"], event["amount"]
        self.wallets.hold(user, auction.currency, auction.handle, -amount)
        self.wallets.move(user, auction.currency, available=amount, locked=-amount)

    def settled(self, _, command, event):
        auction = self.auctions[command["auction"]]
        winner, seller = event["winner"], event["seller"]
        amount, fee = event["amount"], event["fee"]
        demand(fee <= amount, f"a fee of {fee} of {amount}")
        demand(auction.winner == winner and auction.seller == seller, "settled between others")
        self.wallets.hold(winner, auction.currency, auction.handle, -amount)
        self.wallets.move(winner, auction.currency, locked=-amount)
        self.wallets.move(seller, auction.currency, available=amount - fee)
        if fee:
            self.wallets.move(HOUSE, auction.currency, available=fee)

    def lead_taken(self, _, command, event):
        auction = self.auctions[command["auction"]]
        auction.leader, auction.maximum = command["bidder"], command["amount"]
        auction.best_maximum = max(auction.best_maximum, auction.maximum)
        auction.price = event["price"]

    maximum_raised = lead_taken

    def bid_absorbed(self, _, command, event):
        self.auctions[command["auction"]].price = event["price"]

    def auction_extended(self, _, command, event):
        auction = self.auctions[command["auction"]]
        auction.soft_extensions += event["reason"] == "soft_close"
        auction.end = event["closes_at"]

    def bought_now(self, entry, command, event):
        auction = self.auctions[command["auction"]]
        auction.leader = command["buyer" if entry.kind == "buy_now" else "bidder"]
        auction.price = event["price"]

    def auction_closed(self, entry, command, event):
        auction = self.auctions[command["auction"]]
        demand(auction.state == "open", f"auction {auction.handle} leaves open twice")
        auction.state, auction.outcome = "closed", event["outcome"]
        auction.winner = None if event["winner"] == NOBODY else event["winner"]
        auction.closed_at_position = entry.position

    def auction_cancelled(self, _, command, __):
        auction = self.auctions[command["auction"]]
        demand(auction.state == "open", f"auction {auction.handle} leaves open twice")
        auction.state = "cancelled"

    def close_confirmed(self, _, command, event):
        auction = self.auctions[command["auction"]]
        demand(event["position"] == auction.closed_at_position, "confirms another closing")


# -------------------------------------------------------------------------------------------------
# 5. Rules: the outcome a command must have, from what the entries before say. Each function returns
# the events in their order, or raises the rejection that comes first by the article "Errors".


class No(Exception):
    """A rejection: its code and its limit."""

    def __init__(self, code, limit=0):
        super().__init__(code)
        self.rejection = (code, limit)


def unless(condition, code, limit=0):
    if not condition:
        raise No(code, limit)


def fee_on(price, fee):
    """What a fee is on a hammer price."""
    if fee is None:
        return 0
    amount = max(fee["minimum"], price * fee["basis_points"] // 10_000 + fee["fixed"])
    return amount if fee["maximum"] is None else min(fee["maximum"], amount)


def step_at(price, rules):
    """How far above a price the next bid must lie."""
    if rules["share"] is not None:
        return max(1, -(-price * rules["share"] // 10_000))
    return [step for start, step in rules["table"] if start <= price][-1]


def event(name, **fields):
    return {"event": name} | fields


class Rules:
    """What each command's outcome must be."""

    def __init__(self, books):
        self.books = books

    def outcome(self, entry):
        """(events, None) or (None, rejection)."""
        try:
            return getattr(self, entry.kind)(entry, entry.command), None
        except No as no:
            return None, no.rejection

    # -- The engine's own entries. --

    def create_ledger(self, _, __):
        return [event("ledger_created")]

    def open_engine(self, _, __):
        return [event("engine_opened")]

    def rotate_key(self, _, __):
        return [event("key_rotated")]

    def restore_ledger(self, _, __):
        return [event("ledger_restored")]

    def close_due(self, _, command):
        return self.closing(self.books.auctions[command["auction"]])

    def extend_outage(self, _, command):
        outage = self.books.auctions[command["auction"]].rules["outage"]
        if outage is None or outage["move_ms"] is None:
            return []
        end = min(command["until"] + outage["move_ms"] * MILLISECOND, LAST_TIME)
        return [event("auction_extended", closes_at=end, reason="outage")]

    # -- Registering and paying. --

    def register_currency(self, entry, command):
        unless(entry.actor == "operator", "not_permitted")
        unless(command["currency"] not in self.books.currency_handles,
               "currency_already_registered")
        unless(len(self.books.currencies) < 1_000, "overflows_currencies")
        return [event("currency_registered", currency=len(self.books.currencies))]

    def register_user(self, entry, command):
        handle = self.books.user_handles.get(command["user"])
        unless(entry.actor in ("operator", "herself"), "not_permitted")
        unless(handle is None, "user_already_registered")
        return [event("user_registered", user=len(self.books.users))]

    def charge(self, entry, command):
        unless(entry.actor in ("operator", "payment"), "not_permitted")
        self.fresh_reference(entry.kind, command)
        total = self.books.wallets.charged[command["currency"]] + command["amount"]
        unless(total <= INT64_MAX, "overflows_total_charged")
        return [event("charged")]

    def withdraw(self, entry, command):
        unless(entry.actor in ("operator", "payment", command["user"]), "not_permitted")
        self.fresh_reference(entry.kind, command)
        self.covered(command["user"], command["currency"], command["amount"])
        return [event("withdrawn")]

    def fresh_reference(self, kind, command):
        unless((kind, command["user"], command["reference"]) not in self.books.references,
               "reference_already_used")

    def covered(self, user, currency, amount):
        available = self.books.wallets.available.get((user, currency), 0)
        unless(amount <= available, "exceeds_available", available)

    # -- Opening and ending auctions. --

    def open_auction(self, entry, command):
        unless(entry.actor in ("operator", command["seller"]) and command["seller"] != HOUSE,
               "not_permitted")
        unless(command["auction"] not in self.books.auction_handles, "auction_already_opened")
        opens_at = entry.time if command["opens_at"] is None else command["opens_at"]
        end = command["closes_at"]
        unless(end is None or end > max(entry.time, opens_at), "closes_at_too_early")
        return [event("auction_opened", auction=len(self.books.auctions), opens_at=opens_at)]

    def close_auction(self, entry, command):
        auction = self.books.auctions[command["auction"]]
        running = auction.state == "open" and (auction.end is None or entry.time < auction.end)
        if running and command["hammer"]:
            unless(entry.actor in ("operator", auction.seller), "not_permitted")
            unless(entry.time >= auction.opens_at, "auction_not_open")
            return self.closing(auction)
        unless(auction.state != "cancelled", "auction_cancelled")
        unless(not running, "auction_not_ended")
        return [event("close_confirmed", position=auction.closed_at_position,
                      outcome=auction.outcome)]

    def extend_auction(self, entry, command):
        auction = self.books.auctions[command["auction"]]
        unless(entry.actor == "operator", "not_permitted")
        self.still_open(auction)
        unless(auction.end is not None
               and command["closes_at"] > max(entry.time, auction.opens_at, auction.end),
               "closes_at_too_early")
        return [event("auction_extended", closes_at=command["closes_at"], reason="operator")]

    def cancel_auction(self, entry, command):
        auction = self.books.auctions[command["auction"]]
        seller = entry.actor == auction.seller and not auction.rules["operator_only"]
        unless(entry.actor == "operator" or seller, "not_permitted")
        self.still_open(auction)
        unless(entry.actor == "operator" or auction.leader is None, "auction_has_bids")
        return [event("auction_cancelled")] + self.refund(auction, "cancelled")

    def still_open(self, auction):
        unless(auction.state != "cancelled", "auction_cancelled")
        unless(auction.state == "open", "auction_already_closed")

    def closing(self, auction):
        """The events that end an auction."""
        if auction.leader is None:
            return [event("auction_closed", outcome="no_bids", winner=NOBODY, price=0)]
        price, reserve = auction.price, auction.rules["reserve"]
        if reserve is not None and price < reserve:
            return [event("auction_closed", outcome="reserve_not_met", winner=NOBODY, price=price)
                    ] + self.refund(auction, "reserve_not_met")
        held = self.books.wallets.held(auction.leader, auction.currency, auction.handle)
        return self.sale(auction, auction.leader, price, held)

    def refund(self, auction, reason):
        if auction.leader is None:
            return []
        held = self.books.wallets.held(auction.leader, auction.currency, auction.handle)
        return [event("refunded", user=auction.leader, amount=held, reason=reason)]

    def sale(self, auction, winner, price, held):
        """Closed as sold; the winner's hold pays and the rest comes back."""
        premium = fee_on(price, auction.rules["buyer_fee"])
        fee = premium + min(price, fee_on(price, auction.rules["seller_fee"]))
        events = [event("auction_closed", outcome="sold", winner=winner, price=price),
                  event("settled", winner=winner, seller=auction.seller, amount=price + premium,
                        fee=fee)]
        if held > price + premium:
            events.append(event("refunded", user=winner, amount=held - price - premium,
                                reason="change"))
        return events

    # -- Bidding. --

    def admitted(self, entry, auction, buyer):
        """Who may bid or buy, and when."""
        unless(buyer != auction.seller, "seller_cannot_bid")
        unless(entry.actor in ("operator", buyer) and buyer != HOUSE, "not_permitted")
        unless(auction.state != "cancelled", "auction_cancelled")  # whatever its times are
        unless(entry.time >= auction.opens_at, "auction_not_open")
        unless(auction.state == "open" and (auction.end is None or entry.time < auction.end),
               "auction_ended")

    def buy_now(self, entry, command):
        auction, buyer = self.books.auctions[command["auction"]], command["buyer"]
        rules = auction.rules
        self.admitted(entry, auction, buyer)
        unless(rules["buy_now"] is not None, "buy_now_not_offered")
        ended = {"first_bid": auction.leader is not None,
                 "reserve_met": auction.best_maximum >= (rules["reserve"] or 0), "end": False}
        unless(not ended[rules["until"]] and auction.price < rules["buy_now"], "buy_now_ended")
        return self.purchase(auction, buyer)

    def purchase(self, auction, buyer):
        price = auction.rules["buy_now"]
        cost = price + fee_on(price, auction.rules["buyer_fee"])
        events, held = [event("bought_now", price=price)], 0
        if auction.leader == buyer:
            held = self.books.wallets.held(buyer, auction.currency, auction.handle)
        else:
            events += self.refund(auction, "bought_now")
        self.covered(buyer, auction.currency, cost - held)
        if cost > held:
            events.append(event("locked", user=buyer, amount=cost - held, held=cost))
        return events + self.sale(auction, buyer, price, max(held, cost))

    def place_bid(self, entry, command):
        auction, bidder, amount = (self.books.auctions[command["auction"]], command["bidder"],
                                   command["amount"])
        rules = auction.rules
        self.admitted(entry, auction, bidder)
        if auction.leader is None:
            unless(amount >= rules["opening_price"], "bid_below_opening", rules["opening_price"])
            if rules["buy_now"] is not None and amount >= rules["buy_now"]:
                return [event("lead_taken", price=rules["buy_now"])
                        ] + self.purchase(auction, bidder)
        name, price = self.bid(auction, bidder, amount)
        needed = self.needed(auction, bidder, amount)
        self.covered(bidder, auction.currency, needed)
        events = [event(name, price=price)]
        if name == "lead_taken":
            events += self.refund(auction, "outbid")
        if name != "bid_absorbed":
            held = amount + fee_on(amount, rules["buyer_fee"])
            events.append(event("locked", user=bidder, amount=needed, held=held))
        return events + self.new_end(entry, auction, name, price)

    def needed(self, auction, bidder, amount):
        """What a bid takes from the available: itself and its premium, less what is held."""
        whole = amount + fee_on(amount, auction.rules["buyer_fee"])
        return whole - self.books.wallets.held(bidder, auction.currency, auction.handle)

    def bid(self, auction, bidder, amount):
        """What an admitted bid does by the rules of price: the event's name and its price."""
        rules, price, maximum = auction.rules, auction.price, auction.maximum
        # A maximum that reaches the reserve brings the price up to it.
        reserve = rules["reserve"] if rules["reserve"] is not None else 0
        jump = lambda reached: max(reached, reserve) if amount >= reserve else reached
        if auction.leader is None:
            return "lead_taken", jump(rules["opening_price"]) if rules["proxy"] else amount
        if rules["proxy"] and auction.leader == bidder:
            unless(amount > maximum, "bid_not_above_own_maximum", maximum)
            return "maximum_raised", jump(price)
        minimum = price + step_at(price, rules)
        if minimum > INT64_MAX:  # comes behind the funds in the order of rejections
            self.covered(bidder, auction.currency, self.needed(auction, bidder, amount))
            raise No("overflows_price")
        unless(amount >= minimum, "bid_below_minimum", minimum)
        if not rules["proxy"]:
            return ("maximum_raised" if auction.leader == bidder else "lead_taken"), amount
        if amount <= maximum:
            return "bid_absorbed", min(maximum, amount + step_at(amount, rules))
        return "lead_taken", jump(min(amount, maximum + step_at(maximum, rules)))

    def new_end(self, entry, auction, name, price):
        """The event by which a bid moves the end, if it does."""
        rules, soft = auction.rules, auction.rules["soft_close"]
        if auction.end is None:
            if rules["duration_ms"] is None:
                return []
            end = entry.time + rules["duration_ms"] * MILLISECOND
            return [event("auction_extended", closes_at=end, reason="first_bid")]
        if soft is None or auction.end - entry.time > soft["window_ms"] * MILLISECOND:
            return []
        triggers = {"accepted_bid": True, "lead_change": name == "lead_taken",
                    "price_change": price != auction.price}
        if not triggers[soft["trigger"]]:
            return []
        if soft["max_extensions"] is not None and auction.soft_extensions >= soft["max_extensions"]:
            return []
        start = auction.end if soft["mode"] == "add" else entry.time
        end = start + soft["extension_ms"] * MILLISECOND
        if soft["latest_end"] is not None:
            end = min(end, soft["latest_end"])
        if end <= auction.end:
            return []
        return [event("auction_extended", closes_at=end, reason="soft_close")]


# -------------------------------------------------------------------------------------------------
# 3 and all the rest: the audit reads frames in order and holds each against the ones before.


class Audit:
    """A run over a log from its first frame on."""

    def __init__(self, on_entry=None, root_at=None):
        self.tree, self.books, self.frames = Tree(), Books(), 0
        self.rules = Rules(self.books)
        self.on_entry = on_entry
        self.root_at, self.root_there = root_at, None  # a size whose root is asked for
        self.chains = {}  # ("auction" or "user", handle): its last position
        self.command_ids = set()
        self.newest_id = []  # for each position, the latest time of any command id up to it
        self.horizon = 0
        self.counts = {"accepted": 0, "rejected": 0}
        if root_at == 0:
            self.root_there = self.tree.root()

    def take_frame(self, key, data):
        """One value of the table `frames`."""
        try:
            frame = read_frame(data)
            demand(key == frame.position == self.books.position, "positions are not dense: the "
                   f"frame at key {key} says {frame.position}, {self.books.position} is next")
            demand(frame.number == self.frames, f"frame number {frame.number}, not {self.frames}")
        except Finding as finding:
            raise Finding(finding.reason, self.books.position) from None
        horizon = self.horizon
        for entry_bytes in frame.entries:
            position = self.books.position
            try:
                self.take_entry(entry_bytes, horizon)
            except Finding as finding:
                raise Finding(finding.reason, position) from None
        try:
            self.close_frame(frame)
        except Finding as finding:
            raise Finding("at the end of its frame: " + finding.reason, position) from None

    def close_frame(self, frame):
        books = self.books
        demand(frame.time == books.time, "the header's time is not the last entry's")
        demand(frame.ledger == books.ledger, f"ledger id {frame.ledger}, not {books.ledger}")
        demand(frame.epoch == books.epoch, f"epoch {frame.epoch}, not {books.epoch}")
        root = self.tree.root()
        demand(frame.root == root, f"the root is {root.hex()}, the header says {frame.root.hex()}")
        demand(frame.horizon >= self.horizon, "the horizon of command ids falls")
        before = frame.horizon_position
        demand(before <= books.position, "the horizon's position lies beyond the log")
        demand(before == 0 or self.newest_id[before - 1] < frame.horizon,
               "a command id that the horizon still admits stands before the horizon's position")
        self.horizon = frame.horizon
        self.frames += 1
        books.check()

    def take_entry(self, data, horizon):
        self.tree.append(leaf_hash(data))
        if self.tree.size == self.root_at:
            self.root_there = self.tree.root()
        entry = read_entry(data)
        books, command = self.books, entry.command
        demand(entry.position == books.position, f"the entry says it stands at {entry.position}")
        demand(books.time is None or entry.time >= books.time, "its time is before the last one's")
        demand((entry.position == 0) == (entry.kind == "create_ledger"),
               "create_ledger is the first entry, and no other")
        self.check_command_id(entry, horizon)
        self.check_handles(entry)
        self.check_engine(entry)
        events, rejection = self.rules.outcome(entry)
        names = self.expected_chains(entry)
        books.apply(entry)
        demand(rejection == entry.rejection and events == entry.events, "by the rules the outcome "
               f"is {shown(events, rejection)}, stored is {shown(entry.events, entry.rejection)}")
        self.check_links(entry, names)
        self.counts["accepted" if entry.rejection is None else "rejected"] += 1
        if self.on_entry:
            self.on_entry(entry, books)

    def check_command_id(self, entry, horizon):
        latest = self.newest_id[-1] if self.newest_id else -1
        identifier = entry.command_id
        if entry.actor != "system":
            demand(identifier[6] >> 4 == 7 and identifier[8] >> 6 == 2,
                   f"the command id {uuid(identifier)} is no UUID of version 7")
            demand(identifier not in self.command_ids, f"the command id {uuid(identifier)} twice")
            self.command_ids.add(identifier)
            milliseconds = int.from_bytes(identifier[:6], "big")
            demand(milliseconds >= horizon, "a command id that had expired")
            demand(milliseconds * MILLISECOND <= entry.time + 300_000 * MILLISECOND,
                   "a command id more than five minutes ahead of its entry")
            latest = max(latest, milliseconds)
        self.newest_id.append(latest)

    def check_handles(self, entry):
        """Whatever an entry names by a handle was registered before."""
        books, command = self.books, entry.command
        users = [command.get(field) for field in ("seller", "bidder", "buyer")]
        if entry.kind in ("charge", "withdraw"):
            users.append(command["user"])
        users.append(entry.actor if isinstance(entry.actor, int) else None)
        for item in entry.events or ():
            if item["event"] in ("locked", "refunded"):
                users.append(item["user"])
        demand(all(user is None or user < len(books.users) for user in users), "an unknown user")
        if entry.kind in ON_AUCTION:
            demand(command["auction"] < len(books.auctions), "an unknown auction")
        if entry.kind in ("charge", "withdraw", "open_auction"):
            demand(command["currency"] < len(books.currencies), "an unknown currency")

    def check_engine(self, entry):
        """What is particular to the engine's own entries, and closings that are due."""
        books, command = self.books, entry.command
        demand(entry.actor != "system" or entry.rejection is None, "the engine's own is rejected")
        if entry.kind == "open_engine":
            demand(command["epoch"] == (books.epoch or 0) + 1, f"epoch {command['epoch']} "
                   f"after {books.epoch}")
        elif entry.kind == "close_due":
            # Another that ended before may be held open: the log does not say which are.
            auction = books.auctions[command["auction"]]
            demand(auction.state == "open", "closes an auction that is finished")
            demand(auction.end is not None and auction.end <= entry.time,
                   "closes an auction that has not ended")
            demand(entry.time == max(auction.end, books.time),
                   "a closing at another time than the end")
        elif entry.kind == "extend_outage":
            self.check_outage(entry.time, command)
        elif entry.kind == "rotate_key":
            self.check_rotation(command)
        elif entry.kind in ("place_bid", "buy_now", "close_auction"):
            auction = books.auctions[command["auction"]]
            demand(auction.state != "open" or auction.end is None or auction.end > entry.time,
                   f"auction {auction.handle} had ended and was not closed before")

    def check_outage(self, time, command):
        auction = self.books.auctions[command["auction"]]
        since, until, rule = command["since"], command["until"], auction.rules["outage"]
        demand(auction.state == "open", "an outage moves the end of a finished auction")
        demand(rule is not None and rule["move_ms"] is not None,
               "an outage moves an end, but the rules move none")
        demand(until - since > rule["longer_than_ms"] * MILLISECOND,
               "an outage moves an end, but was not longer than the rules let pass")
        demand(auction.end is not None and since < auction.end <= until,
               "an outage moves an end that did not come while it lasted")
        demand(time >= until, "an outage moves an end before it is over")

    def check_rotation(self, command):
        former, new = command["previous"], command["key"]
        demand(self.books.key in (None, former),
               "the rotation names a former key that is not the last one")
        message = f"gavel.rotate-key/v1\n{self.books.ledger}\n{former}\n{new}\n".encode()
        signature = bytes.fromhex(command["signature"])
        demand(signature_fits(bytes.fromhex(former), signature, message),
               "the rotation is not signed by the former key")

    def expected_chains(self, entry):
        """The chains an entry belongs to, in the order of its links."""
        command, chains = entry.command, []
        if entry.kind in ON_AUCTION:
            chains.append(("auction", command["auction"]))
        payer = command["user"] if entry.kind in ("charge", "withdraw") else None
        for user in (payer, command.get("seller"), command.get("bidder"), command.get("buyer")):
            if user is not None:
                chains.append(("user", user))
        for item in entry.events or ():
            kind = item["event"]
            if kind == "auction_opened":
                chains.append(("auction", item["auction"]))
            elif kind in ("user_registered", "refunded"):
                chains.append(("user", item["user"]))
            elif kind == "settled":
                chains += [("user", item["winner"]), ("user", item["seller"])]
                if item["fee"]:
                    chains.append(("user", HOUSE))
        return list(dict.fromkeys(chains))  # each once, where it comes first

    def check_links(self, entry, names):
        expected = []
        for name in names:
            expected.append(entry.position - self.chains[name] if name in self.chains else 0)
            self.chains[name] = entry.position
        demand(entry.links == expected, f"its links are {entry.links}, not {expected}")

    def finish(self):
        """What is true of the whole: all wallets once more from the ground up."""
        wallets = self.books.wallets
        totals = defaultdict(int)
        for (_, currency), amount in [*wallets.available.items(), *wallets.locked.items()]:
            totals[currency] += amount
        for currency, total in totals.items():
            demand(total == wallets.charged[currency] - wallets.withdrawn[currency],
                   f"currency {currency} does not add up at the end")


def shown(events, rejection):
    if rejection:
        return f"rejected {rejection[0]} {rejection[1]}"
    return "; ".join(" ".join(str(value) for value in item.values()) for item in events)


# -------------------------------------------------------------------------------------------------
# 6. Checkpoints: C2SP signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).


def signature_fits(key, signature, message):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False


def base64_bytes(text):
    """Bytes from base64 exactly as a writer writes it. Raises ValueError."""
    data = base64.b64decode(text, validate=True)  # binascii.Error is a ValueError
    if base64.b64encode(data).decode() != text:
        raise ValueError("bits left over")
    return data


def read_vkey(text):
    """A verifier key `name+hexkeyid+base64(0x01 ‖ key)`, or a file of it: its name, id and key."""
    if os.path.isfile(text):
        with open(text, encoding="utf-8") as file:
            text = file.read()
    try:
        name, key_id, encoded = text.strip().split("+", 2)
        blob = base64_bytes(encoded)
    except ValueError:
        raise SystemExit(usage(f"--key: {text!r} is not of the form name+keyid+base64")) from None
    if len(blob) != 33 or blob[0] != 1:
        raise SystemExit(usage("--key: only Ed25519 keys (type 1, 32 bytes) are known"))
    expected = hashlib.sha256(name.encode() + b"\n" + blob).digest()[:4]
    if key_id != expected.hex():
        raise SystemExit(usage(f"--key: its id is {key_id}, its key's id is {expected.hex()}"))
    return name, expected, blob[1:]


def read_checkpoint(note, vkey):
    """The origin, size and root of a note, once its signature by this key fits."""
    name, key_id, key = read_vkey(vkey)
    try:
        text, _, signatures = note.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError:
        raise Finding("the checkpoint is not UTF-8") from None
    demand(signatures.endswith("\n"), "the checkpoint has no signature lines")
    body, signed = text + "\n", False
    for line in signatures[:-1].split("\n"):
        match = re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)", line)
        demand(match, f"the checkpoint has a line that is no signature: {line!r}")
        try:
            blob = base64_bytes(match[2])
        except ValueError:
            raise Finding("a signature of the checkpoint is not base64") from None
        if match[1] == name and blob[:4] == key_id:  # signatures by other keys are not ours
            demand(signature_fits(key, blob[4:], body.encode()),
                   f"the checkpoint's signature by {name} does not fit")
            signed = True
    demand(signed, f"the checkpoint has no signature by {name}")
    lines = text.split("\n")
    demand(len(lines) >= 3, "the checkpoint lacks its origin, size or root")
    demand(lines[0] == name, f"the checkpoint is of {lines[0]!r}, the key of {name!r}")
    demand(re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]), f"the checkpoint's size is {lines[1]!r}")
    try:
        root = base64_bytes(lines[2])
    except ValueError:
        raise Finding("the checkpoint's root is not base64") from None
    demand(len(root) == 32, "the checkpoint's root is not 32 bytes")
    return lines[0], int(lines[1]), root, key


def hold_against_checkpoint(audit, checkpoint):
    _, size, root, key = checkpoint
    demand(size <= audit.tree.size,
           f"the checkpoint covers {size} entries, the log has {audit.tree.size}: it was cut off")
    demand(audit.root_there == root, f"the root at {size} is {audit.root_there.hex()}, the "
           f"checkpoint says {root.hex()}: the log was written anew")
    demand(not audit.books.keys or key.hex() in audit.books.keys,
           "the checkpoint's key is none of the keys that the log's rotations name")


# -------------------------------------------------------------------------------------------------
# What is printed.


def uuid(identifier):
    text = identifier.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def time_text(time):
    """RFC 3339 in UTC with three decimals, nine where they are needed."""
    if time is None:
        return None
    seconds, nanoseconds = divmod(time, 1_000_000_000)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    fraction = (f"{nanoseconds:09}" if nanoseconds % MILLISECOND
                else f"{nanoseconds // MILLISECOND:03}")
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction}Z"


def cell(name):
    """A name as gavel's CSV holds it: a spreadsheet would run what begins with a dash, but for a
    dash alone and a number."""
    return "'" + name if re.match(r"-(?!$|\d+(\.\d+)?$)", name) else name


def write_balances(books, out):
    """The wallets as `gavel wallets --format csv` prints them."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("user", "currency", "available", "locked"))
    wallets = books.wallets
    rows = [(books.users[user], books.currencies[currency][0], available,
             wallets.locked[user, currency])
            for (user, currency), available in wallets.available.items()]
    writer.writerows((cell(user), cell(currency), *rest) for user, currency, *rest in sorted(rows))


def write_auctions(books, out):
    """The auctions as `gavel auctions --format csv` prints them."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("auction", "seller", "currency", "status", "outcome", "winner", "price",
                     "bids", "accepted_bids", "opens_at", "closes_at"))
    for auction in books.auctions:
        closed = auction.state == "closed"
        writer.writerow((
            cell(auction.name), cell(books.users[auction.seller]),
            cell(books.currencies[auction.currency][0]),
            auction.status(books.time), auction.outcome or "",
            "" if auction.winner is None else cell(books.users[auction.winner]),
            auction.price if closed and auction.leader is not None else "", auction.bids,
            auction.accepted, time_text(auction.opens_at), time_text(auction.end) or ""))


def entry_as_json(entry, books):
    """An entry as `gavel log --format json` prints it, with names in place of handles."""
    by = entry.actor
    if by == "herself":
        by = entry.command["user"]
    shape = {"id": uuid(entry.command_id) if any(entry.command_id) else None,
             "status": "accepted" if entry.rejection is None else "rejected",
             "position": entry.position, "time": time_text(entry.time), "replayed": False,
             "by": books.users[by] if isinstance(by, int) else by,
             "command": command_as_json(entry, books)}
    if entry.rejection:
        code, limit = entry.rejection
        number = REJECTION_NUMBERS[code]
        shape["rejection"] = {"code": code, "number": number}
        if REJECTIONS[number][1]:
            shape["rejection"][REJECTIONS[number][1]] = limit
    else:
        shape["events"] = [event_as_json(item, entry, books) for item in entry.events]
    return shape


def named(fields, books):
    """Handles become names; the rest stays."""
    shape = {}
    for name, value in fields.items():
        if name in ("user", "seller", "bidder", "buyer", "winner") and isinstance(value, int):
            value = None if value == NOBODY else books.users[value]
        elif name == "currency" and isinstance(value, int):
            value = books.currencies[value][0]
        elif name == "auction" and isinstance(value, int):
            value = books.auctions[value].name
        elif name in ("opens_at", "closes_at", "since", "until"):
            value = time_text(value)
        shape[name] = value
    return shape


def command_as_json(entry, books):
    shape = {"command": entry.kind} | named(entry.command, books)
    if entry.kind == "open_auction":
        rules = rules_as_json(entry.command["rules"])
        for part in ("seller_fee", "buyer_fee"):
            fee = entry.command["rules"][part]
            if fee is None and rules["fees"]:
                del rules["fees"][part[:-4]]
            elif fee is not None:
                rules["fees"][part[:-4]] = {name: value for name, value in fee.items()
                                            if value or name in ("basis_points", "maximum")}
        shape["rules"] = {name: value for name, value in rules.items()
                          if name in ("format", "opening_price")
                          or value not in (None, False, "before_first_bid", [DEFAULT_STEP])}
        if shape["rules"] == {"format": "english", "opening_price": 1}:
            del shape["rules"]
        shape = {name: value for name, value in shape.items() if value not in (None, "")}
    for name in ("hammer", "reason"):
        if not shape.get(name, True):
            del shape[name]
    return shape


DEFAULT_STEP = {"from": 0, "step": 1}


def rules_as_json(rules):
    soft = rules["soft_close"]
    if soft is not None:
        soft = {name: time_text(value) if name == "latest_end" else value
                for name, value in soft.items()}
    none = {"basis_points": 0, "fixed": 0, "minimum": 0, "maximum": None}
    fees = {side: rules[side + "_fee"] or none for side in ("seller", "buyer")}
    return {"format": "english", "opening_price": rules["opening_price"], "proxy": rules["proxy"],
            "increments": [{"from": start, "step": step} for start, step in rules["table"]]
            if rules["table"] else {"basis_points": rules["share"]},
            "reserve_price": rules["reserve"], "buy_now_price": rules["buy_now"],
            "buy_now_until": rules["until"], "soft_close": soft,
            "duration_from_first_bid_ms": rules["duration_ms"], "outage": rules["outage"],
            "fees": None if fees == {"seller": none, "buyer": none} else fees,
            "cancel_policy": "operator_only" if rules["operator_only"] else "before_first_bid"}


def event_as_json(item, entry, books):
    """An event with what its command says already."""
    kind, command = item["event"], entry.command
    said = {"ledger_created": ("ledger",), "engine_opened": ("epoch",), "key_rotated": ("key",),
            "ledger_restored": ("ledger",), "currency_registered": ("currency", "scale"),
            "charged": tuple(name for name, _ in PAYMENT_FIELDS),
            "withdrawn": tuple(name for name, _ in PAYMENT_FIELDS),
            "auction_opened": ("title", "seller", "currency", "closes_at"),
            "lead_taken": ("bidder",), "maximum_raised": ("bidder",), "bid_absorbed": ("bidder",)}
    shape = {"event": kind} | named({name: command[name] for name in said.get(kind, ())}, books)
    if entry.kind in ON_AUCTION:
        auction = books.auctions[command["auction"]]
        shape["auction"] = auction.name
        if kind not in ("auction_extended", "auction_cancelled", "close_confirmed"):
            shape["currency"] = books.currencies[auction.currency][0]
    if kind in ("lead_taken", "maximum_raised"):
        shape["maximum"] = command["amount"]
    if kind == "bought_now":
        shape["buyer"] = books.users[command["buyer" if entry.kind == "buy_now" else "bidder"]]
    if kind == "auction_opened":
        shape["rules"] = rules_as_json(command["rules"])
    shape |= named({name: value for name, value in item.items() if name != "event"}, books)
    if shape.get("outcome") == "no_bids":
        shape["price"] = None  # stored as 0
    return shape


def compacted(value):
    """JSON without what is absent: null and nothing say the same where shapes are compared."""
    if isinstance(value, dict):
        return {name: compacted(part) for name, part in value.items() if part is not None}
    return [compacted(part) for part in value] if isinstance(value, list) else value


def summary(audit, checkpoint):
    books, wallets = audit.books, audit.books.wallets
    totals = {}
    for handle, (code, scale) in enumerate(books.currencies):
        available = sum(amount for (_, currency), amount in wallets.available.items()
                        if currency == handle)
        locked = sum(amount for (_, currency), amount in wallets.locked.items()
                     if currency == handle)
        totals[code] = {"scale": scale, "charged": wallets.charged[handle],
                        "withdrawn": wallets.withdrawn[handle], "available": available,
                        "locked": locked}
    result = {"ledger": books.ledger, "epoch": books.epoch, "frames": audit.frames,
              "entries": audit.tree.size, "root": audit.tree.root().hex(), **audit.counts,
              "last_time": time_text(books.time), "users": len(books.users),
              "auctions": len(books.auctions), "currencies": totals, "checkpoint": None,
              "restored": [{"position": position, "entries_before": size}
                           for position, size in books.restored]}
    if checkpoint:
        result["checkpoint"] = {"origin": checkpoint[0], "size": checkpoint[1]}
    return result


def print_summary(result, out):
    for name in ("ledger", "epoch", "frames", "entries", "accepted", "rejected", "users",
                 "auctions", "last_time", "root"):
        print(f"{name:<11} {result[name]}", file=out)
    for code, total in result["currencies"].items():
        print(f"{code:<11} charged {total['charged']} - withdrawn {total['withdrawn']} = "
              f"available {total['available']} + locked {total['locked']}", file=out)
    for item in result["restored"]:
        print(f"{'restored':<11} at {item['position']} from an older copy: a checkpoint of "
              f"{item['entries_before']} entries had been signed", file=out)
    if result["checkpoint"]:
        print(f"{'checkpoint':<11} {result['checkpoint']['origin']} at "
              f"{result['checkpoint']['size']}: signature and root fit", file=out)
    print(f"{'result':<11} clean", file=out)


# -------------------------------------------------------------------------------------------------
# The runs.


def audit_ledger(folder, audit):
    """Reads DIR/log from end to end."""
    path = os.path.join(folder, "log")
    if not os.path.isfile(os.path.join(path, "data.mdb")):
        raise SystemExit(usage(f"{folder}: there is no log/data.mdb in it"))
    with lmdb.open(path, readonly=True, max_dbs=8, create=False) as environment:
        with environment.begin() as reader:  # one transaction: one moment, whoever writes beside
            tables = [bytes(name) for name, _ in reader.cursor()]
            demand(tables == [b"frames", b"tiles"], f"the tables are {tables}")
            frames = environment.open_db(b"frames", reader, integerkey=True, create=False)
            for key, value in reader.cursor(frames):
                audit.take_frame(int.from_bytes(key, sys.byteorder), value)
            audit.finish()
            tiles = environment.open_db(b"tiles", reader, integerkey=True, create=False)
            stored = {int.from_bytes(key, sys.byteorder): value
                      for key, value in reader.cursor(tiles)}
    for number in sorted(stored.keys() | audit.tree.tiles.keys()):
        if stored.get(number) != audit.tree.tiles.get(number):
            raise Finding(f"tile {number} is not what its entries give", number * 256 + 255)


def audit_golden(folder, audit):
    """The vectors: frames as a log, and each entry against its line."""
    with open(os.path.join(folder, "frames.txt"), encoding="utf-8") as lines:
        for line in lines:
            key, root, data = line.split()
            audit.take_frame(int(key), bytes.fromhex(data))
            if audit.tree.root().hex() != root:
                raise Finding(f"frames.txt has root {root}", int(key))
    audit.finish()


def golden_evidence(folder, leaves):
    """The vectors of evidence: a checkpoint, a proof of one entry, one of growth, and tiles."""
    def read(name):
        with open(os.path.join(folder, "evidence", name), "rb") as file:
            return file.read()

    key = os.path.join(folder, "evidence", "log.vkey")
    _, size, root, _ = read_checkpoint(read("checkpoint"), key)
    demand(size == len(leaves), f"the checkpoint has size {size}")
    demand(root == subtree(leaves), "the checkpoint has another root")
    golden_inclusion(read("entry-13.tlog-proof"), leaves, read("checkpoint"))
    golden_growth(read("from-10.consistency"), leaves, read("checkpoint"))
    demand(read(f"tile/0/000.p/{size}") == b"".join(leaves), "the tile is not the leaf hashes")
    bundle, entries = read(f"tile/entries/000.p/{size}"), []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        entries.append(bundle[2:2 + length])
        bundle = bundle[2 + length:]
    demand([leaf_hash(entry) for entry in entries] == leaves, "the bundle holds other entries")


def subtree(leaves):
    """The root over some leaves by the definition of RFC 6962, section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node(subtree(leaves[:split]), subtree(leaves[split:]))


def path_to(index, leaves):
    """The proof of a leaf by the definition of RFC 6962, section 2.1.1."""
    if len(leaves) < 2:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return path_to(index, leaves[:split]) + [subtree(leaves[split:])]
    return path_to(index - split, leaves[split:]) + [subtree(leaves[:split])]


def growth(old, leaves, is_whole):
    """The proof that a tree goes on from its first leaves: RFC 6962, section 2.1.2."""
    if old == len(leaves):
        return [] if is_whole else [subtree(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return growth(old, leaves[:split], is_whole) + [subtree(leaves[split:])]
    return growth(old - split, leaves[split:], False) + [subtree(leaves[:split])]


def golden_inclusion(file, leaves, checkpoint):
    head, note = file.split(b"\n\n", 1)
    lines = head.decode().split("\n")
    demand(lines[0] == "c2sp.org/tlog-proof@v1" and lines[2] == "index 13", "the proof's head")
    entry = base64_bytes(lines[1].removeprefix("extra "))
    demand(leaf_hash(entry) == leaves[13], "the proof is of another entry")
    demand([base64_bytes(line) for line in lines[3:]] == path_to(13, leaves), "the proof's hashes")
    demand(note == checkpoint, "the proof stands under another checkpoint")


def golden_growth(file, leaves, checkpoint):
    head, note = file.split(b"\n\n", 1)
    lines = head.decode().split("\n")
    demand(lines[0] == "old 10", "the growth's head")
    hashes = [base64_bytes(line) for line in lines[1:]]
    demand(hashes == growth(10, leaves, True), "the growth's hashes")
    demand(note == checkpoint, "the growth leads to another checkpoint")


def golden_line_check(folder, leaves):
    """A function that holds each entry of the frames against its line of entries.txt."""
    with open(os.path.join(folder, "entries.txt"), encoding="utf-8") as file:
        lines = [line.rstrip("\n").split(" ", 3) for line in file]

    def check(entry, books):
        demand(entry.position < len(lines), "entries.txt has no line for it")
        position, leaf, data, text = lines[entry.position]
        demand(int(position) == entry.position, f"entries.txt has position {position} here")
        demand(leaf_hash(bytes.fromhex(data)).hex() == leaf, "another leaf hash in entries.txt")
        leaves.append(bytes.fromhex(leaf))
        mine, theirs = compacted(entry_as_json(entry, books)), compacted(json.loads(text))
        demand(mine == theirs, f"its JSON is {json.dumps(mine)}, in entries.txt {text}")

    return check, len(lines)


def usage(message):
    print(f"gavel_audit: {message}", file=sys.stderr)
    return 2


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="gavel_audit.py", description="Verifies a Gavel ledger from its bytes alone.",
        epilog="Exit status: 0 clean, 1 a finding, 2 wrong usage.")
    parser.add_argument("ledger", nargs="?", metavar="LEDGER_DIR", help="the ledger's folder")
    parser.add_argument("--golden", metavar="DIR", help="check the vectors in DIR instead")
    parser.add_argument("--checkpoint", metavar="FILE", help="a note to hold the log against")
    parser.add_argument("--key", metavar="VKEY", help="the key of the note, name+id+base64, or a file of it")
    parser.add_argument("--balances", action="store_true", help="print the wallets as CSV")
    parser.add_argument("--auctions", action="store_true", help="print the auctions as CSV")
    parser.add_argument("--entries", action="store_true", help="print each entry as JSON")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    options = parser.parse_args(arguments)
    if (options.ledger is None) == (options.golden is None):
        parser.error("give a ledger's folder, or --golden with a folder of vectors")
    if (options.checkpoint is None) != (options.key is None):
        parser.error("--checkpoint and --key belong together")
    if options.balances + options.auctions + options.entries + options.json > 1:
        parser.error("--balances, --auctions, --entries and --json exclude each other")
    return options


def print_entry(entry, books):
    print(json.dumps(entry_as_json(entry, books), ensure_ascii=False, separators=(",", ":")))


def run(options):
    checkpoint = None
    if options.checkpoint:
        try:
            with open(options.checkpoint, "rb") as file:
                note = file.read()
        except OSError as error:
            return usage(f"{options.checkpoint}: {error.strerror}")
        checkpoint = read_checkpoint(note, options.key)
    audit = Audit(print_entry if options.entries else None, checkpoint[1] if checkpoint else None)
    if options.golden:
        leaves = []
        audit.on_entry, count = golden_line_check(options.golden, leaves)
        audit_golden(options.golden, audit)
        demand(audit.tree.size == count, f"entries.txt has {count} lines")
        try:
            if os.path.isdir(os.path.join(options.golden, "evidence")):
                golden_evidence(options.golden, leaves)
        except ValueError as error:
            raise Finding(f"the evidence cannot be read: {error}") from None
    else:
        audit_ledger(options.ledger, audit)
    if checkpoint:
        hold_against_checkpoint(audit, checkpoint)
    result = summary(audit, checkpoint)
    if options.balances:
        write_balances(audit.books, sys.stdout)
    elif options.auctions:
        write_auctions(audit.books, sys.stdout)
    elif options.json:
        print(json.dumps(result | {"result": "clean"}))
    elif not options.entries:
        print_summary(result, sys.stdout)
    return 0


def main(arguments):
    options = parse(arguments)
    try:
        return run(options)
    except Finding as finding:
        place = "" if finding.position is None else f"position {finding.position}: "
        if options.json:
            print(json.dumps({"result": "finding", "position": finding.position,
                              "reason": finding.reason}))
        print(f"gavel_audit: {place}{finding.reason}", file=sys.stderr)
        return 1
    except lmdb.Error as error:
        print(f"gavel_audit: LMDB cannot read the log: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        return usage(str(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
