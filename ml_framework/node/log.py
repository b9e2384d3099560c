"""Pieces of what a node's process has printed, as they are told to the AM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_framework.rpc.wire import LogPiece

if TYPE_CHECKING:
    from ml_framework.runner.log_file import LogFile

MAX_PIECE_BYTES = 256 * 1024
"""Longest piece, however long a one is asked for."""

NO_LOG = LogPiece(b"", 0, 0, "")
"""What is told where no process has been started yet, or its log has been removed."""


def read_piece(log: LogFile | None, offset: int, limit: int) -> LogPiece:
    """A piece of `log`, no longer than `limit` and `MAX_PIECE_BYTES`; `NO_LOG` where there is none."""
    if log is None:
        return NO_LOG
    try:
        text, begin = log.read(offset, min(limit, MAX_PIECE_BYTES))
    except OSError:
        return NO_LOG
    return LogPiece(text, begin, log.size, str(log.path))
