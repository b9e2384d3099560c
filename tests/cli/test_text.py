"""Plain text in columns."""

from __future__ import annotations

import pytest

from ml_operator.cli.text import columns, duration, number, percent


def test_columns() -> None:
    """Words to the left, numbers to the right, no blanks at the end."""
    told = columns([("NODE", "ROWS", "X"), ("worker/0", "5", "a b"), ("ps/0", "–", "")], indent=1)
    assert told == " NODE      ROWS  X\n worker/0     5  a b\n ps/0         –"


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (None, "", "–"),
        (0.0, "", "0"),
        (0.1234, "", "0.123"),
        (42.0, "", "42"),
        (999.0, "", "999"),
        (999.9, "", "1k"),
        (1234.0, "", "1.23k"),
        (-1_500_000.0, "", "-1.5M"),
        (2.5e9, "B", "2.5 GB"),
        (12.0, "B", "12 B"),
    ],
)
def test_numbers(value: float | None, unit: str, told: str) -> None:
    assert number(value, unit) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "0 s"), (59.4, "59 s"), (119, "119 s"), (120, "2 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_shares() -> None:
    assert [percent(None), percent(0.0), percent(0.256)] == ["–", "0%", "26%"]
