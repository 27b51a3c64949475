"""Draws storm.jsonl, a history of auctions as commands, and storm.expected.csv, what must come of it.

    python3 make_storm.py [DIR]

The same bytes on every run. When bids come and how many there are follows what was measured on
628 real auctions (the tables below); who bids how much is drawn so that every rule is met: ties,
late, early, low and unfunded bids, raises, sellers on their own lots, lots without a bid,
cancelled, hammered and extended lots, lots without an end, three currencies.

The outcomes are judged by `Model`, written from the rules as documented and sharing nothing with
the engine: names, dictionaries, one lot at a time.
"""
import bisect
import csv
import datetime
import json
import math
import os
import random
import sys

# Seconds before the end at which this share of a 7-day auction's bids is still to come.
SECONDS_TO_CLOSE = [
    (0.0005, 1.9), (0.002, 4.0), (0.01, 16.0), (0.03, 60.2), (0.05, 157.0), (0.1, 978.9),
    (0.15, 3713.0), (0.2, 7559.1), (0.3, 24060.0), (0.4, 55357.0), (0.5, 100600.0),
    (0.6, 188880.8), (0.7, 326549.7), (0.8, 448191.0), (0.9, 543352.0), (1.0, 604751.0)]
# How many auctions of 628 had so many bids.
BIDS_PER_AUCTION = {
    1: 21, 2: 21, 4: 19, 6: 18, 8: 17, 10: 18, 12: 23, 14: 14, 16: 28, 18: 18, 20: 23, 22: 21,
    24: 16, 26: 25, 28: 9, 30: 8, 32: 12, 35: 7, 40: 3, 46: 1, 57: 1, 75: 1}
US_TABLE = [(0, 5), (100, 25), (500, 50), (2500, 100), (10000, 250), (25000, 500), (50000, 1000),
            (100000, 2500), (250000, 5000), (500000, 10000)]
CURRENCIES = {"USD": (2, 100), "KRW": (0, 1000), "BHD": (3, 400)}
START = datetime.datetime(2019, 5, 6, tzinfo=datetime.timezone.utc)
DURATION = 7 * 86400
LOTS = 84


class Model:
    """The rules, one command after the other. Times are seconds since START."""

    def __init__(self):
        self.available = {}
        self.lots = {}
        self.references = set()

    def close_due(self, now):
        due = [lot for lot in self.lots.values() if lot["phase"] == "open" and lot["end"] is not None
               and lot["end"] <= now]
        for lot in due:
            self.close(lot)

    def close(self, lot):
        lot["phase"] = "closed"
        if lot["leader"] is None:
            lot["outcome"] = "no_bids"
            return
        lot["outcome"] = "sold"
        self.move(lot["leader"], lot["currency"], lot["held"] - lot["price"])
        self.move(lot["seller"], lot["currency"], lot["price"])
        lot["held"] = 0

    def move(self, user, currency, amount):
        key = (user, currency)
        self.available[key] = self.available.get(key, 0) + amount
        assert self.available[key] >= 0, key

    def step(self, lot, price):
        rows = lot["table"]
        return rows[bisect.bisect_right([row[0] for row in rows], price) - 1][1]

    def open(self, name, seller, currency, opens, end, opening, proxy, table):
        self.lots[name] = dict(
            name=name, seller=seller, currency=currency, opens=opens, end=end, opening=opening,
            proxy=proxy, table=table, phase="open", outcome="", leader=None, maximum=0, held=0,
            price=0, bids=0, accepted=0)

    def bid(self, name, bidder, amount, now):
        """Whether the bid was accepted."""
        self.close_due(now)
        lot = self.lots[name]
        lot["bids"] += 1
        if bidder == lot["seller"] or lot["phase"] != "open" or now < lot["opens"]:
            return False
        leads = lot["leader"] == bidder
        if lot["leader"] is None:
            if amount < lot["opening"]:
                return False
        elif leads and lot["proxy"]:
            if amount <= lot["maximum"]:
                return False
        elif amount < lot["price"] + self.step(lot, lot["price"]):
            return False
        needed = amount - lot["held"] if leads else amount
        if needed > self.available.get((bidder, lot["currency"]), 0):
            return False
        lot["accepted"] += 1
        if leads:
            if not lot["proxy"]:
                lot["price"] = amount
            self.move(bidder, lot["currency"], -needed)
            lot["maximum"] = lot["held"] = amount
        elif lot["proxy"] and lot["leader"] is not None and amount <= lot["maximum"]:
            lot["price"] = min(lot["maximum"], amount + self.step(lot, amount))
        else:
            if not lot["proxy"]:
                lot["price"] = amount
            elif lot["leader"] is None:
                lot["price"] = lot["opening"]
            else:
                lot["price"] = min(amount, lot["maximum"] + self.step(lot, lot["maximum"]))
            if lot["leader"] is not None:
                self.move(lot["leader"], lot["currency"], lot["held"])
            self.move(bidder, lot["currency"], -amount)
            lot["leader"], lot["maximum"], lot["held"] = bidder, amount, amount
        return True

    def cancel(self, name, now):
        self.close_due(now)
        lot = self.lots[name]
        assert lot["phase"] == "open"
        if lot["leader"] is not None:
            self.move(lot["leader"], lot["currency"], lot["held"])
        lot.update(phase="cancelled", held=0)


def stamp(seconds):
    moment = START + datetime.timedelta(milliseconds=round(seconds * 1000))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def seconds_to_close(draw):
    """Reads the table backwards, with logarithms between its rows."""
    index = bisect.bisect_left([share for share, _ in SECONDS_TO_CLOSE], draw)
    if index == 0:
        return SECONDS_TO_CLOSE[0][1] * draw / SECONDS_TO_CLOSE[0][0]
    (low, first), (high, last) = SECONDS_TO_CLOSE[index - 1], SECONDS_TO_CLOSE[index]
    return math.exp(math.log(first) + (draw - low) / (high - low) * math.log(last / first))


class Storm:
    """Draws the acts, then plays them in order of time."""

    def __init__(self):
        self.random = random.Random(20190506)
        self.model = Model()
        self.lines = []
        self.acts = []
        self.bidders = [f"b{number:03d}" for number in range(1, 121)]
        self.sellers = [f"s{number:02d}" for number in range(1, 13)]

    def say(self, at, command, **fields):
        self.lines.append(json.dumps({"command": command, **fields, "at": stamp(at)}))

    def prepare(self):
        for code, (scale, _) in CURRENCIES.items():
            self.say(0, "register_currency", currency=code, scale=scale)
        for user in self.sellers + self.bidders:
            self.say(0, "register_user", user=user)
        for number, user in enumerate(self.bidders):
            for code, (_, unit) in CURRENCIES.items():
                # Some are short of money, so that some bids are not covered.
                amount = unit * self.random.choice([15, 60, 400, 2000, 2000, 8000])
                self.say(1, "charge", user=user, currency=code, amount=amount,
                         reference=f"card/{user}/{code}")
                self.model.move(user, code, amount)

    def plan_lot(self, number):
        draw = self.random
        name = f"lot-{number:02d}"
        opens = 10 + number * 3600.0
        end = opens + DURATION
        currency = draw.choices(list(CURRENCIES), [6, 2, 1])[0]
        unit = CURRENCIES[currency][1]
        kind = number % 14
        rules, proxy, table, opening = {}, False, [(0, 1)], 1
        if kind % 3 != 2:
            proxy, opening = True, draw.choice([1, unit, 5 * unit])
            table = US_TABLE
        elif kind != 2:
            opening, table = unit, [(0, unit // 4), (20 * unit, unit)]
        if (proxy, opening, table) != (False, 1, [(0, 1)]):
            rules = {"rules": {"format": "english", "opening_price": opening, "proxy": proxy,
                               "increments": [{"from": a, "step": b} for a, b in table]}}
        scheduled = opens + 86400 if kind == 5 else None
        # A lot that only the hammer ends.
        no_end = kind == 9
        seller = draw.choice(self.sellers)
        fields = dict(auction=name, title=f"Lot {number}", seller=seller, currency=currency)
        if scheduled:
            fields["opens_at"] = stamp(scheduled)
        if not no_end:
            fields["closes_at"] = stamp(end)
        self.acts.append((opens, "open", name, (
            {**fields, **rules}, seller, currency, scheduled or opens, None if no_end else end,
            opening, proxy, table)))
        extended = end + 7200 if kind == 7 else end
        if kind == 7:
            self.acts.append((end - 600, "extend", name, extended))
        if kind == 9 or kind == 12:
            self.acts.append((end - 3000, "hammer", name, None))
        if kind == 4 or kind == 10 and number % 4 == 0:
            self.acts.append((opens + DURATION * draw.random() * 0.9, "cancel", name, None))
        if kind == 8:
            self.acts.append((extended + 60, "ask", name, None))
        if kind == 13 or number == 24:
            return
        count = draw.choices(list(BIDS_PER_AUCTION), list(BIDS_PER_AUCTION.values()))[0]
        taste = draw.sample(self.bidders, max(2, count // 2 + 1))
        worth = unit * draw.choice([20, 60, 150, 400])
        for _ in range(count):
            at = extended - seconds_to_close(draw.random())
            self.acts.append((max(at, opens + 1), "bid", name, (draw.choice(taste), worth)))
        if number % 6 == 0:
            self.acts.append((extended, "bid", name, (draw.choice(taste), worth)))
            self.acts.append((extended + 0.5, "bid", name, (draw.choice(taste), worth)))
        if number % 9 == 0:
            self.acts.append((opens + 2000, "bid", name, (seller, worth)))

    def amount(self, lot, bidder, worth):
        """What somebody bids: mostly somewhat more than is asked, sometimes at an edge."""
        draw = self.random
        asked = lot["opening"] if lot["leader"] is None else (
            lot["price"] + self.model.step(lot, lot["price"]))
        edge = draw.random()
        if edge < 0.08 and lot["leader"] is not None:
            return lot["maximum"]
        if edge < 0.14:
            return max(1, asked - 1)
        if edge < 0.22:
            return asked
        if edge < 0.25:
            return worth * 100
        return asked + max(1, int((max(worth, asked) - lot["price"]) * draw.random() ** 2))

    def play(self):
        payments = 0
        for at, kind, name, detail in sorted(self.acts, key=lambda act: (act[0], act[2], act[1])):
            at = round(at, 3)
            self.model.close_due(at)
            lot = self.model.lots.get(name)
            if kind == "open":
                self.say(at, "open_auction", **detail[0])
                self.model.open(name, *detail[1:])
            elif kind == "bid":
                bidder, worth = detail
                amount = self.amount(lot, bidder, worth)
                self.say(at, "place_bid", auction=name, bidder=bidder, amount=amount)
                self.model.bid(name, bidder, amount, at)
            elif kind == "extend" and lot["phase"] == "open":
                self.say(at, "extend_auction", auction=name, closes_at=stamp(detail))
                lot["end"] = detail
            elif kind == "hammer" and lot["phase"] == "open":
                self.say(at, "close_auction", auction=name, hammer=True)
                self.model.close(lot)
            elif kind == "cancel":
                self.say(at, "cancel_auction", auction=name, reason="withdrawn by the house")
                self.model.cancel(name, at)
            elif kind == "ask":
                self.say(at, "close_auction", auction=name)
            payments += 1
            if payments % 90 == 0:
                self.withdraw(at, payments)
        # One last command after every end, so that every lot closes.
        self.say(at + 30 * 86400, "register_user", user="epilogue")
        self.model.close_due(at + 30 * 86400)

    def withdraw(self, at, number):
        user = self.bidders[number // 90 % len(self.bidders)]
        amount = self.model.available.get((user, "USD"), 0) // 10
        if amount > 0:
            self.say(at, "withdraw", user=user, currency="USD", amount=amount,
                     reference=f"payout/{number}")
            self.model.move(user, "USD", -amount)


def main(folder):
    storm = Storm()
    storm.prepare()
    for number in range(LOTS):
        storm.plan_lot(number)
    storm.play()
    with open(os.path.join(folder, "storm.jsonl"), "w", newline="\n") as file:
        file.writelines(line + "\n" for line in storm.lines)
    with open(os.path.join(folder, "storm.expected.csv"), "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["auction", "outcome", "winner", "price", "bids", "accepted"])
        for lot in storm.model.lots.values():
            sold = lot["outcome"] == "sold"
            table.writerow([lot["name"], lot["outcome"], lot["leader"] if sold else "",
                            lot["price"] if sold else "", lot["bids"], lot["accepted"]])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
