"""Plain text in columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ml_operator.words import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def columns(rows: Iterable[Sequence[str]], *, indent: int = 0) -> str:
    """`rows` as lines, each column as wide as its widest cell; cells that look like numbers to the right."""
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(_cell(cell, width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return "\n".join(" " * indent + line.rstrip() for line in lines)


def _cell(cell: str, width: int) -> str:
    return cell.rjust(width) if _is_number(cell) else cell.ljust(width)


def _is_number(cell: str) -> bool:
    return cell == ABSENT or re.fullmatch(r"-?[\d.]+ ?[a-zA-Z%/]*", cell) is not None
