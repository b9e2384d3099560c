"""What a receiving end leaves behind: how many rows came and when. `Receipt.java` writes the same file."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

_MARKS = 6


class Receipt:
    """Counts rows and notes the time of the first ones and of every sixth of them.

    Args:
        file: where `write` leaves it as JSON.
        expected: how many rows are to come.
    """

    def __init__(self, file: str, expected: int) -> None:
        self._file = Path(file)
        self._expected = expected
        self._rows = 0
        self._next = 1
        self._marks: list[tuple[int, int]] = []

    def add(self, rows: int) -> None:
        """Note that so many more rows have been dealt with."""
        self._rows += rows
        if self._rows >= self._next:
            self._marks.append((self._rows, time.monotonic_ns()))
            self._next = len(self._marks) * self._expected // _MARKS

    def write(self, **found: object) -> None:
        """Leave the receipt, and what else was `found`."""
        self._file.write_text(json.dumps({"rows": self._rows, "marks": self._marks, **found}))


def note_start(file: str) -> None:
    """Add a line: which process this is, and the time."""
    with Path(file).open("a") as lines:
        lines.write(f"{os.getpid()} {time.monotonic()}\n")
