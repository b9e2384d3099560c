"""The log of a node as it grows, from one attempt into the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.rpc.wire import LogPiece
    from ml_framework.spec import NodeId

Read: TypeAlias = "Callable[[NodeId, int, int], LogPiece]"
"""Asks the cluster, as `MasterConnection.log` does."""


@dataclass
class Followed:
    """How far a node's log has been read.

    Args:
        node: whose log it is.
        read: asks for a piece.
        path: of the log; empty before its first piece.
        offset: behind what was read, in bytes.
    """

    node: NodeId
    read: Read
    path: str = ""
    offset: int = 0

    def next(self, limit: int) -> LogPiece:
        """The next `limit` bytes at most: behind what was read, or the beginning of another attempt's log.

        Raises:
            LogUnavailable: there is none now; a later call goes on.
            MasterUnreachable: nobody can be asked.
        """
        return self._taken(self._piece(limit))

    def latest(self, limit: int) -> tuple[LogPiece, int]:
        """As `next`, but of more than `limit` bytes the last; and how many were left out before it."""
        piece = self._piece(limit)
        begin = piece.offset
        if piece.size - begin > limit:
            piece = self.read(self.node, -limit, limit)
        return self._taken(piece), piece.offset - begin

    def _piece(self, limit: int) -> LogPiece:
        piece = self.read(self.node, self.offset, limit)
        if piece.path != self.path and piece.offset:
            return self.read(self.node, 0, limit)
        return piece

    def _taken(self, piece: LogPiece) -> LogPiece:
        self.path, self.offset = piece.path, piece.offset + len(piece.text)
        return piece
