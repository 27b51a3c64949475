#!/usr/bin/env python3
"""Writes odd_names.jsonl: a history whose names and amounts are the hard ones for other tools.

Names that differ in one byte or in case only, that read like escapes of each other, like words,
marks, tags or amounts of hledger and beancount; currencies of 0 to 9 decimals; an amount near the
largest; money that moves a nanosecond before midnight, at midnight, and over a leap day.

    make_odd_names.py [FOLDER]     the folder of this script by default
"""
import json
import os
import sys

LONG_USER = "u" + "-._:" * 15 + "end"
LONG_CODE = "loyalty-points.of_the:house"

USERS = [
    "alice", "Alice", "ALICE", "a-b", "a.b", "a_b", "a:b", "a-2Db", "a-2D-2Db", "-", "--", ":",
    "._:-", "0", "U", "locked", "a-b:locked", "date:2020-01-01", "type:E", LONG_USER,
]
# Code and decimals.
CURRENCIES = {
    "USD": 2, "usd": 2, "Usd": 3, "KRW": 0, "AUTO": 2, "-41UTO": 2, "TRUE": 2, "NULL": 1,
    "X": 2, "C-58": 0, "1A": 3, "C1A": 3, "C-31A": 3, "C.12": 2, "E": 2, "h": 0, "e5": 2,
    "1000": 2, ":": 9, LONG_CODE: 9, "ABCDEFGHIJKLMNOPQRSTUVWXYZ": 4, "P": 2, "-": 1, "--": 1,
}
# The currency, the seller and the bidders of each auction.
AUCTIONS = [
    ("USD", "type:E", ["alice", "Alice", "ALICE"]),
    ("usd", LONG_USER, ["a-b", "a.b", "a_b", "a:b"]),
    ("AUTO", "-", ["a-2Db", "a-2D-2Db", "--"]),
    (LONG_CODE, ":", ["date:2020-01-01", "._:-"]),
    (":", "U", ["0", "locked"]),
    ("1A", "alice", ["a-b:locked", "Alice"]),
    ("KRW", "a-b", ["a.b", "-"]),
]
RULES = {
    "opening_price": 10, "proxy": True,
    "fees": {
        "seller": {"basis_points": 1000, "minimum": 1},
        "buyer": {"basis_points": 250, "fixed": 3},
    },
}
EARLY = "2024-02-28T09:00:00Z"
BEFORE_MIDNIGHT = "2024-02-28T23:59:59.999999999Z"


def commands():
    """The commands in order, each with its time."""
    for code, scale in CURRENCIES.items():
        yield EARLY, dict(command="register_currency", currency=code, scale=scale)
    for user in USERS:
        yield EARLY, dict(command="register_user", user=user)
    yield from charges()
    for number, (currency, seller, _) in enumerate(AUCTIONS):
        yield BEFORE_MIDNIGHT, dict(
            command="open_auction", auction=f"date:{number}", seller=seller, currency=currency,
            closes_at=f"2024-03-0{1 + number % 2}T00:00:00Z", rules=RULES)
    for step, amount in enumerate([10, 60, 61, 130, 300, 310, 500, 640]):
        for number, (_, _, bidders) in enumerate(AUCTIONS):
            yield f"2024-02-29T{step * 3:02}:00:00Z", dict(
                command="place_bid", auction=f"date:{number}",
                bidder=bidders[step % len(bidders)], amount=amount)
    yield "2024-02-29T22:00:00Z", dict(command="cancel_auction", auction="date:6", reason="odd")
    yield "2024-02-29T23:00:00Z", dict(
        command="withdraw", user="a-b", currency="usd", amount=500, reference="out")
    yield "2024-03-01T12:00:00Z", dict(
        command="open_auction", auction="-", seller="alice", currency="USD")
    yield "2024-03-01T12:00:00Z", dict(
        command="place_bid", auction="-", bidder="a:b", amount=777)
    yield "2024-03-05T12:00:00Z", dict(
        command="charge", user="0", currency="--", amount=1, reference="late")


# What references may begin with: what ends a tag, what is a date to hledger, what spreadsheets run.
REFERENCES = ["r;", "date:2024-13-45,", "[2024-13-45]", "a:b,c:", "%2C", "=", "+", "-", "@", "'", "(x)",
              "\\\"", "#t", "^l", "*", "|", "{{", "~", "<b>&amp;"]


def charges():
    """Money for every user in some currencies, and for bidders in those of their auctions."""
    for place, currency in enumerate(CURRENCIES):
        bidders = [name for code, _, names in AUCTIONS if code == currency for name in names]
        for number, user in enumerate(USERS):
            if user in bidders or currency == "USD" or (place + number) % 3 == 0:
                yield EARLY, dict(
                    command="charge", user=user, currency=currency,
                    amount=1000 + 37 * place + 1001 * number,
                    reference=f"{REFERENCES[(place + number) % len(REFERENCES)]}{place},\"{number}\\")
    yield BEFORE_MIDNIGHT, dict(
        command="charge", user="ALICE", currency=":", amount=2**63 - 10**6, reference="much")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    lines = []
    for time, command in commands():
        lines.append(json.dumps(dict(command, at=time), separators=(",", ":")) + "\n")
    with open(os.path.join(folder, "odd_names.jsonl"), "w", encoding="ascii") as file:
        file.writelines(lines)


main()
