"""Which flights a version of the model learns from, and which it scores: never the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

EARLY = 1 / 6
"""The share of the flights that version 1 learns from: in a year those until the first days of March."""


@dataclass(frozen=True)
class Stages:
    """Where the stream begins, and where the next version is learned.

    Attributes:
        start: UTC; version 1 has learned from the flights before, those from then on are served.
        release: UTC; version 2 learns from the flights before, as soon as all of them have been scored.
        before_start: how many.
        before_release: how many.
        flights: how many there are.
    """

    start: datetime
    release: datetime
    before_start: int
    before_release: int
    flights: int

    @classmethod
    def of(cls, departures: pa.Table) -> Self:
        """The stages of these departures, in order of time: half of what is served lies behind the release.

        Raises:
            SystemExit: they are too few.
        """
        sched = departures["sched"].to_numpy()
        first = int(EARLY * len(sched))
        positions = [first, (first + len(sched)) // 2]
        times = sched[positions].astype("datetime64[h]").astype("datetime64[ms]")
        before_start, before_release = (int(found) for found in sched.searchsorted(times))
        if not 0 < before_start < before_release:
            raise SystemExit(f"{len(sched)} flights are too few to learn from some and serve others")
        start, release = (time.item() for time in times)
        return cls(start, release, before_start, before_release, len(sched))

    @property
    def served(self) -> int:
        """How many flights are served."""
        return self.flights - self.before_start

    @property
    def served_before_release(self) -> int:
        """How many of them version 2 learns from."""
        return self.before_release - self.before_start
