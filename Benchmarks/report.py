"""The arithmetic and the pictures of `compare`: from lines of JSON to a table and a chart.

Invariants: a ratio is formed within a round, since rounds are what is interleaved, and the median
of the rounds' ratios is shown; figures are rounded once, when they are printed.
"""

from dataclasses import dataclass
from html import escape
from statistics import median


@dataclass(frozen=True)
class Row:
    """One configuration: a peer under a load."""

    peer: str
    auctions: int
    clients: int
    batch: int
    depth: int = 1

    @staticmethod
    def of(run):
        """The row that a run belongs to."""
        return Row(*(run[name] for name in ("peer", "auctions", "clients", "batch", "depth")))

    @property
    def waiting(self):
        """How many bids wait for an answer at once, and so can share a commit."""
        return self.clients * self.batch * self.depth


NAMES = {
    "postgresql-statements": "PostgreSQL, statement sequence",
    "postgresql-function": "PostgreSQL, PL/pgSQL function",
    "postgresql-fold": "PostgreSQL, set-based fold",
    "sqlite": "SQLite, WAL FULL",
    "lmdb": "raw LMDB append",
    "file": "raw file append",
    "gavel-batches": "Gavel, batches",
    "gavel-async": "Gavel, async callers",
}
RAW = ("lmdb", "file")


def load_text(row):
    """How a row's peer is asked, in words."""
    if row.peer in ("postgresql-statements", "postgresql-function", "gavel-async"):
        return f"{row.clients:,} waiting" if row.clients > 1 else "one at a time"
    text = f"{row.batch:,} a commit" if row.batch > 1 else "one a commit"
    return text + (f", {row.depth} under way" if row.depth > 1 else "")


def base_row(row, rows):
    """PostgreSQL's statement sequence with as many clients, or its largest number below that."""
    bases = [
        other for other in rows
        if other.peer == "postgresql-statements" and other.auctions == row.auctions
        and other.clients <= row.clients
    ]
    return max(bases, key=lambda other: other.clients, default=None)


def limit_row(row, rows):
    """Raw LMDB with as many records a commit as bids wait at once, or its largest number below."""
    limits = [
        other for other in rows if other.peer == "lmdb" and other.batch <= row.waiting
    ]
    return max(limits, key=lambda other: other.batch, default=None)


def by_row(runs):
    """The runs of each row by round, rows in the order they first ran."""
    rows = {}
    for run in runs:
        rows.setdefault(Row.of(run), {})[run["round"]] = run
    return rows


def ratios(runs_of_row, runs_of_base):
    """Bids per second of a row over those of its base, for each round both have."""
    return [
        run["bids_per_second"] / runs_of_base[number]["bids_per_second"]
        for number, run in sorted(runs_of_row.items())
        if number in runs_of_base and runs_of_base[number]["bids_per_second"] > 0
    ]


def rate(value):
    """A rate with three digits that mean something."""
    if value < 1_000:
        return f"{value:.0f}"
    digits = len(str(int(value))) - 3
    return f"{round(value, -digits):,.0f}"


def ratio_text(values, is_exact=True):
    """The median of ratios."""
    if not values:
        return ""
    value = median(values)
    if value < 0.1:
        text = f"{value:.2g}"
    else:
        text = milliseconds(value) if value < 1_000 else f"{value:,.0f}"
    return text + ("" if is_exact else "\\*")


def milliseconds(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(runs, rows_shown):
    """A Markdown table of some rows of the runs."""
    rows = by_row(runs)
    lines = [
        "| peer | load | bids/s, median [least..most] | p50 ms | p99 ms "
        "| × PostgreSQL statements | × raw LMDB |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows_shown:
        rounds = rows[row]
        rates = [run["bids_per_second"] for run in rounds.values()]
        base, limit = base_row(row, rows), limit_row(row, rows)
        to_base = ratios(rounds, rows[base]) if base and row.peer not in RAW else []
        to_limit = ratios(rounds, rows[limit]) if limit else []
        p50 = median(run["p50_milliseconds"] for run in rounds.values())
        p99 = median(run["p99_milliseconds"] for run in rounds.values())
        lines.append(
            f"| {NAMES[row.peer]} | {load_text(row)} "
            f"| {rate(median(rates))} [{rate(min(rates))}..{rate(max(rates))}] "
            f"| {milliseconds(p50)} | {milliseconds(p99)} "
            f"| {ratio_text(to_base, not base or base.clients == row.clients)} "
            f"| {ratio_text(to_limit, not limit or limit.batch == row.waiting)} |")
    return "\n".join(lines)


def sections(runs):
    """The rows of the report: raw limits, one hot lot, many lots."""
    rows = list(by_row(runs))
    groups = [("The limit: bytes appended durably, and no rule checked",
               [row for row in rows if row.peer in RAW])]
    for auctions in sorted({row.auctions for row in rows}):
        name = "One hot auction" if auctions == 1 else f"{auctions:,} auctions"
        groups.append((name, [
            row for row in rows if row.auctions == auctions and row.peer not in RAW]))
    return [(name, members) for name, members in groups if members]


def rejected_share(runs):
    """The most bids of a run that came too late for their price, as a share of all."""
    return max(
        (run["rejected"] / max(1, run["rejected"] + run["bids"]) for run in runs), default=0)


NOT_MEASURED = """\
**Not measured:** other disks (a flush that takes 1 ms instead of 0.1 ms makes every row of one bid
a commit several times slower and hardly touches the large batches: quote ratios, not figures),
networks and a server of its own machine (client and peer share the cores in every row), replicas,
days of growth, tables and logs that do not fit into memory, concurrent readers, and PostgreSQL with
settings other than its defaults.

**Not equal work:** PostgreSQL and SQLite keep foreign keys and indexes that can be queried in SQL,
and check a status, a seller and a balance; Gavel keeps every command with its outcome, hashes each
into a Merkle tree, remembers command ids so that none takes effect twice, keeps a second fold for
reading, and checks all rules of an auction. The set-based fold judges a batch at once and moves
only what is left at its end, which an application with one bid a request cannot do. Raw LMDB (one
value a record) and the raw file check nothing and know no money. In the rows of async callers the
callers race for a price, and only bids that took the lead count (at most {rejected:.1%} of a run's
came too late)."""


def disturbance(runs):
    """What others did meanwhile, in a sentence; nothing where that is not known."""
    cores = [run["others_cores"] for run in runs if run.get("others_cores") is not None]
    if not cores:
        return ""
    return (f" Other processes took {median(cores):.2f} cores during the median run and "
            f"{max(cores):.2f} during the most disturbed one.")


def markdown(runs, machine, command):
    """The whole report."""
    rounds = len({run["round"] for run in runs})
    seconds = max(run["seconds"] for run in runs)
    users = max(run["users"] for run in runs)
    parts = [
        f"Every bid takes the lead: it refunds one wallet and locks another, durably, before it is "
        f"answered. {users:,} wallets; {rounds} interleaved "
        f"{'round' if rounds == 1 else 'rounds'} of {seconds:g} s a row, after a warm-up; medians "
        f"[least..most]; latencies are those of a request, be it a bid or a batch. All books were "
        f"checked after each run: money conserved, locked = leading bids, bids counted. "
        f"Made by `{command}`.",
        f"**The machine:** {machine}{disturbance(runs)}",
    ]
    for name, rows in sections(runs):
        parts += [f"### {name}", table(runs, rows)]
    parts += [
        "× PostgreSQL statements: the same round's statement sequence with as many clients. "
        "× raw LMDB: the same round's append with as many records a commit as bids wait at once. "
        "\\* with fewer, the most that were run.",
        NOT_MEASURED.format(rejected=rejected_share(runs)),
    ]
    return "\n\n".join(parts) + "\n"


# The chart.

GROUNDS = {"postgresql": "sql", "sqlite": "sql", "lmdb": "raw", "file": "raw", "gavel": "gavel"}
# Plain classes and no variables, which not every renderer knows.
STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
  fill: #1f2328; }
text.head { font-weight: 600; font-size: 14px; }
text.soft, tspan.soft { fill: #59636e; }
.paper { fill: #ffffff; } .gavel { fill: #0969da; } .sql { fill: #bc4c00; } .raw { fill: #818b98; }
.grid { stroke: #d1d9e0; } .spread { stroke: #1f2328; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } text.soft, tspan.soft { fill: #9198a1; }
  .paper { fill: #0d1117; } .gavel { fill: #4493f8; } .sql { fill: #db6d28; }
  .raw { fill: #767e88; }
  .grid { stroke: #3d444d; } .spread { stroke: #f0f6fc; }
}
"""
LABELS_WIDTH, PLOT_WIDTH, VALUES_WIDTH, ROW_HEIGHT, BAR_HEIGHT = 360, 440, 110, 22, 14


class Scale:
    """Whole powers of ten around some rates, as places between 0 and the plot's width."""

    def __init__(self, rates):
        from math import ceil, floor, log10
        self.first = floor(log10(min(rates)))
        self.last = max(ceil(log10(max(rates))), self.first + 1)

    def place(self, value):
        from math import log10
        return (log10(value) - self.first) / (self.last - self.first) * PLOT_WIDTH

    @property
    def ticks(self):
        return [10 ** power for power in range(self.first, self.last + 1)]


def tick_text(value):
    for unit, name in ((1_000_000, " M"), (1_000, " k")):
        if value >= unit:
            return f"{value // unit:g}{name}"
    return f"{value:g}"


def bar(row, rounds, scale, y):
    """One row of the chart."""
    rates = [run["bids_per_second"] for run in rounds.values()]
    ground = next(ground for name, ground in GROUNDS.items() if row.peer.startswith(name))
    middle = y + ROW_HEIGHT / 2
    left = LABELS_WIDTH
    ends = [left + scale.place(value) for value in (min(rates), max(rates))]
    return [
        f'<text x="{left - 10}" y="{middle + 4.5:.1f}" text-anchor="end">'
        f'{escape(NAMES[row.peer])} <tspan class="soft">{escape(load_text(row))}</tspan></text>',
        f'<rect class="{ground}" x="{left}" y="{middle - BAR_HEIGHT / 2:.1f}" '
        f'width="{scale.place(median(rates)):.1f}" height="{BAR_HEIGHT}"/>',
        f'<line class="spread" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{middle}" y2="{middle}"/>',
        f'<text class="soft" x="{max(ends[1], left) + 8:.1f}" y="{middle + 4.5:.1f}">'
        f'{rate(median(rates))}</text>',
    ]


def chart(runs):
    """An SVG with a bar a row, on a logarithmic scale, readable on light and dark ground."""
    rows = by_row(runs)
    scale = Scale([run["bids_per_second"] for run in runs])
    width, y = LABELS_WIDTH + PLOT_WIDTH + VALUES_WIDTH, 64
    body = []
    for name, members in sections(runs):
        body.append(f'<text class="head" x="12" y="{y + 16}">{escape(name)}</text>')
        y += 24
        for row in members:
            body += bar(row, rows[row], scale, y)
            y += ROW_HEIGHT
        y += 12
    grid = []
    for tick in scale.ticks:
        x = LABELS_WIDTH + scale.place(tick)
        grid.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="56" y2="{y}"/>')
        grid.append(f'<text class="soft" x="{x:.1f}" y="48" text-anchor="middle">'
                    f'{tick_text(tick)}</text>')
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 8}" '
        f'width="{width}" height="{y + 8}" role="img" '
        f'aria-label="Durable bids per second of Gavel and its peers">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{y + 8}"/>',
        '<text class="head" x="12" y="24">Durable bids per second, logarithmic; '
        'line: least to most of the rounds</text>',
    ]
    return "\n".join(head + grid + body + ["</svg>"]) + "\n"
