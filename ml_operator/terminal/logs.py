"""What the users' processes print, line by line, as far as a person can read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_framework.errors import LogUnavailable, MasterUnreachable
from ml_framework.runner.log_file import log_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml_framework.rpc.wire import ClusterStatus, LogPiece, NodeStatus
    from ml_framework.spec import NodeId

    Read = Callable[[NodeId, int, int], LogPiece]
    """The piece of a node's log at an offset, of at most so many bytes."""

PIECE_BYTES = 8 * 1024
"""Of one node at one look; of more the end is shown."""
NODES = 16
"""Whose logs are shown; those of others are in their files."""


@dataclass
class _Place:
    """How far a node's log has been shown."""

    path: str = ""
    offset: int = 0
    rest: bytes = b""


class LogFollower:
    """Shows new lines of all logs, each behind its node. For one thread.

    Args:
        read: asks the cluster for a piece.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._places: dict[NodeId, _Place] = {}

    def lines(self, status: ClusterStatus) -> Iterator[str]:
        """What is new since the last look."""
        for node in status.nodes[:NODES]:
            place = self._places.setdefault(node.node, _Place())
            if node.measured.get("log_bytes", 0.0) != place.offset:
                try:
                    yield from self._follow(node, place)
                except (LogUnavailable, MasterUnreachable):
                    continue  # it has just ended, or has not begun: the next look will tell

    def last_lines(self, status: ClusterStatus) -> Iterator[str]:
        """What was printed after the last look, when nobody can be asked: from the files on this host."""
        for node in status.nodes[:NODES]:
            path = Path(node.log_dir) / log_name(node.node)
            if node.log_dir and path.is_file() and not path.with_name(f"{path.name}.1").exists():
                place = self._places.get(node.node, _Place())
                with path.open("rb") as log:
                    log.seek(place.offset if place.path == str(path) else 0)
                    yield from _complete(node.node, place, log.read(PIECE_BYTES) + b"\n")

    def _follow(self, node: NodeStatus, place: _Place) -> Iterator[str]:
        piece = self._read(node.node, place.offset, PIECE_BYTES)
        if piece.path != place.path:
            place.path, place.offset, place.rest = piece.path, 0, b""
            piece = self._read(node.node, 0, PIECE_BYTES)
        if piece.size - piece.offset > PIECE_BYTES:
            piece = self._read(node.node, -PIECE_BYTES, PIECE_BYTES)
            place.rest = b""
            yield f"{node.node} | [… {piece.offset - place.offset:,} bytes are only in {piece.path} …]"
        place.offset = piece.offset + len(piece.text)
        yield from _complete(node.node, place, piece.text)


def _complete(node: NodeId, place: _Place, text: bytes) -> Iterator[str]:
    *lines, place.rest = (place.rest + text).split(b"\n")
    for line in lines:
        if line:
            yield f"{node} | {line.decode(errors='replace')}"
