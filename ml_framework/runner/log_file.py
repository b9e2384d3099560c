"""The log of one attempt: the last bytes that its process has printed, in a few files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ml_framework.spec import NodeId

PARTS = 4
"""Files of a log at most: ``worker-0.log``, and before that ``worker-0.log.1``, ``worker-0.log.2``, …"""


def log_name(node: NodeId) -> str:
    """Of the file in an attempt's folder for logs."""
    return f"{node.role}-{node.index}.log"


class LogFile:
    """Appends to a file; when that is full it gets a number, and the oldest of those files goes.

    Positions count the bytes that were ever written. For one thread.

    Args:
        path: of the file that is written; its folder exists.
        limit: bytes of all files together.

    Attributes:
        path: the same.
        size: bytes written so far.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._part_bytes = limit // PARTS
        self._starts = [0]
        """Where each file begins, the one that is written last."""
        self._file = path.open("ab", buffering=0)
        self.size = self._file.tell()
        self._broken = False

    def write(self, data: bytes) -> OSError | None:
        """Append `data`; what goes wrong, such as a full disk, is told once and ends the log."""
        if self._broken:
            return None
        rest = memoryview(data)
        try:
            while rest:
                room = self._part_bytes - (self.size - self._starts[-1])
                if room <= 0:
                    self._begin_part()
                    continue
                written = self._file.write(rest[:room]) or 0
                self.size += written
                rest = rest[written:]
        except OSError as error:
            self._broken = True
            return error
        return None

    def read(self, offset: int, limit: int) -> tuple[bytes, int]:
        """A piece of what was written.

        Args:
            offset: where to begin; negative: as many bytes before the end. Beyond the end it is a place in
                another log, and the piece begins where this one does.
            limit: bytes at most; what comes may be shorter at the end of a file.

        Returns:
            The piece, and where it begins: later than at `offset` where that is no longer there.

        Raises:
            OSError: it cannot be read, such as a file that somebody has removed.
        """
        wanted = self.size + offset if offset < 0 else offset
        begin = max(wanted if wanted <= self.size else 0, self._starts[0])
        number = max((n for n, start in enumerate(self._starts) if start <= begin), default=0)
        with self._part(len(self._starts) - 1 - number).open("rb") as part:
            part.seek(begin - self._starts[number])
            return part.read(limit), begin

    def close(self) -> None:
        """Close the file; what was written can still be read."""
        self._file.close()

    def _begin_part(self) -> None:
        self._file.close()
        kept = self._starts[-(PARTS - 1) :]
        for number in range(len(kept), 0, -1):  # the oldest is overwritten
            self._part(number - 1).replace(self._part(number))
        self._starts = [*kept, self.size]
        self._file = self.path.open("ab", buffering=0)

    def _part(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path
