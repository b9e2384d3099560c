"""What PyFlink's contenders run: the sum of each row as a user-defined function."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd  # type: ignore[import-untyped]

from benchmarks.receipt import note_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def add_series(*columns: pd.Series) -> pd.Series:
    """For ``func_type="pandas"``, of columns of numbers."""
    answer = np.zeros(len(columns[0]), np.float32)
    for column in columns:
        answer += column.to_numpy(copy=False)
    return pd.Series(answer)


def add_lengths_of_series(*columns: pd.Series) -> pd.Series:
    """For ``func_type="pandas"``, of columns of strings."""
    answer = np.zeros(len(columns[0]), np.float32)
    for column in columns:
        answer += np.fromiter((0 if text is None else len(text) for text in column), np.float32, len(column))
    return pd.Series(answer)


def add_values(*values: float) -> float:
    """Row by row, of numbers."""
    return float(sum(values))


def add_lengths(*values: str | None) -> float:
    """Row by row, of strings."""
    return float(sum(map(len, filter(None, values))))


def add_row(row: Iterable[float]) -> float:
    """One row of a `DataStream`."""
    return float(sum(row))


def last_value(*values: float) -> float:
    """Row by row: the last column as it is."""
    return values[-1]


def noting_starts(file: str) -> Callable[[int], int]:
    """A function of one value that notes the first row of each process it runs in."""
    noted = set()

    def noting(value: int) -> int:
        if os.getpid() not in noted:
            noted.add(os.getpid())
            note_start(file)
        return value

    return noting
