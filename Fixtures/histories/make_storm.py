#!/usr/bin/env python3
"""Draws the history storm.jsonl and works out what must become of it.

    python3 make_storm.py [DIR]

writes storm.jsonl, storm.expected.csv and storm.wallets.csv into DIR (default: beside this
file). The same bytes come out on every run: the seed is fixed, and only `Random.random` is used,
whose sequence Python promises to keep.

Two parts, which share only the commands. `House` is a model of the rules written from the prose
of the design (life cycle, money, proxy price rule) and from nothing of the Swift sources: plain
dictionaries, no cleverness. `Storm` draws the commands; it asks the model where an auction
stands, so that bids land on the edges: exactly the minimum, one below it, the leader's maximum.

When bids come follows measured figures: time to close by log interpolation of quantiles, bids an
auction, and the share of new bidders, of 628 public hard-close auctions.
"""

import csv
import datetime
import json
import math
import os
import random
import sys

SEED = 20260401


# --- Figures measured on public bid histories -------------------------------------------------

# Share of bids that come in the last so many seconds, for auctions of 3, 5 and 7 days.
QUANTILES = [
    (0.0005, 3.0, 1.7, 1.9), (0.001, 5.0, 1.7, 2.6), (0.002, 5.2, 2.5, 4.0),
    (0.005, 8.3, 5.2, 7.8), (0.01, 17.4, 11.5, 16.0), (0.02, 30.6, 31.4, 31.0),
    (0.03, 50.1, 59.9, 60.2), (0.05, 115.8, 166.4, 157.0), (0.07, 206.6, 362.3, 335.8),
    (0.1, 676.2, 1115.7, 978.9), (0.15, 1900.5, 2809.6, 3713.0), (0.2, 4292.3, 5926.8, 7559.1),
    (0.25, 7681.6, 10278.1, 14528.2), (0.3, 13050.3, 16441.0, 24060.0),
    (0.4, 27982.3, 38544.7, 55357.0), (0.5, 52412.8, 80753.0, 100600.0),
    (0.6, 85677.1, 142356.1, 188880.8), (0.7, 133326.6, 220030.6, 326549.7),
    (0.8, 182195.8, 318953.9, 448191.0), (0.9, 219910.7, 374599.2, 543352.0),
    (0.95, 243081.7, 407113.7, 580513.0), (0.99, 255060.4, 424105.4, 598969.2),
    (1.0, 258407.0, 431050.0, 604751.0),
]
# How many auctions had 1, 2, 3, … bids.
AUCTIONS_BY_BIDS = [
    21, 21, 18, 19, 22, 18, 24, 17, 25, 18, 22, 23, 14, 14, 16, 28, 18, 22, 27, 23, 17, 21, 18,
    16, 13, 25, 16, 9, 8, 8, 3, 12, 6, 2, 7, 5, 4, 5, 1, 3, 3, 4, 2, 1, 3, 1,
]
NEW_BIDDER = 0.49
TIE = 0.067
TAKEOVER = 0.42

US_TABLE = [
    (0, 5), (100, 25), (500, 50), (2500, 100), (10000, 250), (25000, 500), (50000, 1000),
    (100000, 2500), (250000, 5000), (500000, 10000),
]
ONE = [(0, 1)]


# --- The model ----------------------------------------------------------------------------------

class Rejected(Exception):
    pass


class Lot:
    def __init__(self, command, at):
        rules = command.get("rules", {})
        self.name = command["auction"]
        self.seller = command["seller"]
        self.currency = command["currency"]
        self.opens = milliseconds(command["opens_at"]) if "opens_at" in command else at
        self.closes = milliseconds(command["closes_at"]) if "closes_at" in command else None
        self.opening_price = rules.get("opening_price", 1)
        self.proxy = rules.get("proxy", False)
        rows = rules.get("increments", [{"from": 0, "step": 1}])
        self.table = [(row["from"], row["step"]) for row in rows]
        self.status = "open"
        self.outcome = ""
        self.leader = None
        self.maximum = 0
        self.price = 0
        self.bids = 0
        self.accepted = 0

    def step(self, price):
        return [step for start, step in self.table if start <= price][-1]

    def minimum(self):
        """What a challenger must bid at least."""
        if self.leader is None:
            return self.opening_price
        return self.price + self.step(self.price)


class House:
    """Wallets and auctions, command by command. Times are milliseconds since 1970."""

    def __init__(self):
        self.users = {"house"}
        self.currencies = {}
        self.wallets = {}  # (user, currency) -> [available, locked]
        self.charged = {}
        self.withdrawn = {}
        self.references = set()
        self.lots = {}  # in order of opening
        self.time = 0
        self.rejections = {}

    def apply(self, command):
        """Returns None when accepted, else the code of the rejection."""
        at = milliseconds(command["at"])
        assert at >= self.time, "times never fall"
        self.time = at
        self.close_due(at)
        lot = self.lots.get(command.get("auction"))
        is_bid = command["command"] == "place_bid"
        try:
            getattr(self, command["command"])(command, lot, at)
            if is_bid:
                lot.accepted += 1
            return None
        except Rejected as rejected:
            code = rejected.args[0]
            self.rejections[code] = self.rejections.get(code, 0) + 1
            return code
        finally:
            if is_bid:
                lot.bids += 1

    def close_due(self, at):
        """Ends come before the command of the same instant: open is [opens_at, closes_at)."""
        due = [
            lot for lot in self.lots.values()
            if lot.status == "open" and lot.closes is not None and lot.closes <= at
        ]
        for lot in sorted(due, key=lambda lot: lot.closes):  # stable: then by opening
            self.close(lot)

    # Registering and paying

    def register_currency(self, command, lot, at):
        if command["currency"] in self.currencies:
            raise Rejected("currency_already_registered")
        self.currencies[command["currency"]] = command["scale"]

    def register_user(self, command, lot, at):
        if command["user"] in self.users:
            raise Rejected("user_already_registered")
        self.users.add(command["user"])

    def use_reference(self, command):
        key = (command["command"], command["user"], command["reference"])
        if key in self.references:
            raise Rejected("reference_already_used")
        return key

    def charge(self, command, lot, at):
        key = self.use_reference(command)
        self.references.add(key)
        self.wallet(command["user"], command["currency"])[0] += command["amount"]
        self.add_to(self.charged, command)

    def withdraw(self, command, lot, at):
        key = self.use_reference(command)
        if command["amount"] > self.available(command["user"], command["currency"]):
            raise Rejected("exceeds_available")
        self.references.add(key)
        self.wallet(command["user"], command["currency"])[0] -= command["amount"]
        self.add_to(self.withdrawn, command)

    @staticmethod
    def add_to(totals, command):
        totals[command["currency"]] = totals.get(command["currency"], 0) + command["amount"]

    def wallet(self, user, currency):
        return self.wallets.setdefault((user, currency), [0, 0])

    def available(self, user, currency):
        return self.wallets.get((user, currency), [0, 0])[0]

    # Auctions

    def open_auction(self, command, lot, at):
        if lot is not None:
            raise Rejected("auction_already_opened")
        lot = Lot(command, at)
        if lot.closes is not None and lot.closes <= max(at, lot.opens):
            raise Rejected("closes_at_too_early")
        self.lots[lot.name] = lot

    def place_bid(self, command, lot, at):
        bidder, amount = command["bidder"], command["amount"]
        # Relation, then state, then price, then funds.
        if bidder == lot.seller:
            raise Rejected("seller_cannot_bid")
        if command.get("by", "operator") not in ("operator", bidder):
            raise Rejected("not_permitted")
        if lot.status == "cancelled":
            raise Rejected("auction_cancelled")
        if lot.status == "closed":
            raise Rejected("auction_ended")
        if at < lot.opens:
            raise Rejected("auction_not_open")
        if lot.leader is None:
            if amount < lot.opening_price:
                raise Rejected("bid_below_opening")
        elif lot.proxy and bidder == lot.leader:
            if amount <= lot.maximum:
                raise Rejected("bid_not_above_own_maximum")
        elif amount < lot.minimum():
            raise Rejected("bid_below_minimum")
        held = lot.maximum if bidder == lot.leader else 0
        if amount - held > self.available(bidder, lot.currency):
            raise Rejected("exceeds_available")

        if bidder == lot.leader:
            self.lock(bidder, lot, amount - held)
            lot.maximum = amount
            if not lot.proxy:
                lot.price = amount
            return
        if lot.proxy and lot.leader is not None and amount <= lot.maximum:
            # The leader's maximum absorbs it; equal amounts stay with the earlier bid.
            lot.price = min(lot.maximum, amount + lot.step(amount))
            return
        if not lot.proxy:
            price = amount
        elif lot.leader is None:
            price = lot.opening_price
        else:
            price = min(amount, lot.maximum + lot.step(lot.maximum))
        if lot.leader is not None:
            self.unlock(lot.leader, lot, lot.maximum)
        self.lock(bidder, lot, amount)
        lot.leader, lot.maximum, lot.price = bidder, amount, price

    def lock(self, user, lot, amount):
        wallet = self.wallet(user, lot.currency)
        wallet[0] -= amount
        wallet[1] += amount

    def unlock(self, user, lot, amount):
        self.lock(user, lot, -amount)

    def close(self, lot):
        lot.status = "closed"
        if lot.leader is None:
            lot.outcome = "no_bids"
            return
        lot.outcome = "sold"
        self.unlock(lot.leader, lot, lot.maximum)
        self.wallet(lot.leader, lot.currency)[0] -= lot.price
        self.wallet(lot.seller, lot.currency)[0] += lot.price

    def close_auction(self, command, lot, at):
        hammer, by = command.get("hammer", False), command.get("by", "operator")
        if lot.status == "open" and hammer and by not in ("operator", lot.seller):
            raise Rejected("not_permitted")
        if lot.status == "cancelled":
            raise Rejected("auction_cancelled")
        if lot.status == "closed":
            return  # confirmed, nothing changes
        if not hammer:
            raise Rejected("auction_not_ended")
        if at < lot.opens:
            raise Rejected("auction_not_open")
        self.close(lot)

    def extend_auction(self, command, lot, at):
        closes = milliseconds(command["closes_at"])
        self.need_unfinished(lot)
        if lot.closes is None or closes <= lot.closes or closes <= at:
            raise Rejected("closes_at_too_early")
        lot.closes = closes

    def cancel_auction(self, command, lot, at):
        by = command.get("by", "operator")
        if by not in ("operator", lot.seller):
            raise Rejected("not_permitted")
        self.need_unfinished(lot)
        if by != "operator" and lot.leader is not None:
            raise Rejected("auction_has_bids")
        lot.status = "cancelled"
        if lot.leader is not None:
            self.unlock(lot.leader, lot, lot.maximum)

    @staticmethod
    def need_unfinished(lot):
        if lot.status == "cancelled":
            raise Rejected("auction_cancelled")
        if lot.status == "closed":
            raise Rejected("auction_already_closed")

    # What must hold at the end

    def check(self):
        for currency in self.currencies:
            total = sum(sum(w) for (_, code), w in self.wallets.items() if code == currency)
            expected = self.charged.get(currency, 0) - self.withdrawn.get(currency, 0)
            assert total == expected, f"{currency}: {total} in wallets, {expected} came in"
        holds = {}
        for lot in self.lots.values():
            if lot.status == "open" and lot.leader is not None:
                key = (lot.leader, lot.currency)
                holds[key] = holds.get(key, 0) + lot.maximum
        for key, (available, locked) in self.wallets.items():
            assert available >= 0 and locked == holds.get(key, 0), key


# --- Times --------------------------------------------------------------------------------------

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
SECOND = 1000
HOUR = 3600 * SECOND
DAY = 24 * HOUR


def milliseconds(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment - EPOCH) // datetime.timedelta(milliseconds=1)


def rfc3339(time):
    moment = EPOCH + datetime.timedelta(milliseconds=time)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{time % 1000:03d}Z"


# --- The draw -----------------------------------------------------------------------------------

TITLES = [
    "Mantel clock", "Brass compass", "Oak writing desk", "Silver teapot", "Landscape in oil",
    "Field camera", "String quartet scores", "Model steam engine", "Persian runner",
    "Porcelain vase", "Ship in a bottle", "Marine chronometer", "Bakelite radio",
    "First edition, signed", "Cut-glass decanter", "Cello bow", "Pocket sundial", "Map of Gotland",
    "Lacquer box", "Tin toy bus", "B\u00f6hmisches Glas", "\ub2ec\ud56d\uc544\ub9ac", "",
]
# Currency, typical value of a lot, table for proxy lots, table of a house's own.
MONEY = {
    "USD": (9000, US_TABLE, [(0, 50), (5000, 250), (20000, 1000)]),
    "KRW": (90000, [(0, 500), (20000, 1000), (100000, 5000), (500000, 10000)], [(0, 1000)]),
    "BHD": (30000, [(0, 100), (5000, 500), (50000, 1000)], [(0, 250), (10000, 500)]),
}
START = milliseconds("2019-05-06T08:00:00Z")


class Plan:
    """What is to happen to one lot. Times in milliseconds."""

    def __init__(self, name, opens, closes, currency, proxy, table):
        self.name, self.opens, self.closes = name, opens, closes
        self.currency, self.proxy, self.table = currency, proxy, table
        self.opened_at = opens
        self.seller = None
        self.bids = None  # drawn when None
        self.value = 0
        self.bidders = []


class Storm:
    def __init__(self):
        self.random = random.Random(SEED)
        self.house = House()
        self.lines = []
        self.queue = []  # (time, number, action)
        self.plans = []
        self.references = 0

    # Drawing

    def uniform(self, low, high):
        return low + (high - low) * self.random.random()

    def below(self, count):
        return int(self.random.random() * count)

    def pick(self, items):
        return items[self.below(len(items))]

    def chance(self, probability):
        return self.random.random() < probability

    def exponential(self, mean):
        return -mean * math.log(1 - self.random.random())

    def lognormal(self, median, sigma):
        normal = math.sqrt(-2 * math.log(1 - self.random.random())) * math.cos(
            2 * math.pi * self.random.random())
        return median * math.exp(sigma * normal)

    def bid_count(self):
        rest = self.random.random() * sum(AUCTIONS_BY_BIDS)
        for index, auctions in enumerate(AUCTIONS_BY_BIDS):
            rest -= auctions
            if rest < 0:
                return index + 1
        return len(AUCTIONS_BY_BIDS)

    def seconds_to_close(self, days):
        column = {3: 1, 5: 2, 7: 3}[days]
        share = self.random.random()
        low = QUANTILES[0]
        if share <= low[0]:
            return low[column]
        for high in QUANTILES[1:]:
            if share <= high[0]:
                part = (share - low[0]) / (high[0] - low[0])
                logs = math.log(low[column]), math.log(high[column])
                return math.exp(logs[0] + part * (logs[1] - logs[0]))
            low = high
        return low[column]

    # Saying

    def at(self, time, action):
        self.queue.append((time, len(self.queue), action))

    def say(self, time, name, **fields):
        command = {"command": name, **fields, "at": rfc3339(time)}
        self.lines.append(json.dumps(command))
        return self.house.apply(command)

    def reference(self, kind):
        self.references += 1
        return f"{kind}-{self.references:05d}"

    # People

    def register(self):
        time = START - 12 * HOUR
        for currency, scale in (("USD", 2), ("KRW", 0), ("BHD", 3)):
            self.say(time, "register_currency", currency=currency, scale=scale)
        self.sellers = [f"s{number:03d}" for number in range(1, 19)]
        self.bidders = [f"b{number:03d}" for number in range(1, 241)]
        self.poor = set(self.bidders[::12])
        for user in self.sellers + self.bidders:
            self.say(time, "register_user", user=user)
        self.say(time, "register_user", user="b001")  # rejected: registered already
        time += 60 * SECOND
        self.active = {"USD": list(self.bidders), "KRW": [], "BHD": []}
        for index, user in enumerate(self.bidders):
            amount = 2500 if user in self.poor else int(self.lognormal(150000, 0.5))
            self.charge(time, user, "USD", amount)
            if index % 4 == 1:
                self.active["KRW"].append(user)
                self.charge(time, user, "KRW", int(self.lognormal(1200000, 0.4)))
            if index % 5 == 2:
                self.active["BHD"].append(user)
                self.charge(time, user, "BHD", int(self.lognormal(400000, 0.4)))
        # Sellers bid on others' lots too.
        for user in self.sellers[:6]:
            self.active["USD"].append(user)
            self.charge(time, user, "USD", 120000)

    def charge(self, time, user, currency, amount):
        self.say(
            time, "charge", user=user, currency=currency, amount=amount,
            reference=self.reference("psp"))

    def plan_payments(self, end):
        for _ in range(70):
            time = START + int(self.random.random() * (end - START))
            self.at(time, self.withdraw_some)
        for _ in range(50):
            time = START + int(self.random.random() * (end - START))
            self.at(time, self.top_up)
        for _ in range(4):
            self.at(START + int(self.random.random() * (end - START)), self.charge_again)

    def withdraw_some(self, time):
        currency = self.pick(("USD", "USD", "USD", "KRW", "BHD"))
        user = self.pick(self.active[currency])
        available = self.house.available(user, currency)
        # Most leave something to bid with; some ask for one unit too many, some take everything.
        kind = self.random.random()
        amount = available + 1 if kind < 0.15 else available if kind < 0.2 else available // 6
        self.say(
            time, "withdraw", user=user, currency=currency, amount=max(1, amount),
            reference=self.reference("out"))

    def top_up(self, time):
        self.charge(time, self.pick(self.bidders), "USD", 5000 * (1 + self.below(8)))

    def charge_again(self, time):
        """The payment provider sends a notice twice."""
        line = json.loads(self.pick([line for line in self.lines if '"charge"' in line]))
        self.say(
            time, "charge", user=line["user"], currency=line["currency"],
            amount=line["amount"], reference=line["reference"])

    # Lots

    def plan_lots(self):
        kinds = (
            [("USD", True, None)] * 68 + [("USD", False, ONE)] * 9 + [("USD", False, "own")] * 6
            + [("KRW", True, None)] * 7 + [("KRW", False, "own")] * 4
            + [("BHD", True, None)] * 6 + [("BHD", False, "own")] * 4
        )
        order = list(range(len(kinds)))
        for index in range(len(order) - 1, 0, -1):
            other = self.below(index + 1)
            order[index], order[other] = order[other], order[index]
        together = milliseconds("2019-05-19T20:00:00Z")
        for number, kind in enumerate(order, start=1):
            currency, proxy, table = kinds[kind]
            value, proxy_table, own_table = MONEY[currency]
            days = self.pick((3, 5, 7, 7, 7))
            opens = START + number * 70 * 60 * SECOND + self.below(1800 * SECOND)
            # A sale: every fifth lot ends at the same instant.
            closes = together if number % 5 == 0 else opens + days * DAY
            if closes - opens < 2 * DAY:
                closes = opens + days * DAY
            plan = Plan(
                f"lot-{number:03d}", opens, closes, currency, proxy,
                proxy_table if proxy else own_table if table == "own" else table)
            plan.seller = self.pick(self.sellers)
            plan.value = max(50, int(self.lognormal(value, 0.8)))
            self.plans.append(plan)
        for number, plan in enumerate(self.plans):
            self.plan_fate(number, plan)

    def plan_fate(self, number, plan):
        """Gives some lots a fate of their own; all others run to their end."""
        if number % 11 == 4:
            plan.bids = 0
        if number % 9 == 2:  # announced before it opens
            plan.opened_at = plan.opens - 5 * HOUR
            for _ in range(2):
                early = plan.opens - 1 - self.below(2 * HOUR)
                self.at(early, lambda time, plan=plan: self.bid(plan, time))
            self.at(plan.opens - 1, lambda time, plan=plan: self.bid(plan, time))
        self.at(plan.opened_at, lambda time, plan=plan: self.open(plan, time))
        end = plan.closes
        if number in (7, 48, 70):
            self.at(
                plan.opens + DAY, lambda time, plan=plan: self.cancel(plan, time, plan.seller))
            plan.bids = 0 if number != 70 else 12
        elif number in (15, 33, 61, 92):
            self.at(end - 3 * HOUR, lambda time, plan=plan: self.cancel(plan, time, None))
            self.at(end - 2 * HOUR, lambda time, plan=plan: self.bid(plan, time))
            plan.bids = 14
        elif number in (20, 41, 66, 87):
            plan.bids = 18
            by = plan.seller if number == 41 else None
            self.at(end - 90, lambda time, plan=plan: self.hammer(plan, time, "b002"))
            self.at(end - 80, lambda time, plan=plan, by=by: self.hammer(plan, time, by))
            self.at(end - 70, lambda time, plan=plan: self.bid(plan, time))
            if number in (20, 66):
                plan.closes = None
        elif number in (29, 77):
            plan.bids = 16
            self.extend(plan, end)
        elif number in (57, 101):
            plan.bids = 9
            plan.closes = None  # still open when the history ends
        self.plan_bids(plan, end)
        if number % 4 == 1:
            self.at(end - HOUR, lambda time, plan=plan: self.close(plan, time))
        self.at(end, lambda time, plan=plan: self.close(plan, time))
        if number % 10 == 3:
            self.at(end + 6 * HOUR, lambda time, plan=plan: self.close(plan, time))

    def extend(self, plan, end):
        """Two hours more shortly before the end, then half an hour more; bids go on."""
        for before, later in ((60 * SECOND, 2 * HOUR), (-HOUR, 5 * HOUR // 2)):
            self.at(
                end - before,
                lambda time, plan=plan, later=later: self.say(
                    time, "extend_auction", auction=plan.name, closes_at=rfc3339(end + later)))
        # An end is never moved back.
        self.at(
            end - 30 * SECOND,
            lambda time, plan=plan: self.say(
                time, "extend_auction", auction=plan.name, closes_at=rfc3339(end + HOUR)))
        for part in (1, 9, 40, 70, 100, 149, 150, 151):
            self.at(end + part * 60 * SECOND, lambda time, plan=plan: self.bid(plan, time))
        self.at(end + 3 * HOUR, lambda time, plan=plan: self.close(plan, time))

    def plan_bids(self, plan, end):
        length = end - plan.opens
        days = min((3, 5, 7), key=lambda days: abs(days * DAY - length))
        count = self.bid_count() if plan.bids is None else plan.bids
        for _ in range(count):
            before = int(self.seconds_to_close(days) * 1000 * length / (days * DAY))
            time = max(plan.opens, end - max(1, before))
            self.at(time, lambda time, plan=plan: self.bid(plan, time))
        if count == 0:
            return
        if self.chance(0.25):  # too late by nothing at all, by a millisecond, by a second
            self.at(
                end + self.pick((0, 0, 1, 1000)), lambda time, plan=plan: self.bid(plan, time))
        if self.chance(0.1):  # the last moment
            self.at(end - 1, lambda time, plan=plan: self.bid(plan, time))
        if self.chance(0.12):
            self.at(
                plan.opens + int(length * 0.8),
                lambda time, plan=plan: self.bid(plan, time, bidder=plan.seller))

    def open(self, plan, time):
        fields = {"auction": plan.name}
        title = self.pick(TITLES)
        if title:
            fields["title"] = title
        fields["seller"] = plan.seller
        fields["currency"] = plan.currency
        if plan.opened_at != plan.opens or self.chance(0.5):
            fields["opens_at"] = rfc3339(plan.opens)
        if plan.closes is not None:
            fields["closes_at"] = rfc3339(plan.closes)
        rules = {"format": "english"}
        rules["opening_price"] = max(1, int(plan.value * self.pick((0, 0.1, 0.3, 0.5))))
        if plan.proxy:
            rules["proxy"] = True
        if plan.table != ONE:
            rules["increments"] = [{"from": start, "step": step} for start, step in plan.table]
        self.say(time, "open_auction", **fields, rules=rules)

    def cancel(self, plan, time, by):
        fields = {"reason": "withdrawn by the house"} if by is None else {"by": by}
        self.say(time, "cancel_auction", auction=plan.name, **fields)

    def hammer(self, plan, time, by):
        fields = {} if by is None else {"by": by}
        self.say(time, "close_auction", auction=plan.name, hammer=True, **fields)

    def close(self, plan, time):
        self.say(time, "close_auction", auction=plan.name)

    # Bids

    def bid(self, plan, time, bidder=None):
        # The close that time brings comes before the bid, also in the model that is asked.
        self.house.close_due(time)
        lot = self.house.lots[plan.name]
        if bidder is None:
            bidder = self.bidder(plan)
        amount = self.amount(plan, lot, bidder)
        fields = {"by": bidder} if self.chance(0.05) else {}
        self.say(
            time, "place_bid", auction=plan.name, bidder=bidder, amount=max(1, amount), **fields)

    def bidder(self, plan):
        known = [user for user in plan.bidders if user != plan.seller]
        if known and not self.chance(NEW_BIDDER):
            return self.pick(known)
        while True:
            # A few bidders are everywhere, most are seldom seen.
            users = self.active[plan.currency]
            user = users[int(len(users) * self.random.random() ** 1.7)]
            if user != plan.seller:
                plan.bidders.append(user)
                return user

    def amount(self, plan, lot, bidder):
        minimum = lot.minimum()
        more = int(self.exponential(0.06 * plan.value)) + 1
        if self.chance(0.015):
            return minimum - 1
        if lot.leader is None:
            return self.rounded(minimum + more * 2, minimum)
        if not lot.proxy:
            if self.chance(TIE):
                return lot.price
            return minimum if self.chance(0.3) else self.rounded(minimum + more // 2, minimum)
        if bidder == lot.leader:
            if self.chance(0.12):
                return lot.maximum - self.pick((0, 0, 1))
            return self.rounded(lot.maximum + more, lot.maximum + 1)
        if self.chance(TIE) and lot.maximum >= minimum:
            return lot.maximum
        if self.chance(TAKEOVER) or lot.maximum <= minimum:
            # Half of those who pass a maximum do so by less than a step.
            near = lot.maximum + 1 + self.below(lot.step(lot.maximum))
            return near if self.chance(0.3) else self.rounded(lot.maximum + more, minimum)
        return self.rounded(int(self.uniform(minimum, lot.maximum)), minimum)

    def rounded(self, amount, least):
        """People bid round numbers, mostly."""
        unit = next((u for u in (5000, 1000, 500, 100, 25, 5) if u * 20 <= amount), 1)
        nice = amount // unit * unit
        return nice if nice >= least and self.chance(0.7) else max(amount, least)

    # All of it

    def draw(self):
        self.register()
        self.plan_lots()
        end = max(time for time, _, _ in self.queue)
        self.plan_payments(end)
        for time, _, action in sorted(self.queue, key=lambda item: item[:2]):
            action(time)
        self.say(end + DAY, "charge", user="b001", currency="USD", amount=1, reference="last")
        self.house.check()


# --- Files --------------------------------------------------------------------------------------

def write_outcomes(path, house):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["auction", "outcome", "winner", "price", "bids", "accepted"])
        for lot in house.lots.values():
            sold = lot.outcome == "sold"
            writer.writerow([
                lot.name, lot.outcome, lot.leader if sold else "", lot.price if sold else "",
                lot.bids, lot.accepted,
            ])


def write_wallets(path, house):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["user", "currency", "available", "locked"])
        for (user, currency), (available, locked) in sorted(house.wallets.items()):
            writer.writerow([user, currency, available, locked])


def summary(house, lines):
    lots = list(house.lots.values())
    bids = sum(lot.bids for lot in lots)
    accepted = sum(lot.accepted for lot in lots)
    counts = {}
    for lot in lots:
        word = lot.outcome or lot.status
        counts[word] = counts.get(word, 0) + 1
    yield f"{len(lines)} lines, {len(lots)} auctions: " + ", ".join(
        f"{count} {word}" for word, count in sorted(counts.items()))
    yield f"{bids} bids, {accepted} accepted"
    yield "rejections: " + ", ".join(
        f"{count} {code}" for code, count in sorted(house.rejections.items()))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    storm = Storm()
    storm.draw()
    with open(os.path.join(folder, "storm.jsonl"), "w", encoding="ascii", newline="") as file:
        file.writelines(line + "\n" for line in storm.lines)
    # The expected figures come from the lines alone, read back into a fresh model.
    house = House()
    for line in storm.lines:
        house.apply(json.loads(line))
    house.check()
    write_outcomes(os.path.join(folder, "storm.expected.csv"), house)
    write_wallets(os.path.join(folder, "storm.wallets.csv"), house)
    for line in summary(house, storm.lines):
        print(line)


if __name__ == "__main__":
    main()
