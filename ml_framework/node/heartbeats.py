"""When a node tells how it gets on: as soon as numbers change, but not too often, and at every interval."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ml_framework.rpc.wire import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

_NUMBERS_INTERVAL_S = 0.2
"""Between two heartbeats at the least, however often numbers change."""

_MEASURED_S = 1.0
"""Between two measurements, which come with the next heartbeat."""


class Heartbeats:
    """The heartbeats of a node, and the numbers that its process has logged.

    Args:
        interval: between two of them at the most.
        measure: called for some of them; what it returns goes with that one, None where there is nothing.
        tell: called for each, with what was measured, None where nobody looked or found anything.
    """

    def __init__(
        self,
        interval: timedelta,
        measure: Callable[[], Mapping[str, float] | None],
        tell: Callable[[Mapping[str, float] | None], None],
    ) -> None:
        self._interval_s = interval.total_seconds()
        self._measure = measure
        self._tell = tell
        self._numbers: dict[str, float] = {}
        self._changed = asyncio.Event()

    @property
    def numbers(self) -> dict[str, float]:
        """The last value of every number that was logged; of the first so many."""
        return dict(self._numbers)

    def take(self, numbers: Mapping[str, float]) -> None:
        """The process has logged `numbers`."""
        self._numbers = bounded({**self._numbers, **numbers})
        self._changed.set()

    def forget(self) -> None:
        """What was logged was another attempt's."""
        self._numbers.clear()

    async def run(self) -> None:
        """Tell again and again."""
        least_s = min(_NUMBERS_INTERVAL_S, self._interval_s)
        measured_s = 0.0
        while True:
            await asyncio.sleep(least_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s - least_s):
                    await self._changed.wait()
            self._changed.clear()
            if (now_s := time.monotonic()) - measured_s < min(_MEASURED_S, self._interval_s):
                self._tell(None)
            else:
                measured_s = now_s
                self._tell(self._measure())
