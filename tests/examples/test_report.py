"""What the user sees at the end, and on the way there."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import report

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
