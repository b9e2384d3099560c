"""What agents, client and application master say to each other, as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from ml_framework.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_framework.spec import ClusterSpec, NodeId, Token


class Outcome(StrEnum):
    """How a user's process ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    """It ended because it was asked to."""


class NodeState(StrEnum):
    """Where a node is in its life, as the AM sees it."""

    ABSENT = "absent"
    REGISTERED = "registered"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be expected of the attempt."""
        return self in {NodeState.SUCCEEDED, NodeState.FAILED, NodeState.STOPPED, NodeState.LOST}


@dataclass(frozen=True)
class Failure:
    """Why a user's process failed.

    Args:
        summary: one line: the exception or the signal.
        detail: the traceback, or the last lines of output; may be empty.
        time_s: seconds since the epoch, read where it happened.
        collateral: it looks like the echo of a peer's failure.
    """

    summary: str
    detail: str = ""
    time_s: float = 0.0
    collateral: bool = False


@dataclass(frozen=True)
class Cause:
    """A failure and the node and life that it happened in."""

    node: NodeId
    token: Token
    failure: Failure

    @property
    def headline(self) -> str:
        """``worker[1] attempt 0: ValueError: bad value``."""
        return f"{self.node} attempt {self.token.attempt}: {self.failure.summary}"

    def text(self, *remarks: str) -> str:
        """The headline, then each remark, then the detail, each on lines of its own."""
        return "\n".join(filter(None, (self.headline, *remarks, self.failure.detail)))


@dataclass(frozen=True)
class NodeEvent:
    """What a node reports; `token` says which of its lives it speaks of."""

    node: NodeId
    token: Token


@dataclass(frozen=True)
class Registered(NodeEvent):
    """The node is ready to be started; it listens at `address` (``host:port``), bound and held."""

    address: str


NUMBERS = 256
"""How many numbers of a node are told and remembered: those that user code has logged first."""

NAME_CHARS = 200
"""Longest name of a number; one with a longer name is not told."""


def bounded(numbers: Mapping[str, float]) -> dict[str, float]:
    """As many of `numbers` as are told."""
    short = ((name, value) for name, value in numbers.items() if len(name) <= NAME_CHARS)
    return dict(islice(short, NUMBERS))


@dataclass(frozen=True)
class Heartbeat(NodeEvent):
    """Sent every heartbeat interval.

    Args:
        numbers: the last value of every number that user code logged.
        measured: what the agent has measured of the process.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Started(NodeEvent):
    """The user's process runs."""

    pid: int
    log_dir: str = ""


@dataclass(frozen=True)
class Ended(NodeEvent):
    """The user's process has ended; `failure` is set exactly when it failed."""

    outcome: Outcome
    failure: Failure | None = None

    def __post_init__(self) -> None:
        if (self.failure is None) is (self.outcome is Outcome.FAILED):
            raise ProtocolError(f"{self.node} ended as {self.outcome} with failure={self.failure!r}")


@dataclass(frozen=True)
class LogPiece:
    """A piece of what a node's process has printed, in its latest attempt.

    Args:
        text: the bytes.
        offset: where they begin; elsewhere than asked for where the log has been cut since.
        size: bytes of the log so far.
        path: of the log's file, on the node's host.
    """

    text: bytes
    offset: int
    size: int
    path: str


@dataclass(frozen=True)
class LogRead(NodeEvent):
    """Answers `ReadLog`, by its number."""

    request: int
    piece: LogPiece


@dataclass(frozen=True)
class Start:
    """Start the user's process with this cluster."""

    cluster: ClusterSpec


@dataclass(frozen=True)
class StopNode:
    """Stop the user's process in good order."""


@dataclass(frozen=True)
class Restart:
    """Stop what runs, then register again with this token."""

    token: Token


@dataclass(frozen=True)
class Abort:
    """The job has failed: stop the process and fail with this cause."""

    cause: str


@dataclass(frozen=True)
class Finish:
    """The AM has taken note of the node's end; the agent may go."""


@dataclass(frozen=True)
class Refuse:
    """The node is not welcome; nobody else is disturbed."""

    reason: str


@dataclass(frozen=True)
class ReadLog:
    """Answer `LogRead` with the number `request`.

    Args:
        offset: of the piece, in bytes; negative: as many before the end.
        limit: bytes of the piece, at most.
    """

    request: int
    offset: int
    limit: int


NodeCommand = Start | StopNode | Restart | Abort | Finish | Refuse | ReadLog
"""What the AM tells a node."""


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt of a node has ended.

    Args:
        cause: one line, empty unless it failed or was lost.
        time_s: seconds since the epoch.
    """

    token: Token
    outcome: NodeState
    cause: str
    time_s: float


@dataclass(frozen=True)
class NodeStatus:
    """One node as the AM sees it; None where there is nothing to tell yet.

    Args:
        numbers: what user code has logged.
        measured: what its agent has measured of the process.
        ends: of its latest attempts, oldest first.
    """

    node: NodeId
    token: Token
    state: NodeState
    address: str = ""
    pid: int | None = None
    heartbeat_age_s: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    log_dir: str = ""
    measured: Mapping[str, float] = field(default_factory=dict)
    ends: tuple[AttemptEnd, ...] = ()


@dataclass(frozen=True)
class ClusterStatus:
    """The whole cluster as the AM sees it.

    Args:
        job: the job's name.
        state: INIT, RUNNING, FAILOVER, STOPPING, FINISHED, FAILED or STOPPED.
        first_cause: why the job failed, None unless it has.
        restarts: restarts used so far.
        nodes: every node, in the order of the spec.
        history: the last transitions, oldest first.
        page: URL of the cluster's page, with what it takes to open it; empty without one.
    """

    job: str
    state: str
    first_cause: str | None = None
    restarts: int = 0
    nodes: tuple[NodeStatus, ...] = ()
    history: tuple[str, ...] = ()
    page: str = ""
