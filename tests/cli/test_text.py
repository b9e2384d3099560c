"""Plain text in columns."""

from __future__ import annotations

from ml_operator.cli.text import columns


def test_columns() -> None:
    """Words to the left, numbers to the right, no blanks at the end."""
    told = columns([("NODE", "ROWS", "X"), ("worker/0", "5 %", "a b"), ("ps/0", "–", "")], indent=1)
    assert told == " NODE      ROWS  X\n worker/0   5 %  a b\n ps/0         –"
