"""The Flink SQL on both sides of the training; the statements themselves are in `sql/`."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from features import SCALES
from pyflink.table import DataTypes, TableDescriptor

if TYPE_CHECKING:
    from datetime import datetime

    from pyflink.table import StatementSet, StreamTableEnvironment, Table

_STATEMENTS = Path(__file__).parent / "sql"
PASSED_ON = [
    ("year", DataTypes.INT()),
    ("month", DataTypes.INT()),
    ("day", DataTypes.INT()),
    ("carrier", DataTypes.STRING()),
    ("flight", DataTypes.INT()),
    ("origin", DataTypes.STRING()),
    ("dest", DataTypes.STRING()),
    ("sched", DataTypes.TIMESTAMP(3)),
    ("has_weather", DataTypes.BOOLEAN()),
    ("label", DataTypes.INT()),
]
"""The columns `features.PASSED_ON`."""
SCORE = ("score", DataTypes.FLOAT())
DEPARTURE = [
    *PASSED_ON,
    ("hour", DataTypes.INT()),
    ("weekday", DataTypes.INT()),
    *((name, DataTypes.FLOAT()) for name in SCALES),
]
"""All that a model is told about a flight, and what is passed on."""


def departures(t_env: StreamTableEnvironment, prepared: Path) -> Table:
    """Departures, each with the weather of its hour, from the folder that `dataset.prepare` returned."""
    t_env.execute_sql(_sql("flights", data=prepared.resolve()))
    t_env.execute_sql(_sql("weather", data=prepared.resolve()))
    return t_env.sql_query(_sql("departures"))


def departures_since(t_env: StreamTableEnvironment, prepared: Path, start: datetime) -> Table:
    """The `departures` that were scheduled for `start` (UTC) or later."""
    t_env.create_temporary_view("departures", departures(t_env, prepared))
    return t_env.sql_query(_sql("since", start=start.isoformat(sep=" ")))


def write_scores(t_env: StreamTableEnvironment, scores: Table, folder: Path) -> StatementSet:
    """What becomes of the scores: the rows themselves, and how good they are by week, as CSV files.

    Args:
        t_env: where `scores` is from.
        scores: with a time attribute `sched`, an INT `label` of 0 or 1, and a `score` from 0 to 1.
        folder: for the folders `scores` and `weeks`.

    Returns:
        Both insertions, not yet submitted.
    """
    t_env.create_temporary_view("scores", scores)
    statements = t_env.create_statement_set()
    statements.add_insert(csv_sink(folder / "scores"), scores)
    statements.add_insert(csv_sink(folder / "weeks"), t_env.sql_query(_sql("weeks")))
    return statements


def _sql(name: str, **values: object) -> str:
    return Template((_STATEMENTS / f"{name}.sql").read_text(encoding="utf-8")).substitute(values)


def csv_sink(folder: Path) -> TableDescriptor:
    """CSV files in `folder`, with the columns of what is inserted."""
    sink = TableDescriptor.for_connector("filesystem").option("path", str(folder.resolve()))
    return sink.format("csv").build()
