"""A node's numbers over time, in memory that no user's logging makes grow."""

from __future__ import annotations

import math
from array import array
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from ml_framework.page.view import Series

if TYPE_CHECKING:
    from collections.abc import Mapping

INTERVAL_S = 2.0
"""Between two samples, about: they are taken at heartbeats."""

KEPT = 300
"""How many samples are kept: ten minutes."""

NAMES = 32
"""Of how many numbers of each kind samples are taken: the first ones. A node takes some 230 KiB at most."""

_EARLY_S = 0.1 * INTERVAL_S


class _Columns:
    """Samples of numbers by name, each as a row as long as there were names then."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._rows: deque[array[float]] = deque(maxlen=KEPT)

    def take(self, numbers: Mapping[str, float]) -> None:
        for name in islice(numbers, NAMES):
            if len(self._places) < NAMES:
                self._places.setdefault(name, len(self._places))
        self._rows.append(array("d", (numbers.get(name, math.nan) for name in self._places)))

    def last(self, count: int) -> dict[str, list[float]]:
        rows = list(islice(self._rows, len(self._rows) - count, None))
        return {
            name: [row[place] if place < len(row) else math.nan for row in rows]
            for name, place in self._places.items()
        }


class Samples:
    """What a node measured and logged over the last ten minutes, over all its attempts."""

    def __init__(self) -> None:
        self._taken = 0
        self._due_s = -math.inf
        self._times_s: deque[float] = deque(maxlen=KEPT)
        self._measured = _Columns()
        self._numbers = _Columns()

    def take(
        self, measured: Mapping[str, float], numbers: Mapping[str, float], now_s: float, wall_s: float
    ) -> None:
        """Keep these numbers, unless the last sample is too young.

        Args:
            measured: by the agent.
            numbers: logged by user code.
            now_s: on a monotonic clock.
            wall_s: seconds since the epoch.
        """
        if now_s < self._due_s:
            return
        self._due_s = now_s + INTERVAL_S - _EARLY_S
        self._taken += 1
        self._times_s.append(wall_s)
        self._measured.take(measured)
        self._numbers.take(numbers)

    def after(self, count: int) -> Series:
        """The samples behind the first `count`; all that are kept where so many were never taken."""
        unseen = self._taken - count if 0 <= count <= self._taken else self._taken
        unseen = min(unseen, len(self._times_s))
        times_s = list(islice(self._times_s, len(self._times_s) - unseen, None))
        return Series(self._taken, times_s, self._measured.last(unseen), self._numbers.last(unseen))
