"""What the page shows of a cluster, and asks for; the application master implements it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_framework.rpc.wire import ClusterStatus, LogPiece
    from ml_framework.spec import NodeId


@dataclass(frozen=True)
class Transition:
    """The cluster came into a state.

    Args:
        time_s: seconds since the epoch.
        state: the new one.
        line: where from, and why.
    """

    time_s: float
    state: str
    line: str


@dataclass(frozen=True)
class Series:
    """Numbers of a node over time.

    Args:
        taken: samples ever taken; what `View.series` takes as `after` the next time.
        times_s: seconds since the epoch, one for each sample here.
        measured: by name, one value for each sample, NaN where there was none.
        numbers: the same of what user code has logged.
    """

    taken: int
    times_s: Sequence[float]
    measured: Mapping[str, Sequence[float]]
    numbers: Mapping[str, Sequence[float]]


class View(Protocol):
    """One cluster, as its application master knows it."""

    def status(self) -> ClusterStatus:
        """The cluster as it is now."""
        ...

    def transitions(self) -> Sequence[Transition]:
        """The latest changes of state, oldest first; the first is the beginning, while it is remembered."""
        ...

    def edges(self) -> Sequence[tuple[str, str]]:
        """Which state may follow which; empty where the state machine does not say."""
        ...

    async def moved(self) -> None:
        """Return when the state changes, or will not any more."""
        ...

    def series(self, node: NodeId, after: int) -> Series | None:
        """The samples of `node` behind its first `after` ones; None for a node that has none."""
        ...

    async def read_log(self, node: NodeId, offset: int, limit: int) -> LogPiece:
        """A piece of what `node` has printed; raises `LogUnavailable`."""
        ...
