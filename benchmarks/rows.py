"""The rows of the benchmark, and what they add up to. `Rows.java` makes them by the same rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

PERIOD = 997
"""How many distinct rows there are."""
_LETTERS = 24


@dataclass(frozen=True)
class Shape:
    """The columns of a row.

    Args:
        name: in the tables.
        columns: name and type, ``BIGINT``, ``INT``, ``FLOAT`` or ``STRING``, of each column.
        groups: columns that our worker may take as one tensor.
        prepared: file with the distinct rows, whose last column, a BIGINT, becomes the number of each;
            None makes them by rule.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    groups: dict[str, list[str]] | None = None
    prepared: Path | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [name for name, _ in self.columns]

    def total(self, rows: int) -> float:
        """The sum of all values of the first `rows` rows, made by rule; null counts nothing.

        A string counts its bytes.
        """
        rounds, rest = divmod(rows, PERIOD)
        each = np.sum([_values(kind, column) for column, (_, kind) in enumerate(self.columns)], axis=0)
        return float(each.sum() * rounds + each[:rest].sum())


def _values(kind: str, column: int) -> NDArray[np.float64]:
    index = np.arange(PERIOD, dtype=np.float64)
    if kind == "BIGINT":
        return (31 * index + 7 * column) % 1000
    if kind == "FLOAT":
        return (index + column) % 16 * 0.25
    return np.where((index + column) % 10 == 0, 0, (index + 3 * column) % _LETTERS)


BIGINT = Shape("one BIGINT", (("x", "BIGINT"),))
_DENSE = [f"dense_{number}" for number in range(13)]
_SPARSE = [f"sparse_{number}" for number in range(26)]
CRITEO = Shape(
    "Criteo: 14 FLOAT, 26 BIGINT",
    (("label", "FLOAT"), *((name, "FLOAT") for name in _DENSE), *((name, "BIGINT") for name in _SPARSE)),
    {"dense": _DENSE, "sparse": _SPARSE},
)
STRINGS = Shape("five STRINGs, a tenth null", tuple((f"text_{number}", "STRING") for number in range(5)))
