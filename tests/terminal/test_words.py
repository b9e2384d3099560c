"""Numbers in words."""

from __future__ import annotations

import pytest

from ml_operator.words import age, amount, logged, percent, whole


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
def test_amounts(value: float | None, unit: str, told: str) -> None:
    assert amount(value, unit) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(-1, "0 s"), (59.4, "59 s"), (119, "119 s"), (120, "2 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_ages(seconds: float, told: str) -> None:
    assert age(seconds) == told


def test_shares() -> None:
    assert [percent(None), percent(0.0), percent(0.256)] == ["–", "0 %", "26 %"]


def test_whole_numbers() -> None:
    assert [whole(None), whole(120_000.4)] == ["–", "120,000"]


def test_what_was_logged_is_in_order() -> None:
    assert logged({"loss": 0.31415926, "epoch": 3.0}) == "epoch 3  loss 0.3142"
