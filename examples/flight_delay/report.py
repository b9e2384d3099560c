"""What is left when the job is done: Parquet, a picture, a table and one line, after checking the counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from dataset import ORDER
from evaluation import auc
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

mpl.use("agg")
from matplotlib import pyplot as plt

SCORE_TYPES = {
    "year": pa.int32(),
    "month": pa.int32(),
    "day": pa.int32(),
    "carrier": pa.string(),
    "flight": pa.int32(),
    "origin": pa.string(),
    "dest": pa.string(),
    "sched": pa.timestamp("ms"),
    "has_weather": pa.bool_(),
    "label": pa.int32(),
    "score": pa.float32(),
}
WEEK_TYPES = {
    "window_start": pa.timestamp("ms"),
    "window_end": pa.timestamp("ms"),
    "flights": pa.int64(),
    "late": pa.int64(),
    "log_loss": pa.float64(),
    "predicted": pa.float64(),
    "observed": pa.float64(),
    "auc": pa.float64(),
}
KEY = ("year", "month", "day", "carrier", "flight", "origin")
"""What tells a flight from every other."""
SCORES_FILE = "scored_flights.parquet"
WEEKS_FILE = "weeks.parquet"
PICTURE_FILE = "weeks.png"


def read_scores(folder: Path) -> pa.Table:
    """The scored flights that Flink wrote, in order of time."""
    return in_order(read_csv(folder, SCORE_TYPES))


def in_order(scored: pa.Table) -> pa.Table:
    """The flights in the one order of the stream."""
    return scored.sort_by([(name, "ascending") for name in ORDER])


def read_weeks(folder: Path) -> pa.Table:
    """The metrics by week that Flink wrote, in order of time."""
    return read_csv(folder, WEEK_TYPES).sort_by("window_start")


def read_csv(folder: Path, types: Mapping[str, pa.DataType]) -> pa.Table:
    """All rows of a sink, in no particular order; `types` names the columns, since Flink writes no header."""
    return read_parts(sorted(folder.glob("part-*")), types)


def read_parts(parts: Iterable[Path], types: Mapping[str, pa.DataType]) -> pa.Table:
    """The rows in some of a sink's files, as `read_csv` reads them."""
    names = pa.csv.ReadOptions(column_names=list(types))
    options = pa.csv.ConvertOptions(column_types=types)
    tables = [pa.csv.read_csv(part, read_options=names, convert_options=options) for part in parts]
    return pa.concat_tables([pa.schema(types).empty_table(), *tables])


def write(scored: pa.Table, weeks: pa.Table, out: Path) -> None:
    """Write the scores, the weeks and a picture of them into `out`, print the weeks and what lies where."""
    pa.parquet.write_table(scored, out / SCORES_FILE)
    pa.parquet.write_table(weeks, out / WEEKS_FILE)
    _draw(weeks, out / PICTURE_FILE)
    _print(weeks)
    for what, name in (("scores", SCORES_FILE), ("weeks", WEEKS_FILE), ("picture", PICTURE_FILE)):
        print(f"{what}: {out / name}")


def read_written(out: Path) -> pa.Table:
    """The scored flights that `write` wrote."""
    return pa.parquet.read_table(out / SCORES_FILE)


def check(scored: pa.Table, weeks: pa.Table, expected: pa.Table) -> None:
    """Whether every flight came out exactly once and none was late for its week.

    Raises:
        SystemExit: it is not so; says what was found.
    """
    found = {
        "flights": len(scored),
        "distinct flights": distinct(scored),
        "flights in the weeks": pc.sum(weeks["flights"]).as_py() or 0,
    }
    for what, count in found.items():
        if count != len(expected):
            raise SystemExit(f"{what}: {count:,} instead of {len(expected):,}")
    if not scored.select(KEY).equals(expected.select(KEY)):
        raise SystemExit("the flights that came out are not those that went in")


def summary(scored: pa.Table, *, plain_loop_auc: float) -> str:
    """The outcome in one line."""
    no_weather = pc.sum(pc.invert(scored["has_weather"])).as_py()
    reached = auc(scored["score"].to_numpy(), scored["label"].to_numpy())
    return (
        f"flights={len(scored)} distinct={distinct(scored)} no_weather={no_weather} "
        f"auc={reached:.3f} plain_loop_auc={plain_loop_auc:.3f}"
    )


def distinct(scored: pa.Table) -> int:
    """How many different flights there are."""
    return len(scored.group_by(list(KEY)).aggregate([]))


def _draw(weeks: pa.Table, path: Path) -> None:
    time = weeks["window_start"].to_numpy()
    figure, (above, middle, below) = plt.subplots(3, 1, figsize=(10, 9), sharex=True, layout="constrained")
    above.plot(time, weeks["auc"].to_numpy(), marker=".")
    above.axhline(0.5, color="grey", linestyle=":", label="chance")
    above.set(ylabel="AUC", title="Scored before it was trained on, week by week")
    middle.plot(time, weeks["log_loss"].to_numpy(), marker=".", color="tab:red")
    middle.set(ylabel="log loss")
    below.plot(time, weeks["predicted"].to_numpy(), marker=".", label="predicted")
    below.plot(time, weeks["observed"].to_numpy(), marker=".", label="observed")
    below.set(ylabel="share of late flights", ylim=(0, None))
    above.legend()
    below.legend()
    figure.autofmt_xdate()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _print(weeks: pa.Table) -> None:
    table = Table(title="Score first, then train: week by week", box=None)
    table.add_column("week of")
    for name in ("flights", "AUC", "log loss", "predicted late", "observed late"):
        table.add_column(name, justify="right")
    for week in weeks.to_pylist():
        reached = "-" if week["auc"] is None else f"{week['auc']:.3f}"
        table.add_row(
            f"{week['window_start']:%Y-%m-%d}",
            f"{week['flights']:,}",
            reached,
            f"{week['log_loss']:.3f}",
            f"{week['predicted']:.1%}",
            f"{week['observed']:.1%}",
        )
    Console().print(table)
