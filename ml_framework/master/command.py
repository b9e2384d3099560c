"""What the state machine asks of the executor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from ml_framework.master.event import Timer
    from ml_framework.master.state import State
    from ml_framework.rpc.wire import NodeCommand
    from ml_framework.spec import NodeId


@dataclass(frozen=True)
class Admit:
    """The conversation that brought this registration is from now on the node's."""

    node: NodeId


@dataclass(frozen=True)
class Reject:
    """Refuse the conversation that brought this registration; nobody else is disturbed."""

    reason: str


@dataclass(frozen=True)
class Tell:
    """Send to a node; a node that is not attended is not told."""

    node: NodeId
    command: NodeCommand


@dataclass(frozen=True)
class Schedule:
    """Feed `timer` back after `delay`, unless the state has been left by then."""

    timer: Timer
    delay: timedelta


@dataclass(frozen=True)
class Conclude:
    """The job has ended: announce it."""

    outcome: State
    cause: str | None = None


Command = Admit | Reject | Tell | Schedule | Conclude
