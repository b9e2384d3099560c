"""What agents, client and application master say to each other: frozen dataclasses and their protobuf form.

Decoding validates: a message that lacks what the protocol demands raises `ProtocolError`, so that nobody
behind this module ever sees a half-filled event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ml_framework.errors import ProtocolError
from ml_framework.rpc._generated import application_master_pb2 as pb
from ml_framework.spec import ClusterSpec, NodeId, Token

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT_CHARS = 64 * 1024
"""Longest text that is sent; a longer one loses its middle, as both ends of a traceback matter."""


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
class NodeEvent:
    """What a node reports; `token` says which of its lives it speaks of."""

    node: NodeId
    token: Token


@dataclass(frozen=True)
class Registered(NodeEvent):
    """The node is ready to be started; it listens at `address` (``host:port``), bound and held."""

    address: str


@dataclass(frozen=True)
class Heartbeat(NodeEvent):
    """Sent every heartbeat interval, with the last value of every number that user code logged."""

    numbers: Mapping[str, float] = field(default_factory=dict)


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


NodeCommand = Start | StopNode | Restart | Abort | Finish | Refuse
"""What the AM tells a node."""


@dataclass(frozen=True)
class NodeStatus:
    """One node as the AM sees it; None where there is nothing to tell yet."""

    node: NodeId
    token: Token
    state: NodeState
    address: str = ""
    pid: int | None = None
    heartbeat_age_s: float | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    log_dir: str = ""


@dataclass(frozen=True)
class ClusterStatus:
    """The whole cluster as the AM sees it.

    Args:
        job: the job's name.
        state: INIT, RUNNING, FAILOVER, FINISHED, FAILED or STOPPED.
        first_cause: why the job failed, None unless it has.
        restarts: restarts used so far.
        nodes: every node, in the order of the spec.
        history: the last transitions, oldest first.
    """

    job: str
    state: str
    first_cause: str | None = None
    restarts: int = 0
    nodes: tuple[NodeStatus, ...] = ()
    history: tuple[str, ...] = ()


def event_to_message(event: NodeEvent) -> pb.NodeEvent:
    """The message for `event`."""
    message = pb.NodeEvent(node=_node_to_message(event.node), token=_token_to_message(event.token))
    match event:
        case Registered(address=address):
            message.registered.address = address
        case Heartbeat(numbers=numbers):
            message.heartbeat.SetInParent()
            message.heartbeat.numbers.update(numbers)
        case Started(pid=pid, log_dir=log_dir):
            message.started.pid = pid
            message.started.log_dir = log_dir
        case Ended(outcome=outcome, failure=failure):
            sent = None if failure is None else _failure_to_message(failure)
            message.ended.CopyFrom(pb.Ended(outcome=outcome.name, failure=sent))
        case _:
            raise TypeError(f"{type(event).__name__} is no event of the protocol")
    return message


def event_from_message(message: pb.NodeEvent) -> NodeEvent:
    """The event in `message`; raises `ProtocolError` if it lacks something."""
    kind = message.WhichOneof("event")
    if kind is None or not message.HasField("node") or not message.node.role:
        raise ProtocolError("an event lacks its node or its content")
    node = NodeId(message.node.role, message.node.index)
    token = _token_from_message(message.token)
    content = getattr(message, kind)
    match kind:
        case "registered":
            return Registered(node, token, _checked_address(node, content.address))
        case "heartbeat":
            return Heartbeat(node, token, dict(content.numbers))
        case "started":
            return Started(node, token, content.pid, content.log_dir)
        case _:
            return _ended_from_message(node, token, content)


def command_to_message(command: NodeCommand) -> pb.NodeCommand:
    """The message for `command`."""
    match command:
        case Start(cluster):
            addresses = {
                role: pb.Addresses(address=list(listed)) for role, listed in cluster.addresses.items()
            }
            return pb.NodeCommand(start=pb.Start(addresses=addresses))
        case StopNode():
            return pb.NodeCommand(stop=pb.StopNode())
        case Restart(token):
            return pb.NodeCommand(restart=pb.Restart(token=_token_to_message(token)))
        case Abort(cause):
            return pb.NodeCommand(abort=pb.Abort(cause=_text(cause)))
        case Finish():
            return pb.NodeCommand(finish=pb.Finish())
        case Refuse(reason):
            return pb.NodeCommand(refuse=pb.Refuse(reason=_text(reason)))


def command_from_message(message: pb.NodeCommand) -> NodeCommand:
    """The command in `message`; raises `ProtocolError` if there is none that we know."""
    match message.WhichOneof("command"):
        case "start":
            addresses = {role: tuple(listed.address) for role, listed in message.start.addresses.items()}
            return Start(ClusterSpec(addresses))
        case "stop":
            return StopNode()
        case "restart":
            return Restart(_token_from_message(message.restart.token))
        case "abort":
            return Abort(message.abort.cause)
        case "finish":
            return Finish()
        case "refuse":
            return Refuse(message.refuse.reason)
        case _:
            raise ProtocolError("a command without content")


def status_to_message(status: ClusterStatus) -> pb.ClusterStatus:
    """The message for `status`."""
    return pb.ClusterStatus(
        job=status.job,
        state=status.state,
        first_cause=None if status.first_cause is None else _text(status.first_cause),
        restarts=status.restarts,
        nodes=[_node_status_to_message(node) for node in status.nodes],
        history=[_text(line) for line in status.history],
    )


def status_from_message(message: pb.ClusterStatus) -> ClusterStatus:
    """The status in `message`."""
    return ClusterStatus(
        job=message.job,
        state=message.state,
        first_cause=_optional(message, "first_cause"),
        restarts=message.restarts,
        nodes=tuple(_node_status_from_message(node) for node in message.nodes),
        history=tuple(message.history),
    )


def _node_status_to_message(status: NodeStatus) -> pb.NodeStatus:
    return pb.NodeStatus(
        node=_node_to_message(status.node),
        token=_token_to_message(status.token),
        state=status.state.value,
        address=status.address,
        pid=status.pid,
        heartbeat_age_s=status.heartbeat_age_s,
        numbers=dict(status.numbers),
        log_dir=status.log_dir,
    )


def _node_status_from_message(message: pb.NodeStatus) -> NodeStatus:
    return NodeStatus(
        node=NodeId(message.node.role, message.node.index),
        token=_token_from_message(message.token),
        state=NodeState(message.state),
        address=message.address,
        pid=_optional(message, "pid"),
        heartbeat_age_s=_optional(message, "heartbeat_age_s"),
        numbers=dict(message.numbers),
        log_dir=message.log_dir,
    )


def _ended_from_message(node: NodeId, token: Token, message: pb.Ended) -> Ended:
    if message.outcome not in {pb.Ended.SUCCEEDED, pb.Ended.FAILED, pb.Ended.STOPPED}:
        raise ProtocolError(f"{node} ended with outcome {message.outcome}, which the protocol does not know")
    failure = None
    if message.HasField("failure"):
        sent = message.failure
        failure = Failure(sent.summary, sent.detail, sent.time_s, sent.collateral)
    return Ended(node, token, Outcome[pb.Ended.Outcome.Name(message.outcome)], failure)


def _failure_to_message(failure: Failure) -> pb.Failure:
    return pb.Failure(
        summary=_text(failure.summary),
        detail=_text(failure.detail),
        time_s=failure.time_s,
        collateral=failure.collateral,
    )


def _checked_address(node: NodeId, address: str) -> str:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ProtocolError(f"{node} registered with address {address!r}, it must be host:port")
    return address


def _node_to_message(node: NodeId) -> pb.NodeId:
    return pb.NodeId(role=node.role, index=node.index)


def _token_to_message(token: Token) -> pb.Token:
    return pb.Token(execution=token.execution, process=token.process)


def _token_from_message(message: pb.Token) -> Token:
    return Token(message.execution, message.process)


def _optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def _text(text: str) -> str:
    """What protobuf accepts: bounded, and without the lone surrogates that a process's output may hold."""
    if len(text) > MAX_TEXT_CHARS:
        half = MAX_TEXT_CHARS // 2
        text = f"{text[: half - 3]}\n…\n{text[-half:]}"
    return text.encode("utf-8", "replace").decode("utf-8")
