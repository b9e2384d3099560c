"""The application master's state machine: one table, no I/O, no clock, no lock, no log.

Rules of the house:

* `step(snapshot, event)` returns a new snapshot and the commands to perform; it changes nothing in place.
* `TRANSITIONS` says for every state which events may happen there. A missing cell is an error of whoever sent
  the event: `StateMachineError` tells the story, and the snapshot stays what it was.
* Terminal states have rows of their own, none of whose cells leads anywhere.
* Every cell declares the states that it may lead to; `step` holds it to that, and the diagram in
  ``docs/state-machine.md`` is drawn from it.
* A report about an earlier life of a node (a smaller token) is late news, and changes nothing.
* A timer belongs to the state that ordered it, and goes when that state is left.
* Side nodes never decide anything.

::

    INIT ──> RUNNING ──> STOPPING ──> FINISHED | STOPPED
     ^          │
     └── FAILOVER            what cannot be repaired leads from these three to FAILED
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ml_framework.errors import StateMachineError
from ml_framework.master import cells
from ml_framework.master.cell import Table, story
from ml_framework.master.command import Schedule
from ml_framework.master.event import (
    BackoffElapsed,
    Ended,
    Event,
    GangTimeout,
    GraceElapsed,
    NodeLost,
    Registered,
    SettleElapsed,
    StopRequested,
    describe,
)
from ml_framework.master.state import Snapshot, State

if TYPE_CHECKING:
    from ml_framework.config import RestartPolicy, Timeouts
    from ml_framework.master.cell import Step
    from ml_framework.spec import JobSpec

TRANSITIONS: Table = {
    State.INIT: {
        Registered: cells.gather,
        Ended: cells.end_in_gang,
        NodeLost: cells.loss_in_gang,
        GangTimeout: cells.gang_incomplete,
        SettleElapsed: cells.settled,
        StopRequested: cells.stop_on_request,
    },
    State.RUNNING: {
        Registered: cells.join,
        Ended: cells.end_in_gang,
        NodeLost: cells.loss_in_gang,
        SettleElapsed: cells.settled,
        StopRequested: cells.stop_on_request,
    },
    State.FAILOVER: {
        Registered: cells.wait_for_failover,
        Ended: cells.end_in_failover,
        NodeLost: cells.loss_in_failover,
        BackoffElapsed: cells.restart,
        StopRequested: cells.stop_on_request,
    },
    State.STOPPING: {
        Registered: cells.send_home,
        Ended: cells.end_while_stopping,
        NodeLost: cells.end_while_stopping,
        GraceElapsed: cells.grace_over,
        StopRequested: cells.nothing_to_do,
    },
    State.FINISHED: {
        Registered: cells.send_home,
        Ended: cells.end_after_conclusion,
        NodeLost: cells.end_after_conclusion,
        StopRequested: cells.nothing_to_do,
    },
    State.FAILED: {
        Registered: cells.abort_latecomer,
        Ended: cells.end_after_failure,
        NodeLost: cells.end_after_failure,
        StopRequested: cells.nothing_to_do,
    },
    State.STOPPED: {
        Registered: cells.send_home,
        Ended: cells.end_after_conclusion,
        NodeLost: cells.end_after_conclusion,
        StopRequested: cells.nothing_to_do,
    },
}


def edges(table: Table) -> tuple[tuple[str, str], ...]:
    """Which state may follow which by `table`, each pair once."""
    pairs = (
        (source.value, target.value)
        for source, row in table.items()
        for cell in row.values()
        for target in cell.targets
    )
    return tuple(dict.fromkeys(pairs))


class StateMachine(Protocol):
    """What the executor runs. A timer that a state ordered is cancelled when that state is left."""

    def initial(self, job: JobSpec, timeouts: Timeouts, restart: RestartPolicy) -> Step:
        """The snapshot to begin with, and the first commands."""
        ...

    def step(self, snapshot: Snapshot, event: Event) -> Step:
        """What `event` makes of `snapshot`; raises `StateMachineError` if it may not happen there."""
        ...


@dataclass(frozen=True)
class TableMachine:
    """A `StateMachine` that follows a table; a framework with needs of its own passes another table."""

    table: Table = field(default_factory=lambda: TRANSITIONS)

    def initial(self, job: JobSpec, timeouts: Timeouts, restart: RestartPolicy) -> Step:
        """INIT, with the gang's time running; RUNNING at once if there is nobody to wait for."""
        snapshot, commands = cells.start_if_complete(Snapshot.of(job, timeouts, restart))
        if snapshot.state is State.INIT:
            commands = (Schedule(GangTimeout(), timeouts.gang),)
        return snapshot, commands

    def step(self, snapshot: Snapshot, event: Event) -> Step:
        """Look the cell up, let it act, take the transition down."""
        cell = self.table[snapshot.state].get(type(event))
        if cell is None:
            raise StateMachineError(story(snapshot, event, "which may not happen there"))
        after, commands = cell.act(snapshot, event)
        if after.state is snapshot.state:
            return after, commands
        if after.state not in cell.targets:
            raise StateMachineError(story(snapshot, event, f"whose cell may not lead to {after.state}"))
        return after.with_history(f"{snapshot.state} -> {after.state}: {describe(event)}"), commands
