"""What the table of the state machine is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ml_framework.master.command import Command
from ml_framework.master.event import Event, describe
from ml_framework.master.state import Snapshot, State

Step = tuple[Snapshot, tuple[Command, ...]]
"""The snapshot after an event, and what to do about it, in this order."""


@dataclass(frozen=True)
class Cell:
    """What an event does in a state, and the other states that it may lead to."""

    act: Callable[[Snapshot, Any], Step]
    targets: tuple[State, ...] = ()


Table = Mapping[State, Mapping[type[Any], Cell]]
"""For every state, the events that may happen there."""


def leads_to(*targets: State) -> Callable[[Callable[[Snapshot, Any], Step]], Cell]:
    """Make a cell of the decorated function, which may lead to `targets` or stay where it is."""
    return lambda act: Cell(act, targets)


def story(snapshot: Snapshot, event: Event, complaint: str) -> str:
    """Text of a `StateMachineError`: who, from where, which event, what is wrong, what went before."""
    return (
        f"job {snapshot.job.name!r} in {snapshot.state} met {type(event).__name__} ({describe(event)}), "
        f"{complaint}; last transitions: {'; '.join(snapshot.history) or 'none'}"
    )
