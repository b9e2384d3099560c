"""Pieces of what a node's process has printed, read back from its log file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ml_framework.rpc.wire import LogPiece

if TYPE_CHECKING:
    from pathlib import Path

MAX_PIECE_BYTES = 256 * 1024
"""Longest piece, however long a one is asked for."""

NO_LOG = LogPiece(b"", 0, 0, "")
"""What is told where no process has been started yet, or its log has been removed."""


def read_piece(path: Path | None, offset: int, limit: int) -> LogPiece:
    """Read from the log at `path`, while somebody else appends to it.

    Args:
        path: of the log's file, None without one.
        offset: of the piece, in bytes; negative: as many before the end. Where the log is shorter than
            `offset`, it has been cut since, and the piece begins where it does.
        limit: bytes of the piece, at most; never more than `MAX_PIECE_BYTES`.

    Returns:
        the piece, `NO_LOG` where there is nothing to read.
    """
    if path is None:
        return NO_LOG
    try:
        with path.open("rb") as log:
            size = os.fstat(log.fileno()).st_size
            begin = _begin(offset, size)
            log.seek(begin)
            text = log.read(min(limit, MAX_PIECE_BYTES))
    except OSError:
        return NO_LOG
    return LogPiece(text, begin, max(size, begin + len(text)), str(path))


def _begin(offset: int, size: int) -> int:
    if offset < 0:
        return max(0, size + offset)
    return offset if offset <= size else 0
