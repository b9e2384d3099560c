"""What a run's user processes and its harness tell each other, by files in the run's folder.

The processes note when they begin, train their first batch and reach the end of their input; the harness
orders them to raise or to dawdle at their next batch, and to hurry once all faults are behind them. Both
sides read one monotonic clock, that of the machine.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_SLOW_DOWN_AT = 0.8
"""The part of the data after which a process that need not hurry lingers, so that the data lasts."""
_LINGER_S = 0.1


class Ordered(Exception):
    """What user code raises when the harness wants it to."""


class Entry(NamedTuple):
    """A line of the journal: at `time_s` (monotonic) process `pid` of `rank` came to `what`."""

    what: str
    time_s: float
    rank: int
    pid: int


class Stage:
    """The folder of one run.

    Args:
        folder: exists already.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journal = folder / "journal"
        self._hurry = folder / "hurry"

    # The user's process

    def note(self, what: str, rank: int) -> None:
        """Write an entry: ``start``, ``batch`` (the first of this process) or ``end`` (of its input)."""
        line = f"{what} {time.monotonic()} {rank} {os.getpid()}\n".encode()
        journal = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(journal, line)  # whole, whoever else writes
        finally:
            os.close(journal)

    def obey(self, rank: int) -> None:
        """Do what the harness has ordered this rank, once.

        Raises:
            Ordered: it wants an exception.
        """
        order = self._order(rank)
        if not order.exists():
            return
        seconds = float(order.read_text())
        order.unlink()
        if seconds == 0:
            raise Ordered(f"rank {rank} was told to raise")
        time.sleep(seconds)

    def linger(self, pace_s: float, done: float) -> None:
        """Make a batch last `pace_s`, longer when the part `done` of the data is nearly all of it."""
        if not self._hurry.exists():
            time.sleep(pace_s if done < _SLOW_DOWN_AT else _LINGER_S)

    # The harness

    def order(self, rank: int, seconds: float) -> None:
        """Have `rank` take so much longer over its next batch; with 0 it raises."""
        part = self._order(rank).with_suffix(".part")
        part.write_text(str(seconds))
        part.replace(self._order(rank))

    def hurry(self) -> None:
        """Nothing more is to come: the rest of the data may pass as fast as it can."""
        self._hurry.touch()

    def entries(self) -> list[Entry]:
        """The journal so far, in the order of writing."""
        if not self._journal.exists():
            return []
        words = (line.split() for line in self._journal.read_text().splitlines())
        return [Entry(what, float(time_s), int(rank), int(pid)) for what, time_s, rank, pid in words]

    def _order(self, rank: int) -> Path:
        return self.folder / f"order-{rank}"
