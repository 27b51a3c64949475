"""Turns three tables of a row-locking auction back end into a history for `gavel import`.

    python3 tables_to_history.py balances.csv auctions.csv bids.csv > history.jsonl

    balances  user,currency,scale,balance,locked_balance
    auctions  id,title,seller,currency,starting_price,current_price,start,end,highest_bidder
    bids      auction,bidder,amount,placed_at

Amounts are integers in minor units; `balance` is what can be spent, `locked_balance` what is
locked; times are RFC 3339; only auctions that are still open are exported, with all their bids.
After the import every wallet has the same two balances and every auction the same leader and
price; of each auction's bids only the leading one is carried over: the others hold no money, and
placed again they could lock what a leading bid needs. Stops with exit code 1 and every
contradiction it found when the tables do not agree: a history made from them would not settle.
"""
import csv
import datetime
import json
import re
import sys


AMOUNT_MAX = 2**63 - 1
SCALE_MAX = 9


class Contradiction(Exception):
    pass


def read(path, columns):
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != columns:
            raise Contradiction(f"{path}: expected the columns {','.join(columns)}")
        rows = list(reader)
    for row in rows:
        if None in row or None in row.values():
            raise Contradiction(
                f"{path}: {row[columns[0]]}: a row needs {len(columns)} columns")
    return rows


def moment(text, where):
    try:
        value = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Contradiction(f"{where}: {text!r} is no time") from None
    if value.tzinfo is None:
        raise Contradiction(f"{where}: {text!r} has no time zone")
    return value.astimezone(datetime.timezone.utc)


def stamp(value):
    """Three decimals, six when needed: cut to three, a bid could fall on its auction's end."""
    part = f"{value.microsecond:06d}"
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + part.removesuffix("000") + "Z"


def amount(text, where):
    if not (text.isascii() and text.isdigit()):
        raise Contradiction(f"{where}: {text!r} is no whole number of minor units")
    if int(text) > AMOUNT_MAX:
        raise Contradiction(f"{where}: {text} is more than a ledger can hold")
    return int(text)


def is_name(text):
    """What a ledger takes as a user, an auction or a currency."""
    return re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", text) is not None


class Tables:
    """The three tables, read and checked against each other."""

    def __init__(self, balances, auctions, bids):
        self.problems = []
        self.scales, self.wallets = {}, {}
        for row in read(balances, ["user", "currency", "scale", "balance", "locked_balance"]):
            where = f"wallet {row['user']}/{row['currency']}"
            if not is_name(row["user"]) or not is_name(row["currency"]):
                self.problems.append(
                    f"{where}: a name has 1 to 64 of A-Z a-z 0-9 . _ : -; rename before moving")
            if row["user"] == "house":
                self.problems.append(f"{where}: the user house belongs to the ledger")
            scale = amount(row["scale"], where)
            if self.scales.setdefault(row["currency"], scale) != scale:
                self.problems.append(f"{where}: another scale than before")
            if scale > SCALE_MAX:
                self.problems.append(f"{where}: a scale is 0 to {SCALE_MAX}, not {scale}")
            if (row["user"], row["currency"]) in self.wallets:
                self.problems.append(f"{where}: stands twice")
            self.wallets[row["user"], row["currency"]] = (
                amount(row["balance"], where), amount(row["locked_balance"], where))
        self.auctions = read(auctions, [
            "id", "title", "seller", "currency", "starting_price", "current_price", "start", "end",
            "highest_bidder"])
        self.bids = read(bids, ["auction", "bidder", "amount", "placed_at"])
        self.check()
        if self.problems:
            raise Contradiction("\n".join(self.problems))

    def check(self):
        users = {user for user, _ in self.wallets}
        lots = {row["id"]: row for row in self.auctions}
        locked = {}
        for row in self.auctions:
            where = f"auction {row['id']}"
            if not is_name(row["id"]):
                self.problems.append(f"{where}: a name has 1 to 64 of A-Z a-z 0-9 . _ : -")
            if row["seller"] not in users:
                self.problems.append(f"{where}: the seller {row['seller']} has no wallet")
            if row["currency"] not in self.scales:
                self.problems.append(f"{where}: nobody has a wallet in {row['currency']}")
            if lots[row["id"]] is not row:
                self.problems.append(f"{where}: stands twice")
            row["bids"] = []
            row["opens"], row["closes"] = moment(row["start"], where), moment(row["end"], where)
            row["starting"] = amount(row["starting_price"], where)
            if row["starting"] < 1:
                self.problems.append(f"{where}: a starting price is at least 1")
            row["price"] = amount(row["current_price"], where) if row["current_price"] else None
        for row in self.bids:
            where = f"bid of {row['bidder']} on {row['auction']}"
            lot = lots.get(row["auction"])
            if lot is None:
                self.problems.append(f"{where}: there is no such auction")
                continue
            row["at"], row["units"] = moment(row["placed_at"], where), amount(row["amount"], where)
            if not lot["opens"] <= row["at"] < lot["closes"]:
                self.problems.append(f"{where}: placed outside the auction's time")
            if row["bidder"] == lot["seller"]:
                self.problems.append(f"{where}: the seller's own")
            if (row["bidder"], lot["currency"]) not in self.wallets:
                self.problems.append(f"{where}: no wallet in {lot['currency']}")
            lot["bids"].append(row)
        for lot in self.auctions:
            self.check_leader(lot, locked)
        self.check_ends()
        self.check_totals()
        for key, (_, held) in self.wallets.items():
            if held != locked.get(key, 0):
                self.problems.append(
                    f"wallet {key[0]}/{key[1]}: {held} locked, but leading bids of "
                    f"{locked.get(key, 0)}")

    def check_ends(self):
        """An import closes what has ended by its last line: such a lot would be sold by it."""
        times = [lot["opens"] for lot in self.auctions]
        times = [min(times)] if times else []
        last = max(times + [row["at"] for row in self.bids if "at" in row], default=None)
        for lot in self.auctions:
            if lot["closes"] <= max(last, lot["opens"]):
                self.problems.append(
                    f"auction {lot['id']}: ended by {stamp(max(last, lot['opens']))}, so it is "
                    "not open; settle it before the export")

    def check_totals(self):
        """A charge beyond a currency's limit is rejected, which does not stop an import."""
        for code in self.scales:
            total = sum(sum(both) for (_, its), both in self.wallets.items() if its == code)
            if total > AMOUNT_MAX:
                self.problems.append(f"currency {code}: {total} in all is more than a ledger holds")

    def check_leader(self, lot, locked):
        lot["bids"].sort(key=lambda row: (row["at"], row["units"]))
        where = f"auction {lot['id']}"
        if not lot["highest_bidder"]:
            if lot["bids"]:
                self.problems.append(f"{where}: bids, but no highest bidder")
            elif lot["price"] not in (None, lot["starting"]):
                self.problems.append(f"{where}: a price of {lot['price']}, but no highest bidder")
            return
        if not lot["bids"]:
            self.problems.append(f"{where}: a highest bidder, but no bids")
            return
        last = lot["bids"][-1]
        if (last["bidder"], last["units"]) != (lot["highest_bidder"], lot["price"]):
            self.problems.append(
                f"{where}: {lot['highest_bidder']} leads at {lot['price']}, but the last bid is "
                f"{last['units']} by {last['bidder']}")
        amounts = [row["units"] for row in lot["bids"]]
        if any(low >= high for low, high in zip(amounts, amounts[1:])):
            self.problems.append(f"{where}: its bids do not rise")
        if amounts[0] < lot["starting"]:
            self.problems.append(f"{where}: the first bid is below the starting price")
        key = (last["bidder"], lot["currency"])
        locked[key] = locked.get(key, 0) + last["units"]

    def history(self):
        """The commands in order of time; of bids only each leader's last: it alone holds money."""
        acts, openings = [], []
        for lot in self.auctions:
            openings.append({
                "command": "open_auction", "auction": lot["id"], "title": lot["title"],
                "seller": lot["seller"], "currency": lot["currency"],
                "opens_at": stamp(lot["opens"]), "closes_at": stamp(lot["closes"]),
                "rules": {"format": "english",
                          "opening_price": lot["starting"]}})
            if lot["bids"]:
                last = lot["bids"][-1]
                acts.append((last["at"], {
                    "command": "place_bid", "auction": lot["id"], "bidder": last["bidder"],
                    "amount": last["units"]}))
        acts.sort(key=lambda act: act[0])
        # Everything that has no time of its own stands at the first opening; a lot that opens
        # later says so.
        begin = min((lot["opens"] for lot in self.auctions), default=datetime.datetime(
            2000, 1, 1, tzinfo=datetime.timezone.utc))
        for code, scale in self.scales.items():
            yield begin, {"command": "register_currency", "currency": code, "scale": scale}
        for user in dict.fromkeys(user for user, _ in self.wallets):
            yield begin, {"command": "register_user", "user": user}
        for number, ((user, code), (free, held)) in enumerate(self.wallets.items()):
            reference = f"moved/{user}/{code}"
            if free + held > 0:
                yield begin, {"command": "charge", "user": user, "currency": code,
                              "amount": free + held,
                              "reference": reference if len(reference) <= 64 else f"moved/{number}"}
        for command in openings:
            yield begin, command
        yield from acts


def main(paths):
    if len(paths) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        for at, command in Tables(*paths).history():
            print(json.dumps({**command, "at": stamp(at)}, ensure_ascii=False))
    except (Contradiction, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
