"""The failure policy: given what failed, whether to restart in place, when, and whom. Pure.

* The *first cause* of a round of failures is the earliest that is not collateral, or the earliest of all when
  every one is.
* A node whose role is not restartable ends the job; so does the first failure beyond the budget.
* Scope ``"all"`` is all or none: where a node that must not be restarted still runs, the job ends, too.
* Scope ``"failed"`` restarts the nodes that failed or were lost.
* Scope ``"all"`` restarts in addition *every* node of their roles, also those that succeeded (who has left a
  collective cannot be joined again by the ones that start over), and the nodes of the other restartable roles
  that still run (they talk to those that went). A node of another role that has succeeded stays succeeded.
* A node that waits to be started is fresh already. One that stopped because it was asked to, and side nodes,
  are never restarted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_framework.rpc.wire import NodeState
from ml_framework.spec import RoleKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from ml_framework.master.state import Snapshot
    from ml_framework.rpc.wire import Cause
    from ml_framework.spec import NodeId


@dataclass(frozen=True)
class RestartAfter:
    """Repair in place, after this wait."""

    delay: timedelta


@dataclass(frozen=True)
class GiveUp:
    """The job has failed."""


Decision = RestartAfter | GiveUp

_BROKEN = frozenset({NodeState.FAILED, NodeState.LOST})
_TAKEN_ALONG = _BROKEN | {NodeState.RUNNING, NodeState.SUCCEEDED}


def first_cause(failures: Sequence[Cause]) -> Cause:
    """The earliest failure that is not collateral, or the earliest of all; `failures` must not be empty."""
    return min(failures, key=lambda cause: (cause.failure.collateral, cause.failure.time_s))


def is_repairable(snapshot: Snapshot) -> bool:
    """Whether every node that failed, and by the policy's scope every other, may be restarted in place."""
    due = [cause.node for cause in snapshot.failures]
    if snapshot.restart.scope == "all":
        running = snapshot.in_state(NodeState.RUNNING)
        due += [node for node in running if snapshot.role(node).kind is not RoleKind.SIDE]
    return all(snapshot.role(node).restartable for node in due)


def decide(snapshot: Snapshot) -> Decision:
    """What to do about the failures of `snapshot`."""
    if not is_repairable(snapshot) or snapshot.restarts >= snapshot.restart.budget:
        return GiveUp()
    return RestartAfter(snapshot.restart.delay(snapshot.restarts))


def to_restart(snapshot: Snapshot) -> tuple[NodeId, ...]:
    """The nodes to restart, by the policy's scope, in the order of the spec."""
    broken = {node.role for node in snapshot.in_state(*_BROKEN)}

    def is_due(node: NodeId) -> bool:
        role, state = snapshot.role(node), snapshot.nodes[node].state
        if role.kind is RoleKind.SIDE or not role.restartable:
            return False
        if state in _BROKEN or snapshot.restart.scope == "failed":
            return state in _BROKEN
        return state is NodeState.RUNNING or (role.name in broken and state in _TAKEN_ALONG)

    return tuple(filter(is_due, snapshot.nodes))
