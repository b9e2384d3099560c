"""What many runs have shown: a table and a picture of the faults and of the time to recover from them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FRAMEWORKS: Final = {"numpy": "#4c72b0", "torch": "#c44e52"}
"""With their colours."""

Record = dict[str, Any]
"""What `run.Outcome.to_json` returns."""


def read(folders: Iterable[Path]) -> list[Record]:
    """The records of all ranges of seeds in these folders; of a run that was done twice, the last."""
    files = [file for folder in folders for file in sorted(folder.glob("seeds-*.jsonl"))]
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return list({"\n".join(record["drawn"]): record for record in records}.values())


def verdict(record: Record) -> str:
    """A run in a line, or more where something was wrong."""
    wrong = [f"  VIOLATION {text}" for text in record["violations"]]
    wrong += [f"  ORPHAN {text}" for text in record["orphans"]]
    recoveries = [
        f"{fault['recovery_s']:.1f}" for fault in record["faults"] if fault["recovery_s"] is not None
    ]
    hits = sum(fault["hit"] for fault in record["faults"])
    told = f"  {'WRONG' if wrong else 'exact'} after {record['duration_s']:.1f} s, {hits} faults"
    if recoveries:
        told += f", recovered in {', '.join(recoveries)} s"
    return "\n".join([told, *wrong])


def print_tables(records: Sequence[Record]) -> None:
    """Runs by scenario, faults by kind."""
    console = Console(width=110)
    runs = Table("scenario", "runs", "wrong", "median s", title="Runs")
    for scenario, count in Counter(record["scenario"] for record in records).most_common():
        own = [record for record in records if record["scenario"] == scenario]
        wrong = sum(bool(record["violations"] or record["orphans"]) for record in own)
        median = np.median([record["duration_s"] for record in own])
        runs.add_row(scenario, str(count), str(wrong), f"{median:.1f}")
    console.print(runs)
    columns = [f"{framework} {quantile}, s" for framework in FRAMEWORKS for quantile in ("p50", "p95")]
    faults = Table(
        Column("fault", no_wrap=True),
        "struck",
        "recovered",
        *columns,
        title="Faults, and time to the next batch",
    )
    recoveries = [recoveries_by_kind(records, framework) for framework in FRAMEWORKS]
    for kind, struck in _struck(records).most_common():
        times = [by_kind.get(kind, []) for by_kind in recoveries]
        recovered = sum(map(len, times))
        quantiles = [_quantile(own, q) for own in times for q in (0.5, 0.95)]
        faults.add_row(kind, str(struck), str(recovered or ""), *quantiles)
    console.print(faults)


def _quantile(times: Sequence[float], q: float) -> str:
    return f"{np.quantile(times, q):.2f}" if times else ""


def recoveries_by_kind(records: Iterable[Record], framework: str) -> dict[str, list[float]]:
    """Seconds from each fault to the next batch, where processes had to be started anew."""
    times: dict[str, list[float]] = defaultdict(list)
    own = (record for record in records if framework == _framework(record))
    for fault in (fault for record in own for fault in record["faults"]):
        if fault["recovery_s"] is not None:
            times[fault["kind"]].append(fault["recovery_s"])
    return dict(times)


def _framework(record: Record) -> str:
    """What its processes have to import when they start, which is most of a recovery."""
    return "numpy" if record["scenario"] == "plain" else "torch"


def draw_picture(records: Sequence[Record], folder: Path) -> None:
    """``chaos.png`` in `folder`: how often each kind of fault struck, and how long recovery took."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - only a report needs it
    from matplotlib.figure import Figure  # noqa: PLC0415

    struck = _struck(records)
    if not struck:
        return
    kinds = [kind for kind, _ in struck.most_common()][::-1]
    figure = Figure(figsize=(10, 0.4 * len(kinds) + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    counts, times = figure.subplots(1, 2, sharey=True)
    counts.barh(kinds, [struck[kind] for kind in kinds], color="#999999")
    counts.set_xlabel("faults that struck")
    for framework, colour in FRAMEWORKS.items():
        recoveries = recoveries_by_kind(records, framework)
        for row, kind in enumerate(kinds):
            if own := recoveries.get(kind):
                times.plot(own, [row] * len(own), "|", color=colour, alpha=0.4)
                times.plot(np.quantile(own, [0.5]), [row], "o", color=colour)
                times.plot(np.quantile(own, [0.95]), [row], ">", color=colour)
        times.plot([], [], "o", color=colour, label=framework)
    times.legend()
    times.set_xlabel("seconds to the next batch; dot p50, triangle p95")
    times.set_xlim(left=0)
    figure.suptitle(f"{len(records)} runs, {struck.total()} faults")
    figure.savefig(folder / "chaos.png", dpi=120)


def _struck(records: Iterable[Record]) -> Counter[str]:
    return Counter(fault["kind"] for record in records for fault in record["faults"] if fault["hit"])
