"""The tables that a person reads: for each model how many rows and how long, and what was wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import report
from benchmarks.scoring.contenders import BARE
from benchmarks.scoring.targets import by_contender, figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.table import Table


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print everything that was `found`."""
    console.print(report.conditions(found["machine"]))
    for model, measured in found["models"].items():
        rates, latency = measured["rates"], measured["latency"]
        console.print(_rates(model, rates), report.settings_of(rates))
        title = f"How long does a row take? {model}, 1,000 rows/s, open loop"
        console.print(report.latencies(title, latency), report.settings_of(latency))
    console.print(_figures(found))
    console.print(report.verdicts(found["targets"]))


def _rates(model: str, rates: Sequence[Mapping[str, Any]]) -> Table:
    table = report.new_table(
        f"How many rows a second? {model}", "contender", "rows/s", "us/row", "of the bare loop", "spread"
    )
    bare = by_contender(rates, "rows_per_s")[BARE]
    for rate in rates:
        speed, each = rate["rows_per_s"], rate["each_rows_per_s"]
        share, spread = speed / bare, max(each) / min(each) - 1
        table.add_row(
            rate["contender"], f"{speed:,.0f}", f"{1e6 / speed:,.2f}", f"{share:.1%}", f"{spread:.0%}"
        )
    return table


def _figures(found: Mapping[str, Any]) -> Table:
    table = report.new_table("What there is no target for", "question", "answer")
    for question, answer in figures(found).items():
        table.add_row(question, answer)
    return table
