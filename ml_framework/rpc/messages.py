"""The protobuf form of what is said, see `wire`.

Decoding validates: a message that lacks what the protocol demands raises `ProtocolError`, so that nobody
behind this module ever sees a half-filled event.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format

from ml_framework.errors import ProtocolError
from ml_framework.rpc._generated import application_master_pb2 as pb
from ml_framework.rpc.wire import (
    Abort,
    AttemptEnd,
    ClusterStatus,
    Ended,
    Failure,
    Finish,
    Heartbeat,
    LogPiece,
    LogRead,
    NodeCommand,
    NodeEvent,
    NodeState,
    NodeStatus,
    Outcome,
    ReadLog,
    Refuse,
    Registered,
    Restart,
    Start,
    Started,
    StopNode,
)
from ml_framework.spec import ClusterSpec, NodeId, Token

MAX_TEXT_CHARS = 64 * 1024
"""Longest text that is sent; a longer one loses its middle, as both ends of a traceback matter."""


def event_to_message(event: NodeEvent) -> pb.NodeEvent:
    """The message for `event`."""
    message = pb.NodeEvent(node=_node_to_message(event.node), token=_token_to_message(event.token))
    match event:
        case Registered(address=address):
            message.registered.address = address
        case Heartbeat(numbers=numbers, measured=measured):
            told = {_text(name): value for name, value in numbers.items()}
            message.heartbeat.CopyFrom(pb.Heartbeat(numbers=told, measured=dict(measured)))
        case Started(pid=pid, log_dir=log_dir):
            message.started.pid = pid
            message.started.log_dir = _text(log_dir)
        case Ended(outcome=outcome, failure=failure):
            sent = None if failure is None else _failure_to_message(failure)
            message.ended.CopyFrom(pb.Ended(outcome=outcome.name, failure=sent))
        case LogRead(request=request, piece=piece):
            message.log_read.CopyFrom(pb.LogRead(request=request, piece=piece_to_message(piece)))
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
            return Heartbeat(node, token, dict(content.numbers), dict(content.measured))
        case "started":
            return Started(node, token, content.pid, content.log_dir)
        case "log_read":
            return LogRead(node, token, content.request, piece_from_message(content.piece))
        case _:
            return _ended_from_message(node, token, content)


def command_to_message(command: NodeCommand) -> pb.NodeCommand:  # noqa: PLR0911 - one for each kind
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
        case ReadLog(request, offset, limit):
            return pb.NodeCommand(read_log=pb.ReadLog(request=request, offset=offset, limit=limit))


def command_from_message(message: pb.NodeCommand) -> NodeCommand:  # noqa: PLR0911 - one for each kind
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
        case "read_log":
            return ReadLog(message.read_log.request, message.read_log.offset, message.read_log.limit)
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
        page=status.page,
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
        page=message.page,
    )


def piece_to_message(piece: LogPiece) -> pb.LogPiece:
    """The message for `piece`."""
    return pb.LogPiece(text=piece.text, offset=piece.offset, size=piece.size, path=_text(piece.path))


def piece_from_message(message: pb.LogPiece) -> LogPiece:
    """The piece of a log in `message`."""
    return LogPiece(message.text, message.offset, message.size, message.path)


def log_request(node: NodeId, offset: int, limit: int) -> pb.LogRequest:
    """The question for a piece of the log of `node`."""
    return pb.LogRequest(node=_node_to_message(node), offset=offset, limit=limit)


def _end_to_message(end: AttemptEnd) -> pb.AttemptEnd:
    return pb.AttemptEnd(
        token=_token_to_message(end.token),
        outcome=end.outcome.value,
        cause=_text(end.cause),
        time_s=end.time_s,
    )


def _end_from_message(message: pb.AttemptEnd) -> AttemptEnd:
    return AttemptEnd(
        _token_from_message(message.token), NodeState(message.outcome), message.cause, message.time_s
    )


def status_to_json(status: ClusterStatus) -> str:
    """`status` as JSON, as protobuf has it."""
    return json_format.MessageToJson(status_to_message(status), indent=None)


def status_from_json(text: str) -> ClusterStatus:
    """The status that `status_to_json` wrote."""
    return status_from_message(json_format.Parse(text, pb.ClusterStatus()))


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
        measured=dict(status.measured),
        ends=[_end_to_message(end) for end in status.ends],
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
        measured=dict(message.measured),
        ends=tuple(_end_from_message(end) for end in message.ends),
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
