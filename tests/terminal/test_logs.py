"""The lines that processes print reach the terminal once, in order, and not in floods."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ml_framework.errors import LogUnavailable
from ml_framework.rpc.wire import ClusterStatus, LogPiece, NodeState, NodeStatus
from ml_framework.spec import NodeId, Token
from ml_operator.terminal import LogFollower
from ml_operator.terminal.logs import PIECE_BYTES

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Logs:
    """What two nodes have printed, and how often they were asked."""

    texts: dict[int, bytes] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)
    asked: int = 0
    gone: bool = False

    def read(self, node: NodeId, offset: int, limit: int) -> LogPiece:
        self.asked += 1
        if self.gone:
            raise LogUnavailable("it has gone")
        text = self.texts[node.index]
        begin = max(0, len(text) + offset) if offset < 0 else offset if offset <= len(text) else 0
        path = self.paths.get(node.index, f"/logs/{node.index}")
        return LogPiece(text[begin : begin + limit], begin, len(text), path)

    @property
    def status(self) -> ClusterStatus:
        nodes = [
            NodeStatus(
                NodeId("w", index), Token(), NodeState.RUNNING, measured={"log_bytes": float(len(text))}
            )
            for index, text in self.texts.items()
        ]
        return ClusterStatus("job", "RUNNING", nodes=tuple(nodes))


def test_each_line_is_shown_once_behind_its_node() -> None:
    """Half a line waits for its other half, and a node that is silent is not asked."""
    logs = Logs({0: b"one\ntw", 1: b""})
    follower = LogFollower(logs.read)
    assert list(follower.lines(logs.status)) == ["w[0] | one"]
    asked = logs.asked
    assert list(follower.lines(logs.status)) == []
    assert logs.asked == asked
    logs.texts = {0: b"one\ntwo\n", 1: b"\xff\n"}
    assert list(follower.lines(logs.status)) == ["w[0] | two", "w[1] | \ufffd"]


def test_of_a_flood_the_end_is_shown() -> None:
    """And how much is not."""
    lines = [f"line {number:06}" for number in range(10_000)]
    logs = Logs({0: b"first\n"})
    follower = LogFollower(logs.read)
    assert list(follower.lines(logs.status)) == ["w[0] | first"]
    logs.texts[0] += "\n".join(lines).encode() + b"\n"
    note, *shown = follower.lines(logs.status)
    assert note == f"w[0] | [… {120_000 - PIECE_BYTES:,} bytes are only in /logs/0 …]"
    assert shown[1:] == [f"w[0] | {line}" for line in lines[-len(shown) + 1 :]]
    assert len(shown) > PIECE_BYTES // 13


def test_a_new_attempt_begins_a_new_log() -> None:
    """Also one that is longer than what was shown of the last one."""
    logs = Logs({0: b"before\n"})
    follower = LogFollower(logs.read)
    assert list(follower.lines(logs.status)) == ["w[0] | before"]
    logs.texts[0], logs.paths[0] = b"after a restart\n", "/logs/attempt_1"
    assert list(follower.lines(logs.status)) == ["w[0] | after a restart"]


def test_a_node_that_does_not_answer_is_asked_again() -> None:
    """Nothing is lost by that."""
    logs = Logs({0: b"one\n"}, gone=True)
    follower = LogFollower(logs.read)
    assert list(follower.lines(logs.status)) == []
    logs.gone = False
    assert list(follower.lines(logs.status)) == ["w[0] | one"]


def test_last_words_are_read_from_the_file(tmp_path: Path) -> None:
    """What was printed after the last look, which the cluster that has gone cannot tell."""
    logs = Logs({0: b"one\nt", 1: b""}, {0: str(tmp_path / "w-0.log")})
    follower = LogFollower(logs.read)
    assert list(follower.lines(logs.status)) == ["w[0] | one"]
    (tmp_path / "w-0.log").write_bytes(b"one\ntwo\nbye")
    (tmp_path / "w-1.log").write_bytes(b"never asked\n")
    nodes = tuple(replace(node, log_dir=str(tmp_path)) for node in logs.status.nodes)
    last = replace(logs.status, nodes=nodes)
    assert list(follower.last_lines(last)) == ["w[0] | two", "w[0] | bye", "w[1] | never asked"]


def test_of_a_host_elsewhere_there_are_no_last_words(tmp_path: Path) -> None:
    """Its files are not here."""
    logs = Logs({0: b""})
    nodes = tuple(replace(node, log_dir=str(tmp_path / "elsewhere")) for node in logs.status.nodes)
    assert list(LogFollower(logs.read).last_lines(replace(logs.status, nodes=nodes))) == []
