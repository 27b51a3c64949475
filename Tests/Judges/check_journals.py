#!/usr/bin/env python3
"""Lets hledger and beancount judge what gavel exports, and compares their balances with gavel's.

    Tests/Judges/check_journals.py [--gavel PATH] [LEDGER_OR_HISTORY…]

Without arguments: every history of Fixtures, and the eBay history where it is at hand. For each,
the exported journals must pass `hledger check --strict ordereddates` and `bean-check`; then the
balances that `hledger balance` and beancount's own library add up must be those of `gavel wallets`,
for every wallet, both halves, in every currency, and nobody else may have any. The rows of jsonl
and csv are added up here. Names are read back from the journals by the rule, not taken from their
metadata, which must say the same. The references of payments must be the same in all four.

Before all that, journals are tampered with: if that goes unnoticed, nothing here is worth anything.

Needs hledger and bean-check on the PATH (Debian: `apt-get install hledger beancount`), and nothing
else but Python's standard library. Ends with 0 when all is well, 1 at the first difference, 2 when
something is missing.
"""
import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EBAY = ROOT.parent / "shared/data/ebay/palm.jsonl"
TOOLS = ("hledger", "bean-check")
# Asked of beancount itself: bean-query rounds what it prints.
BEANCOUNT_SUMS = """
import sys
from beancount import loader
from beancount.core import realization
entries, errors, _ = loader.load_file(sys.argv[1])
assert not errors, errors
for account in realization.iter_children(realization.realize(entries)):
    if account.account.startswith("Assets:"):
        for position in account.balance:
            print(account.account, position.units.currency, format(position.units.number, "f"))
"""
BEANCOUNT_REFERENCES = """
import json, sys
from beancount import loader
entries, errors, _ = loader.load_file(sys.argv[1])
print(json.dumps([
    (str(entry.meta["position"]), entry.meta["reference"])
    for entry in entries if "reference" in entry.meta]))
"""
ENVIRONMENT = dict(os.environ, LC_ALL="C.UTF-8", BEANCOUNT_DISABLE_LOAD_CACHE="1")


class Difference(Exception):
    """Something that is not as it must be."""


def run(*command):
    """The status and the output of a command, errors included."""
    done = subprocess.run(
        [str(word) for word in command], env=ENVIRONMENT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
    return done.returncode, done.stdout


def output(*command):
    """The output of a command that must succeed."""
    status, text = run(*command)
    if status != 0:
        words = " ".join(str(word) for word in command)
        raise Difference(f"{words} ended with {status}:\n{text[:2000]}")
    return text


def require(condition, message):
    if not condition:
        raise Difference(message)


def unescaped(name):
    """What an escaped name stands for: `-XX` is a byte."""
    return re.sub("-([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), name)


def plain(cell):
    """What a cell of CSV stands for: its first ' keeps spreadsheets from running it."""
    return cell.removeprefix("'")


def interpreter():
    """The Python that bean-check runs in, as its first line says."""
    with open(shutil.which("bean-check"), encoding="utf-8") as script:
        return script.readline().removeprefix("#!").split()


class Journal:
    """A file for one of the tools, and how that tool is asked about it."""

    def __init__(self, path):
        self.path = path
        self.text = path.read_text(encoding="ascii")

    def tampered(self, text):
        """The same journal with another text."""
        require(text != self.text, f"{self.path}: nothing to tamper with")
        path = self.path.with_name("tampered-" + self.path.name)
        path.write_text(text, encoding="ascii")
        return type(self)(path)

    def user(self, account):
        """The user and the half that an account is for; None for others."""
        match = re.fullmatch("assets:U([^:]+):(available|locked)", account, re.IGNORECASE)
        return match and (unescaped(match[1]), match[2].lower())

    def balances(self):
        """What the tool adds up, by user, half and currency."""
        found = {}
        for account, commodity, number in self.sums():
            place = self.user(account)
            require(place, f"{self.path}: the account {account}")
            key = (*place, self.currency(commodity))
            require(key not in found, f"{self.path}: {key} twice")
            found[key] = Decimal(number)
        return found

    def declared_users(self):
        """The users whose accounts are declared, checked against their metadata."""
        users = defaultdict(set)
        for account, user in re.findall(self.DECLARATION, self.text, re.MULTILINE):
            name, half = self.user(account)
            require(name == user, f"{self.path}: {account} is said to be {user}'s")
            require(half not in users[name], f"{self.path}: {account} twice")
            users[name].add(half)
        require(
            all(len(halves) == 2 for halves in users.values()), f"{self.path}: half a wallet")
        return set(users)

    def transaction_count(self):
        return len(re.findall(r"^\d{4}-\d\d-\d\d \* ", self.text, re.MULTILINE))


class Hledger(Journal):
    FORMAT = "hledger"
    DECLARATION = r"^account (assets:\S+)  ; user:(\S+)$"
    # A charge: two postings, the first with its assertion.
    CHARGE = re.compile(r"(:available  )([0-9.]+)( \S+)( = [0-9.]+ \S+)(\n    \S+  -)([0-9.]+)")

    def accepted(self):
        return run("hledger", "-f", self.path, "check", "--strict", "ordereddates")

    def sums(self):
        text = output(
            "hledger", "-f", self.path, "balance", "assets", "--flat", "--empty", "--no-total",
            "-O", "csv")
        for account, amounts in list(csv.reader(text.splitlines()))[1:]:
            rest = amounts
            while rest and rest != "0":
                match = re.match(r'(-?[0-9.]+) ("[^"]+"|[A-Za-z]+)(, |$)', rest)
                require(match, f"{self.path}: hledger says {amounts} for {account}")
                yield account, match[2].strip('"'), match[1]
                rest = rest[match.end():]

    def currency(self, commodity):
        return unescaped(commodity)

    def references(self):
        """By position, as hledger reads its own tags."""
        found = {}
        for transaction in json.loads(output("hledger", "-f", self.path, "print", "-O", "json")):
            tags = dict(transaction["ttags"])
            if "reference" in tags:
                found[tags["position"]] = tags["reference"].replace("%2C", ",").replace("%25", "%")
        return found

    def assertion_count(self):
        return len(re.findall(r"^    \S.* = ", self.text, re.MULTILINE))

    def without_assertions(self):
        return re.sub(r" = -?[0-9.]+ \S+$", "", self.text, flags=re.MULTILINE)


class Beancount(Journal):
    FORMAT = "beancount"
    DECLARATION = r'^\S+ open (Assets:\S+)\n  user: "(\S+)"$'
    CHARGE = re.compile(r"(:Available  )([0-9.]+)( \S+)()(\n  Equity:Outside  -)([0-9.]+)")

    def accepted(self):
        return run("bean-check", self.path)

    def sums(self):
        for line in output(*interpreter(), "-c", BEANCOUNT_SUMS, self.path).splitlines():
            yield line.split(" ")

    def currency(self, commodity):
        """By the rule; only a name that would be too long stands for a number of registration."""
        if not hasattr(self, "codes"):
            pairs = re.findall(r'^\S+ commodity (\S+)\n  code: "(\S+)"$', self.text, re.MULTILINE)
            self.codes = dict(pairs)
            require(
                len(pairs) == len(self.codes) == len(set(self.codes.values())),
                f"{self.path}: two currencies share a commodity")
        code = self.codes[commodity]
        if re.fullmatch(r"C\.\d+", commodity):
            require(len(code) > 7, f"{self.path}: {code} has a number for no need")
        elif "-" in commodity:
            require(commodity[0] == "C" and unescaped(commodity[1:]) == code, f"{commodity} {code}")
        else:
            require(commodity == code, f"{self.path}: {commodity} is said to be {code}")
        return code

    def references(self):
        """By position, as beancount reads its own metadata."""
        said = output(*interpreter(), "-c", BEANCOUNT_REFERENCES, self.path)
        return {position: reference for position, reference in json.loads(said)}

    def assertion_count(self):
        return len(re.findall(r"^\S+ balance ", self.text, re.MULTILINE))

    def without_assertions(self):
        return re.sub(r"^\S+ balance .*\n", "", self.text, flags=re.MULTILINE)


class Ledger:
    """A ledger and what gavel says about it."""

    def __init__(self, gavel, path, scratch):
        self.gavel, self.path, self.scratch = gavel, path, scratch
        self.users, scales = set(), {}
        for line in self.ask("wallets", "--format", "json").splitlines():
            wallet = json.loads(line)
            self.users.add(wallet["user"])
            for balance in wallet["balances"]:
                scales[balance["currency"]] = balance["scale"]
        self.balances, self.minor_units = {}, {}
        for row in csv.DictReader(self.ask("wallets", "--format", "csv").splitlines()):
            user, currency = plain(row["user"]), plain(row["currency"])
            self.minor_units[user, currency] = row["available"], row["locked"]
            for half in ("available", "locked"):
                self.balances[user, half, currency] = Decimal(row[half]).scaleb(-scales[currency])

    def ask(self, *command):
        return output(self.gavel, *command, "--ledger", self.path)

    def export(self, kind):
        path = self.scratch / f"{self.path.name}.{kind.FORMAT}"
        path.write_text(self.ask("export", "--format", kind.FORMAT), encoding="ascii")
        return kind(path)

    def compare(self, journal):
        """Every wallet must be as the tool says, and the tool may know no other money."""
        found = journal.balances()
        for key, amount in sorted(self.balances.items()):
            require(
                found.get(key, 0) == amount,
                f"{journal.path}: {key} is {amount} here and {found.get(key, 0)} there")
        others = {key: amount for key, amount in found.items() if amount}
        require(
            set(others) <= set(self.balances),
            f"{journal.path}: only there: {sorted(set(others) - set(self.balances))}")
        users = journal.declared_users()
        require(users == self.users, f"{journal.path}: users {sorted(users ^ self.users)}")


def judge(ledger, kind):
    """One tool on one ledger."""
    journal = ledger.export(kind)
    status, said = journal.accepted()
    require(status == 0 and not said, f"{journal.path} is refused ({status}):\n{said[:2000]}")
    ledger.compare(journal)
    return journal


def judge_rows(ledger, journals):
    """The rows of jsonl and csv: the same, and adding up to every balance they give."""
    rows = list(csv.DictReader(ledger.ask("export", "--format", "csv").splitlines()))
    lines = ledger.ask("export", "--format", "jsonl").splitlines()
    require(len(rows) == len(lines), f"{ledger.path}: {len(rows)} rows, {len(lines)} lines")
    balances, references = defaultdict(lambda: (0, 0)), {}
    for row, line in zip(rows, lines):
        for cell in row.values():
            require(
                cell[:1] not in "=+@" or not cell, f"{ledger.path}: a spreadsheet runs {cell}")
            require(
                cell[:1] != "-" or cell == "-" or cell[1:].isdigit(), f"{ledger.path}: {cell}")
        row = {name: plain(cell) for name, cell in row.items()}
        if row["reference"]:
            references[row["position"]] = row["reference"]
        fields = {
            name: "" if value is None else str(value) for name, value in json.loads(line).items()}
        require(row == fields, f"{ledger.path}: {row} and {line}")
        key = row["user"], row["currency"]
        balances[key] = tuple(
            before + int(row[f"{half}_change"])
            for before, half in zip(balances[key], ("available", "locked")))
        require(
            balances[key] == (int(row["available"]), int(row["locked"])),
            f"{ledger.path}: {row} does not follow")
    found = {key: (str(halves[0]), str(halves[1])) for key, halves in balances.items()}
    require(found == ledger.minor_units, f"{ledger.path}: the rows end in other balances")
    payments = [row for row in rows if row["event"] in ("charged", "withdrawn")]
    require(len(payments) == len(references), f"{ledger.path}: a payment without a reference")
    for journal in journals:
        require(
            journal.references() == references, f"{journal.path}: not the references of the rows")
    return len(rows)


def check_the_judge(ledger, kind):
    """Journals that are wrong must be found wrong, each by the check that is there for it."""
    journal = judge(ledger, kind)

    def with_more(match, both):
        more = str(Decimal(match[2]) + Decimal(1).scaleb(Decimal(match[2]).as_tuple().exponent))
        return match[1] + more + match[3] + match[4] + match[5] + (more if both else match[6])

    unbalanced = kind.CHARGE.sub(lambda match: with_more(match, False), journal.text, count=1)
    status, _ = journal.tampered(unbalanced).accepted()
    require(status != 0, f"{kind.FORMAT} accepts a transaction with a unit too much")
    balanced = kind.CHARGE.sub(lambda match: with_more(match, True), journal.text, count=1)
    status, said = journal.tampered(balanced).accepted()
    require(
        status != 0 and "balance" in said.lower(),
        f"{kind.FORMAT} accepts a charge of a unit more than the balances assert")
    bare = kind(journal.tampered(balanced).path).without_assertions()
    silent = journal.tampered(bare)
    require(silent.accepted()[0] == 0, f"{kind.FORMAT} refuses a journal without assertions")
    try:
        ledger.compare(silent)
    except Difference:
        return
    raise Difference(f"{kind.FORMAT}: a wallet with a unit too much compares as equal")


def opened(gavel, path, scratch):
    """A ledger, imported first where a history is given."""
    if path.is_dir():
        return Ledger(gavel, path, scratch)
    folder = scratch / path.stem
    output(gavel, "import", path, "--ledger", folder)
    return Ledger(gavel, folder, scratch)


def histories():
    found = sorted(ROOT.glob("Fixtures/histories/**/*.jsonl"))
    found.append(ROOT / "Fixtures/migration/expected.jsonl")
    return found + ([EBAY] if EBAY.exists() else [])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    built = [ROOT / ".build" / kind / "gavel" for kind in ("release", "debug")]
    default = next((path for path in built if path.exists()), "gavel")
    parser.add_argument("--gavel", default=default, help="the gavel to ask")
    parser.add_argument("inputs", nargs="*", type=Path, metavar="LEDGER_OR_HISTORY")
    asked = parser.parse_args()
    missing = [tool for tool in (*TOOLS, str(asked.gavel)) if not shutil.which(tool)]
    if missing:
        parser.error(f"not found: {', '.join(missing)}")
    absent = [str(path) for path in asked.inputs if not path.exists()]
    if absent:
        parser.error(f"there is no {', '.join(absent)}")
    return asked.gavel, asked.inputs or histories()


def main():
    gavel, inputs = arguments()
    print(output("hledger", "--version").strip(), "·", output("bean-check", "--version").strip())
    with tempfile.TemporaryDirectory(prefix="gavel-journals-") as folder:
        for kind in (Hledger, Beancount):
            scratch = Path(folder) / f"tampered-{kind.FORMAT}"
            scratch.mkdir()
            canary = opened(gavel, ROOT / "Fixtures/histories/odd_names.jsonl", scratch)
            check_the_judge(canary, kind)
        print("tampered journals are found out: 3 for each tool")
        titles = ("history", "wallets", "balances", "transactions", "hledger", "beancount", "rows")
        print("{:18} {:>8} {:>9} {:>13} {:>9} {:>10} {:>9}".format(*titles))
        totals = [0] * 6
        for number, path in enumerate(inputs):
            scratch = Path(folder) / str(number)
            scratch.mkdir()
            ledger = opened(gavel, path, scratch)
            hledger, beancount = judge(ledger, Hledger), judge(ledger, Beancount)
            transactions = hledger.transaction_count()
            require(
                transactions == beancount.transaction_count(), f"{path}: not as many transactions")
            figures = [
                len(ledger.users), len(ledger.balances), transactions, hledger.assertion_count(),
                beancount.assertion_count(), judge_rows(ledger, (hledger, beancount))]
            totals = [total + figure for total, figure in zip(totals, figures)]
            print("{:18} {:8} {:9} {:13} {:9} {:10} {:9}".format(path.stem, *figures))
        print("{:18} {:8} {:9} {:13} {:9} {:10} {:9}".format("all", *totals))
        print("balances: both halves of each wallet and currency, equal in gavel and both tools;")
        print("hledger, beancount: the assertions each of them checked")


if __name__ == "__main__":
    try:
        main()
    except Difference as difference:
        print(f"check_journals: {difference}", file=sys.stderr)
        sys.exit(1)
