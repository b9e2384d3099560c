"""What can happen to the state machine.

Nodes report `Registered` and `Ended` (from `ml_framework.rpc.wire`; heartbeats and starts are facts for the
status and change no state). The rest comes from the executor: lost nodes, elapsed timers, a request to stop.
"""

from __future__ import annotations

from dataclasses import dataclass

from ml_framework.rpc.wire import Ended, NodeEvent, Registered


@dataclass(frozen=True)
class NodeLost(NodeEvent):
    """A node fell silent or its agent went away without having reported an end.

    Args:
        reason: why it counts as lost, such as ``no heartbeat for 15 s``.
        time_s: seconds since the epoch.
    """

    reason: str
    time_s: float


@dataclass(frozen=True)
class GangTimeout:
    """The time in which every node should have registered is over."""


@dataclass(frozen=True)
class SettleElapsed:
    """A failure that looked like an echo has waited long enough for its first cause."""


@dataclass(frozen=True)
class BackoffElapsed:
    """The wait before a restart is over."""


@dataclass(frozen=True)
class GraceElapsed:
    """The nodes have had their time to end in good order."""


@dataclass(frozen=True)
class StopRequested:
    """Somebody asks for the cluster to be stopped in good order."""


Timer = GangTimeout | SettleElapsed | BackoffElapsed | GraceElapsed
"""Events that the machine orders for itself with `command.Schedule`."""

Event = Registered | Ended | NodeLost | Timer | StopRequested


def describe(event: Event) -> str:
    """One line about `event`: who, and what."""
    match event:
        case Ended(node, token, outcome, failure):
            return f"{node} attempt {token.attempt} {outcome}" + (f": {failure.summary}" if failure else "")
        case NodeLost(node, token, reason):
            return f"{node} attempt {token.attempt} lost: {reason}"
        case Registered(node, token):
            return f"{node} registered as attempt {token.attempt}"
        case _:
            return type(event).__name__


__all__ = [
    "BackoffElapsed",
    "Ended",
    "Event",
    "GangTimeout",
    "GraceElapsed",
    "NodeLost",
    "Registered",
    "SettleElapsed",
    "StopRequested",
    "Timer",
    "describe",
]
