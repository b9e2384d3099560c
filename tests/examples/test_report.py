"""What the user sees at the end, and on the way there."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import report
from progress import Progress
from rich.console import Console

if TYPE_CHECKING:
    from pathlib import Path

WHEN = datetime(2013, 1, 1, 10, 15)


def scored(flights: list[int]) -> pa.Table:
    rows = len(flights)
    columns = {
        "year": [2013] * rows,
        "month": [1] * rows,
        "day": [1] * rows,
        "carrier": ["UA"] * rows,
        "flight": flights,
        "origin": ["EWR"] * rows,
        "dest": ["IAH"] * rows,
        "sched": [WHEN] * rows,
        "has_weather": [flight != 2 for flight in flights],
        "label": [flight % 2 for flight in flights],
        "score": [flight / 10 for flight in flights],
    }
    return pa.table(columns, schema=pa.schema(report.SCORE_TYPES))


def weeks(flights: int) -> pa.Table:
    week = {"window_start": WHEN, "window_end": WHEN, "flights": flights, "late": 2}
    week |= {"log_loss": 0.5, "predicted": 0.25, "observed": 0.5, "auc": 0.75}
    return pa.Table.from_pylist([week], schema=pa.schema(report.WEEK_TYPES))


def test_the_last_line_counts_and_rounds() -> None:
    line = report.summary(scored([1, 2, 3, 4]), plain_loop_auc=0.6894)
    assert line == "flights=4 distinct=4 no_weather=1 auc=0.250 plain_loop_auc=0.689"


def test_a_complete_outcome_passes_the_check() -> None:
    report.check(scored([1, 2, 3]), weeks(3), scored([1, 2, 3]))


@pytest.mark.parametrize(
    ("flights", "in_weeks", "message"),
    [
        ([1, 2], 2, "flights: 2 instead of 3"),
        ([1, 2, 2], 3, "distinct flights: 2 instead of 3"),
        ([1, 2, 3], 2, "flights in the weeks: 2 instead of 3"),
        ([1, 2, 4], 3, "not those that went in"),
    ],
    ids=["lost", "twice", "late", "another"],
)
def test_a_wrong_outcome_ends_the_program(flights: list[int], in_weeks: int, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        report.check(scored(flights), weeks(in_weeks), scored([1, 2, 3]))


def test_flights_and_weeks_are_left_as_parquet_and_a_picture(tmp_path: Path) -> None:
    report.write(scored([1, 2]), weeks(2), tmp_path)
    assert pa.parquet.read_table(tmp_path / "scored_flights.parquet").equals(scored([1, 2]))
    assert pa.parquet.read_table(tmp_path / "weeks.parquet").equals(weeks(2))
    assert (tmp_path / "weeks.png").read_bytes().startswith(b"\x89PNG")


@dataclass
class Id:
    role: str
    index: int


@dataclass
class Node:
    node: Id
    numbers: dict[str, float] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)


@dataclass
class Status:
    nodes: list[Node]


def workers(rows: float) -> Status:
    numbers = [{"auc": 0.7 + index / 10, "auc_of_all": 0.75} for index in range(2)]
    measured = {"rows_out": rows / 2}
    return Status([Node(Id("worker", index), values, measured) for index, values in enumerate(numbers)])


def test_a_log_gets_a_line_for_every_tenth_with_rates_and_aucs() -> None:
    log = io.StringIO()
    seconds = iter(range(100))
    with Progress(1_000, Console(file=log, width=200), clock=lambda: float(next(seconds))) as progress:
        for rows in (0, 50, 99, 100, 150, 1_000):
            progress(workers(rows))
    lines = log.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[1] == (
        "  10 %        100 of 1,000 flights       33/s  latest AUC 0.750 (worker 0 0.700, worker 1 0.800)"
    )


def test_before_the_first_numbers_progress_shows_that_there_are_none() -> None:
    log = io.StringIO()
    Progress(1_000, Console(file=log, width=200))(Status([Node(Id("worker", 0)), Node(Id("am", 0))]))
    assert "0 of 1,000 flights" in log.getvalue()
    assert log.getvalue().rstrip().endswith("latest AUC   -")


def test_where_only_the_coordinator_reports_progress_shows_one_auc() -> None:
    log = io.StringIO()
    nodes = [
        Node(Id("worker", 0), {"auc_of_all": 0.7}, {"rows_out": 30.0}),
        Node(Id("worker", 1), {}, {"rows_out": 20.0}),
    ]
    Progress(1_000, Console(file=log, width=200))(Status(nodes))
    assert "50 of 1,000 flights" in log.getvalue()
    assert log.getvalue().endswith("latest AUC 0.700\n")
