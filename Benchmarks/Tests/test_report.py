"""The arithmetic of the report, on lines that were recorded and figures worked out by hand.

Run by `Benchmarks/compare --self-test`.
"""

import json
import os
import sys
import unittest
import xml.etree.ElementTree as ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import report  # noqa: E402


def recorded():
    """Three rounds of a few rows; the rates are round numbers, put in by hand."""
    with open(os.path.join(HERE, "recorded.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Arithmetic(unittest.TestCase):
    def setUp(self):
        self.runs = recorded()
        self.rows = report.by_row(self.runs)

    def row(self, peer, **load):
        return report.Row(peer, **({"auctions": 1, "clients": 1, "batch": 1, "depth": 1} | load))

    def test_runs_of_a_row_are_kept_by_round(self):
        rounds = self.rows[self.row("lmdb")]
        self.assertEqual(sorted(rounds), [1, 2, 3])

    def test_a_ratio_is_formed_within_a_round(self):
        # 2,000 / 1,000, 3,000 / 1,000, 4,000 / 4,000: the ratio of the medians would be 3.
        values = report.ratios(
            self.rows[self.row("postgresql-function")],
            self.rows[self.row("postgresql-statements")])
        self.assertEqual(values, [2.0, 3.0, 1.0])

    def test_a_round_that_the_base_lacks_gives_no_ratio(self):
        base = dict(self.rows[self.row("postgresql-statements")])
        del base[1]
        values = report.ratios(self.rows[self.row("postgresql-function")], base)
        self.assertEqual(values, [3.0, 1.0])

    def test_the_base_has_as_many_clients_or_the_most_below(self):
        rows = list(self.rows)
        same = report.base_row(self.row("gavel-async", clients=64), rows)
        self.assertEqual(same, self.row("postgresql-statements", clients=64))
        below = report.base_row(self.row("gavel-async", clients=1_024), rows)
        self.assertEqual(below, self.row("postgresql-statements", clients=64))

    def test_the_base_has_as_many_lots(self):
        many = self.row("gavel-async", auctions=1_000)
        self.assertIsNone(report.base_row(many, list(self.rows)))

    def test_the_limit_has_as_many_records_a_commit_as_bids_wait(self):
        rows = list(self.rows)
        for row, batch in (
            (self.row("gavel-async"), 1), (self.row("gavel-async", clients=64), 64),
            (self.row("gavel-batches", batch=1_000), 1_000),
            (self.row("gavel-batches", batch=1_000, depth=4), 1_000),
        ):
            self.assertEqual(report.limit_row(row, rows).batch, batch)

    def test_rates_have_three_digits(self):
        texts = [report.rate(value) for value in (7.4, 999.4, 1_234, 77_871, 1_909_999)]
        self.assertEqual(texts, ["7", "999", "1,230", "77,900", "1,910,000"])

    def test_the_share_of_late_bids_is_the_greatest_of_a_run(self):
        self.assertAlmostEqual(report.rejected_share(self.runs), 0.25)


class Pictures(unittest.TestCase):
    def setUp(self):
        self.runs = recorded()

    def line(self, text):
        table = report.markdown(self.runs, "a machine.", "compare")
        return next(line for line in table.splitlines() if line.startswith(text))

    def test_a_line_has_median_spread_latencies_and_both_ratios(self):
        self.assertEqual(
            self.line("| PostgreSQL, PL/pgSQL function | one at a time"),
            "| PostgreSQL, PL/pgSQL function | one at a time "
            "| 3,000 [2,000..4,000] | 0.30 | 0.50 | 2.00 | 0.75 |")

    def test_a_ratio_to_fewer_clients_is_marked(self):
        self.assertTrue(self.line("| Gavel, async callers | 1,024 waiting").endswith(
            "| 300\\* | 0.15\\* |"))

    def test_raw_rows_have_no_ratio_to_postgresql(self):
        self.assertTrue(self.line("| raw file append | one a commit").endswith("|  | 2.00 |"))

    def test_the_report_tells_the_disturbance_and_the_rounds(self):
        text = report.markdown(self.runs, "a machine.", "compare")
        self.assertIn("3 interleaved rounds of 3 s a row", text)
        self.assertIn("took 0.10 cores during the median run and 0.40", text)

    def test_the_chart_is_well_formed_and_has_a_bar_a_row(self):
        root = ElementTree.fromstring(report.chart(self.runs))
        bars = [element for element in root.iter("{http://www.w3.org/2000/svg}rect")
                if element.get("class") != "paper"]
        self.assertEqual(len(bars), len(report.by_row(self.runs)))

    def test_ten_times_the_rate_is_one_step_of_the_scale_further(self):
        scale = report.Scale([150, 90_000])
        self.assertEqual(scale.ticks, [100, 1_000, 10_000, 100_000])
        step = report.PLOT_WIDTH / 3
        self.assertAlmostEqual(scale.place(100), 0)
        self.assertAlmostEqual(scale.place(5_000) - scale.place(500), step)


if __name__ == "__main__":
    unittest.main()
