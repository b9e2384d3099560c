"""What the users' processes print, line by line, as far as a person can read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_framework.errors import LogUnavailable, MasterUnreachable
from ml_framework.runner.log_file import log_name
from ml_operator.followed import Followed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_framework.rpc.wire import ClusterStatus
    from ml_framework.spec import NodeId
    from ml_operator.followed import Read

PIECE_BYTES = 8 * 1024
"""Of one node at one look; of more the end is shown."""
NODES = 16
"""Whose logs are shown; those of others are in their files."""


@dataclass
class _Shown:
    """What was shown of a node's log: `rest` is a line that has not ended yet."""

    log: Followed
    rest: bytes = b""


class LogFollower:
    """Shows new lines of all logs, each behind its node. For one thread.

    Args:
        read: asks the cluster for a piece.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._shown: dict[NodeId, _Shown] = {}

    def lines(self, status: ClusterStatus) -> Iterator[str]:
        """What is new since the last look."""
        for node in status.nodes[:NODES]:
            shown = self._of(node.node)
            if node.measured.get("log_bytes", 0.0) != shown.log.offset:
                try:
                    yield from _new(shown)
                except (LogUnavailable, MasterUnreachable):
                    continue  # it has just ended, or has not begun: the next look will tell

    def last_lines(self, status: ClusterStatus) -> Iterator[str]:
        """What was printed after the last look, when nobody can be asked: from the files on this host."""
        for node in status.nodes[:NODES]:
            path = Path(node.log_dir) / log_name(node.node)
            if node.log_dir and path.is_file() and not path.with_name(f"{path.name}.1").exists():
                shown = self._of(node.node)
                with path.open("rb") as log:
                    log.seek(shown.log.offset if shown.log.path == str(path) else 0)
                    yield from _complete(shown, log.read(PIECE_BYTES) + b"\n")

    def _of(self, node: NodeId) -> _Shown:
        return self._shown.setdefault(node, _Shown(Followed(node, self._read)))


def _new(shown: _Shown) -> Iterator[str]:
    path = shown.log.path
    piece, left_out = shown.log.latest(PIECE_BYTES)
    if piece.path != path or left_out:
        shown.rest = b""
    if left_out:
        yield f"{shown.log.node} | [… {left_out:,} bytes are only in {piece.path} …]"
    yield from _complete(shown, piece.text)


def _complete(shown: _Shown, text: bytes) -> Iterator[str]:
    *lines, shown.rest = (shown.rest + text).split(b"\n")
    for line in lines:
        if line:
            yield f"{shown.log.node} | {line.decode(errors='replace')}"
