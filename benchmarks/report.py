"""The tables that a person reads: one for each question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console


def show(found: Mapping[str, Any], console: Console) -> None:
    """Print everything that was `found`."""
    console.print(conditions(found["machine"]))
    console.print("A UDF answers every row, so its rate there and back is its rate one way, too.\n")
    for shape in dict.fromkeys(rate["rows"] for rate in found["rates"]):
        rates = [rate for rate in found["rates"] if rate["rows"] == shape]
        console.print(_rates(shape, rates), settings_of(rates))
    title = "How long does a row take there and back? Criteo, 1,000 rows/s, open loop"
    console.print(latencies(title, found["latency"]), settings_of(found["latency"]))
    console.print(_rest(found))
    console.print(verdicts(found["targets"]))


def conditions(machine: Mapping[str, Any]) -> str:
    """Where everybody was measured."""
    return (
        f"\n{machine['cpus']} CPUs, load {machine['load_before']:.1f} before and {machine['load_after']:.1f} "
        f"after; Python {machine['python']}, Flink {machine['flink']}, torch {machine['torch']}; "
        f"one JVM with {machine['jvm_options']}; every contender with parallelism 1 and object reuse."
    )


def new_table(title: str, *headings: str) -> Table:
    """Without rows yet; all columns but the first are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def settings_of(measured: Sequence[Mapping[str, Any]]) -> str:
    """What was chosen for everybody, a line each."""
    chosen = {one["contender"]: one["settings"] for one in measured if one["settings"]}
    return "".join(f"  {contender}: {settings}\n" for contender, settings in chosen.items())


def _rates(shape: str, rates: Sequence[Mapping[str, Any]]) -> Table:
    ways = ("one way", "there and back")
    table = new_table(f"How many rows a second? {shape}", "contender", *ways, "spread")
    for contender in dict.fromkeys(rate["contender"] for rate in rates):
        mine = [rate for rate in rates if rate["contender"] == contender]
        speeds = {way: f"{rate['rows_per_s']:,.0f}" for rate in mine for way in rate["ways"]}
        spread = max(max(rate["each_rows_per_s"]) / min(rate["each_rows_per_s"]) - 1 for rate in mine)
        table.add_row(contender, *(speeds.get(way, "") for way in ways), f"{spread:.0%}")
    return table


def latencies(title: str, measured: Sequence[Mapping[str, Any]]) -> Table:
    """What everybody's rows had to wait."""
    table = new_table(title, "contender", "p50 ms", "p99 ms", "worst ms")
    for latency in measured:
        times = [f"{latency[key] / 1e3:,.3f}" for key in ("p50_us", "p99_us", "worst_us")]
        table.add_row(latency["contender"], *times)
    return table


def _rest(found: Mapping[str, Any]) -> Table:
    training, memory = found["training"], found["memory"]
    table = new_table("What else does our worker cost?", "question", "answer")
    for source, speed in training["rows_per_s"].items():
        table.add_row(f"training, fed from {source}", f"{speed:,.0f} rows/s")
    for layout, cost_ns in found["encoding_ns"].items():
        table.add_row(f"CPU to encode a Criteo row, {layout}", f"{cost_ns:.0f} ns")
    table.add_row(
        "from execute to the first row in user code, torch imported", f"{found['first_row_s']:.1f} s"
    )
    for process, peak in memory["peak_bytes"].items():
        growth = f"{memory['growth'][process]:+.1%} from {memory['rows'] // 5:,} to {memory['rows']:,} rows"
        table.add_row(f"memory of {process}", f"{peak / 2**20:,.0f} MiB at most, {growth}")
    return table


def verdicts(targets: Sequence[Mapping[str, Any]]) -> Table:
    """What was wanted, and what came."""
    table = new_table("Is it fast enough?", "target", "wanted", "measured", "met")
    for target in targets:
        met = "[green]yes[/]" if target["met"] else "[red]no[/]"
        table.add_row(target["target"], target["wanted"], f"{target['measured']:,.3g}", met)
    return table
