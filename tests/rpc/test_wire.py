"""Messages and dataclasses say the same, and what is not allowed does not get through."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from ml_framework.errors import ProtocolError
from ml_framework.rpc import _generated, messages, wire
from ml_framework.rpc._generated import application_master_pb2 as pb
from ml_framework.rpc.generate import generate
from ml_framework.spec import ClusterSpec, NodeId, Token

counts = st.integers(0, 2**32 - 1)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
texts = st.text(st.characters(codec="utf-8"), max_size=30)
numbers = st.dictionaries(names, st.floats(allow_nan=False), max_size=3)
nodes = st.builds(NodeId, names, counts)
tokens = st.builds(Token, counts, counts)
pieces = st.builds(wire.LogPiece, st.binary(max_size=30), counts, counts, texts)
ends = st.builds(wire.AttemptEnd, tokens, st.sampled_from(wire.NodeState), texts, st.floats(0, 1e10))
failures = st.builds(wire.Failure, texts, texts, st.floats(allow_nan=False), st.booleans())
events = st.one_of(
    st.builds(wire.Registered, nodes, tokens, st.just("host:80")),
    st.builds(wire.Heartbeat, nodes, tokens, numbers, numbers),
    st.builds(wire.Started, nodes, tokens, counts, texts),
    st.builds(wire.LogRead, nodes, tokens, counts, pieces),
    st.builds(wire.Ended, nodes, tokens, st.sampled_from([wire.Outcome.SUCCEEDED, wire.Outcome.STOPPED])),
    st.builds(wire.Ended, nodes, tokens, st.just(wire.Outcome.FAILED), failures),
)
commands = st.one_of(
    st.builds(
        wire.Start, st.builds(ClusterSpec, st.dictionaries(names, st.tuples(texts, texts), max_size=3))
    ),
    st.builds(wire.Restart, tokens),
    st.builds(wire.Abort, texts),
    st.builds(wire.Refuse, texts),
    st.builds(wire.ReadLog, counts, st.integers(-(2**63), 2**63 - 1), counts),
    st.sampled_from([wire.StopNode(), wire.Finish()]),
)
statuses = st.builds(
    wire.ClusterStatus,
    texts,
    texts,
    st.none() | texts,
    counts,
    st.lists(
        st.builds(
            wire.NodeStatus,
            nodes,
            tokens,
            st.sampled_from(wire.NodeState),
            texts,
            st.none() | counts,
            st.none() | st.floats(0, 1e6),
            numbers,
            texts,
            numbers,
            st.lists(ends, max_size=3).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    st.lists(texts, max_size=3).map(tuple),
    texts,
)


@given(events)
def test_events_survive_the_wire(event: wire.NodeEvent) -> None:
    """Every field of every event."""
    data = messages.event_to_message(event).SerializeToString()
    assert messages.event_from_message(pb.NodeEvent.FromString(data)) == event


@given(commands)
def test_commands_survive_the_wire(command: wire.NodeCommand) -> None:
    """Every field of every command."""
    data = messages.command_to_message(command).SerializeToString()
    assert messages.command_from_message(pb.NodeCommand.FromString(data)) == command


@given(statuses)
def test_the_status_survives_the_wire(status: wire.ClusterStatus) -> None:
    """What is not known stays None and does not become 0."""
    data = messages.status_to_message(status).SerializeToString()
    assert messages.status_from_message(pb.ClusterStatus.FromString(data)) == status


@given(st.binary(max_size=64))
def test_no_bytes_make_a_half_filled_event(data: bytes) -> None:
    """They are an event, or an error of the two that the service knows."""
    try:
        event = messages.event_from_message(pb.NodeEvent.FromString(data))
    except (DecodeError, ProtocolError):
        return
    assert event.node.role


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (pb.NodeEvent(), "lacks its node or its content"),
        (pb.NodeEvent(node=pb.NodeId(role="worker")), "lacks its node or its content"),
        (pb.NodeEvent(heartbeat=pb.Heartbeat()), "lacks its node or its content"),
        (pb.NodeEvent(node=pb.NodeId(index=1), heartbeat=pb.Heartbeat()), "lacks its node or its content"),
        (
            pb.NodeEvent(node=pb.NodeId(role="w"), registered=pb.Registered(address="host")),
            "must be host:port",
        ),
        (pb.NodeEvent(node=pb.NodeId(role="w"), ended=pb.Ended()), "outcome 0"),
        (pb.NodeEvent(node=pb.NodeId(role="w"), ended=pb.Ended(outcome=pb.Ended.FAILED)), "failure=None"),
    ],
)
def test_an_incomplete_event_is_refused(message: Any, complaint: str) -> None:
    """With what is wrong about it."""
    with pytest.raises(ProtocolError, match=complaint):
        messages.event_from_message(message)


def test_an_unknown_command_is_refused() -> None:
    """A newer AM may know commands that we do not."""
    with pytest.raises(ProtocolError, match="without content"):
        messages.command_from_message(pb.NodeCommand())


def test_texts_are_bounded_and_never_unsendable() -> None:
    """The ends of a long traceback remain; a lone surrogate of a process's output is replaced."""
    text = "first line" + "x" * 3 * messages.MAX_TEXT_CHARS + "last \udcff line"
    failure = wire.Failure("Boom", text, math.pi)
    event = wire.Ended(NodeId("worker", 0), Token(), wire.Outcome.FAILED, failure)
    sent = messages.event_from_message(messages.event_to_message(event))
    assert isinstance(sent, wire.Ended)
    assert sent.failure is not None
    assert len(sent.failure.detail) == messages.MAX_TEXT_CHARS
    assert sent.failure.detail.startswith("first line")
    assert sent.failure.detail.endswith("last ? line")


def test_the_generated_code_is_what_the_proto_says(tmp_path: Path) -> None:
    """Run `make proto` when this fails."""
    generate(tmp_path)
    committed = Path(_generated.__file__).parent
    fresh = sorted(path.name for path in tmp_path.iterdir())
    assert fresh == sorted(path.name for path in committed.iterdir() if path.is_file())
    for name in fresh:
        assert (committed / name).read_text() == (tmp_path / name).read_text(), name


def test_a_name_that_no_message_can_hold_holds_up_nothing() -> None:
    """As one that was made of the name of a file, and the folder of a log."""
    node, token = NodeId("worker", 0), Token(0, 0)
    beat = messages.event_to_message(wire.Heartbeat(node, token, {"loss\udc80": 1.0}))
    assert dict(beat.heartbeat.numbers) == {"loss?": 1.0}
    assert messages.event_to_message(wire.Started(node, token, 1, "/logs\udc80")).started.log_dir == "/logs?"
