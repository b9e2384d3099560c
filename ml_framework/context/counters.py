"""The counters of a user's process: what its agent measures it by, and by which it sees a step that hangs.

One page of anonymous shared memory. The process stores, the agent loads eight aligned bytes at a time, and
neither calls the kernel. All words are i64 of the machine's order::

    0       since    when the phase under way began, nanoseconds of the monotonic clock; 0 while it changes
    1       phase    the index of its word
    2 … 8   nanoseconds spent in each `Phase`, without the one under way
    9       rows of the batches handed out
    10      batches handed out
    11      rows emitted
    12      steps that have ended
    13      nanoseconds of user code in those
    14      nanoseconds of the last checkpoint's stall, `NONE` before the first
    15      version of the model that serves, `NONE` without one

A *step* is what user code does with a batch: it begins when the batch is handed out and ends when the next
one is asked for, so that a process that waits for rows, or has none, is never taken for one that hangs.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from time import monotonic_ns
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NONE: Final = -(1 << 63)
PAGE_BYTES: Final = mmap.PAGESIZE


class Phase(IntEnum):
    """What the process's loop is at."""

    OTHER = 2
    """Its start, its end, and what a checkpoint takes."""
    USER = 3
    """User code outside of steps."""
    STEP = 4
    """User code, with a batch at hand."""
    WAIT = 5
    """Waiting for rows, or for the other ranks."""
    BLOCKED = 6
    """Waiting for room in the out-queue."""
    DECODE = 7
    """From frames to batches."""
    ENCODE = 8
    """From what user code emits to frames."""


_SINCE, _PHASE = 0, 1
_ROWS_IN, _BATCHES, _ROWS_OUT, _STEPS, _STEPS_NS, _STALL, _VERSION = range(9, 16)
_WORDS = struct.Struct("=16q")
_AT_REST = (Phase.OTHER, Phase.USER, Phase.WAIT, Phase.BLOCKED)
_LOOKS = 100
"""How often a reader looks for a moment in which no phase changes: a process may be killed amid one."""


def create() -> int:
    """A descriptor of a new page, of a process that has not begun; owned by the caller."""
    fd = os.memfd_create("mlflink-counters", os.MFD_CLOEXEC)
    os.ftruncate(fd, PAGE_BYTES)
    os.pwrite(fd, _new(), 0)
    return fd


def _new() -> bytes:
    return _WORDS.pack(0, Phase.OTHER, *[0] * 12, NONE, NONE)


@dataclass(frozen=True)
class Count:
    """What the counters say at one moment.

    Args:
        spent_ns: in each phase, with the one under way.
        rows_in: of the batches handed out.
        batches: handed out.
        rows_out: emitted.
        steps: that have ended.
        steps_ns: of user code in those.
        stall_ns: of the last checkpoint, None before the first.
        version: of the model that serves, None without one.
    """

    spent_ns: Mapping[Phase, int] = field(default_factory=lambda: dict.fromkeys(Phase, 0))
    rows_in: int = 0
    batches: int = 0
    rows_out: int = 0
    steps: int = 0
    steps_ns: int = 0
    stall_ns: int | None = None
    version: int | None = None


class Counters:
    """Either end of the page. The process calls all but `read` and `step_began_s`, which are the agent's.

    Args:
        fd: of the page, mapped here and left open; None for counters that nobody looks at.
    """

    def __init__(self, fd: int | None) -> None:
        page = bytearray(_new()) if fd is None else mmap.mmap(fd, PAGE_BYTES)
        self._words = memoryview(page)[: _WORDS.size].cast("q")

    # The process

    def enter(self, phase: int) -> int:
        """A `Phase` begins and the one before has ended, which is returned."""
        words = self._words
        now, since, before = monotonic_ns(), words[_SINCE], words[_PHASE]
        words[_SINCE] = 0
        if since:
            words[before] += now - since
        words[_PHASE] = phase
        words[_SINCE] = now
        return before

    def during(self, phase: Phase) -> During:
        """For a ``with`` that encloses a phase within another, in one thread at a time."""
        return During(self, phase)

    def leave(self, phase: Phase, before: int) -> None:
        """The phase `before` goes on, unless another thread has begun something else than `phase`."""
        if self._words[_PHASE] == phase:
            self.enter(before)

    def begin_step(self, rows: int) -> None:
        """A batch of `rows` rows is handed out."""
        self.count_batch(rows)
        self.enter(Phase.STEP)

    def end_step(self) -> None:
        """The batch is done with: the next one is asked for, or its loop was left."""
        self.enter(Phase.DECODE)
        words = self._words
        words[_STEPS] = words[_BATCHES]
        words[_STEPS_NS] = words[Phase.STEP]

    @property
    def batches(self) -> int:
        """How many were handed out so far."""
        return self._words[_BATCHES]

    def count_batch(self, rows: int) -> None:
        """A batch of `rows` rows is handed out, to somebody whose steps are not told apart."""
        self._words[_ROWS_IN] += rows
        self._words[_BATCHES] += 1

    def count_emitted(self, rows: int) -> None:
        """So many more rows are in the out-queue."""
        self._words[_ROWS_OUT] += rows

    def stalled(self, ns: int) -> None:
        """A checkpoint has held rows up for so long."""
        self._words[_STALL] = ns

    def serves(self, version: int) -> None:
        """This version of a model answers from now on."""
        self._words[_VERSION] = version

    # The agent

    @property
    def step_began_s(self) -> float | None:
        """When the step under way began, or went on after it waited, on `time.monotonic`; None at rest."""
        since, phase = self._words[_SINCE], self._words[_PHASE]
        changed = since != self._words[_SINCE]  # so that is not since when this phase lasts
        return None if not since or changed or phase in _AT_REST else since / 1e9

    def read(self) -> Count | None:
        """What was counted so far; None where the process has not begun to count."""
        words = self._steady()
        spent = {phase: words[phase] for phase in Phase}
        since = words[_SINCE]
        if since:
            spent[Phase(words[_PHASE])] += max(0, monotonic_ns() - since)
        elif not any(spent.values()):
            return None
        stall, version = (None if word == NONE else word for word in (words[_STALL], words[_VERSION]))
        rows_in, batches, rows_out, steps, steps_ns = words[_ROWS_IN:_STALL]
        return Count(spent, rows_in, batches, rows_out, steps, steps_ns, stall, version)

    def _steady(self) -> list[int]:
        """All words, of a moment in which no phase changes."""
        words = self._words.tolist()
        for _ in range(_LOOKS):
            if words[_SINCE] and self._words[_SINCE] == words[_SINCE]:
                break
            words = self._words.tolist()
        return words


class During:
    """A phase within another, which goes on behind it."""

    __slots__ = ("_before", "_counters", "_phase")

    def __init__(self, counters: Counters, phase: Phase) -> None:
        self._counters = counters
        self._phase = phase
        self._before: int = Phase.OTHER

    def __enter__(self) -> None:
        self._before = self._counters.enter(self._phase)

    def __exit__(self, *_: object) -> None:
        self._counters.leave(self._phase, self._before)
