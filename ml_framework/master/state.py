"""What the application master remembers: one frozen snapshot, replaced at every step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ml_framework.rpc.wire import Cause, NodeState
from ml_framework.spec import ClusterSpec, JobSpec, NodeId, RoleKind, RoleSpec, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_framework.config import RestartPolicy, Timeouts

HISTORY = 20
"""How many transitions a snapshot remembers."""


class State(StrEnum):
    """Where the cluster is in its life; `TERMINAL` holds those that nothing leads out of."""

    INIT = "INIT"
    """Waiting for the gang: nodes register."""
    RUNNING = "RUNNING"
    """Every node of the gang was told to start."""
    FAILOVER = "FAILOVER"
    """A failure is to be repaired in place; the back-off runs."""
    STOPPING = "STOPPING"
    """The end is decided, in good order; the last nodes are ending."""
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"


TERMINAL = frozenset({State.FINISHED, State.FAILED, State.STOPPED})

LIVE = frozenset({NodeState.REGISTERED, NodeState.RUNNING})
"""A node in one of these is attended, and its silence matters."""


@dataclass(frozen=True)
class NodeRecord:
    """The latest life of a node. A node without one is ABSENT and has the smallest token that is welcome."""

    token: Token = field(default_factory=Token)
    state: NodeState = NodeState.ABSENT
    address: str = ""


@dataclass(frozen=True)
class Snapshot:
    """Everything that the state machine decides by.

    Args:
        nodes: one record for every node of the job, in the order of the spec.
        restarts: restarts in place used so far.
        failures: failures of nodes that are in the failure domain, since the gang was last told to start.
        repaired: the failure that the latest failover was about.
        outcome: where STOPPING leads.
        first_cause: why the job failed.
        history: the last transitions, oldest first.
    """

    job: JobSpec
    timeouts: Timeouts
    restart: RestartPolicy
    nodes: Mapping[NodeId, NodeRecord]
    state: State = State.INIT
    restarts: int = 0
    failures: tuple[Cause, ...] = ()
    repaired: Cause | None = None
    outcome: State | None = None
    first_cause: str | None = None
    history: tuple[str, ...] = ()

    @classmethod
    def of(cls, job: JobSpec, timeouts: Timeouts, restart: RestartPolicy) -> Snapshot:
        """The snapshot of a job of which no node has registered yet."""
        return cls(job, timeouts, restart, MappingProxyType({node: NodeRecord() for node in job.nodes}))

    def role(self, node: NodeId) -> RoleSpec:
        """The role of `node`."""
        return self.job.role(node.role)

    def in_state(self, *states: NodeState) -> tuple[NodeId, ...]:
        """The nodes in one of `states`, in the order of the spec."""
        return tuple(node for node, record in self.nodes.items() if record.state in states)

    @property
    def gang(self) -> tuple[NodeId, ...]:
        """The failure domain: every node but the side nodes."""
        return tuple(node for node in self.nodes if self.role(node).kind is not RoleKind.SIDE)

    @property
    def drivers(self) -> tuple[NodeId, ...]:
        """The nodes whose success is the success of the job."""
        return tuple(node for node in self.nodes if self.role(node).kind is RoleKind.DRIVES)

    @property
    def missing(self) -> tuple[NodeId, ...]:
        """The nodes of the gang that have not registered."""
        return tuple(node for node in self.gang if self.nodes[node].state is NodeState.ABSENT)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to be expected of any node."""
        return all(record.state.ended for record in self.nodes.values())

    @property
    def cluster(self) -> ClusterSpec:
        """Where every node listens; a side node that has not come yet has an empty address."""
        return ClusterSpec(
            {role.name: tuple(self.nodes[node].address for node in role.nodes) for role in self.job.roles}
        )

    def with_node(self, node: NodeId, **changes: Any) -> Snapshot:
        """This snapshot, with `changes` to the record of `node`."""
        records = {**self.nodes, node: replace(self.nodes[node], **changes)}
        return replace(self, nodes=MappingProxyType(records))

    def with_history(self, line: str) -> Snapshot:
        """This snapshot, with one more transition remembered."""
        return replace(self, history=(*self.history, line)[-HISTORY:])
