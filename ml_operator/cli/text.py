"""Plain text in columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_UNITS = ("", "k", "M", "G", "T")
_STEP = 1000


def columns(rows: Iterable[Sequence[str]], *, indent: int = 0) -> str:
    """`rows` as lines, each column as wide as its widest cell; cells that look like numbers to the right."""
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(_cell(cell, width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return "\n".join(" " * indent + line.rstrip() for line in lines)


def number(value: float | None, unit: str = "") -> str:
    """`value` in three digits or so, with k, M, G or T for its thousands; a dash for None."""
    if value is None:
        return "–"
    scaled, step = float(value), 0
    while abs(scaled) >= _STEP - 0.5 and step < len(_UNITS) - 1:  # what would be written as 1000
        scaled, step = scaled / _STEP, step + 1
    return f"{scaled:.3g}{' ' if unit else ''}{_UNITS[step]}{unit}"


def percent(share: float | None) -> str:
    """`share` of 0 to 1 as per cent; a dash for None."""
    return "–" if share is None else f"{share:.0%}"


def duration(seconds: float) -> str:
    """A time in its largest unit: ``3 min``."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _cell(cell: str, width: int) -> str:
    return cell.rjust(width) if _is_number(cell) else cell.ljust(width)


def _is_number(cell: str) -> bool:
    return cell == "–" or re.fullmatch(r"-?[\d.]+ ?[a-zA-Z%/]*", cell) is not None
