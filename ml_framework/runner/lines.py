"""Lines out of a stream of bytes."""

from __future__ import annotations

MAX_LINE_BYTES = 4096 - 64
"""Longest line; a longer one is continued on the next. With its prefix it fits one atomic write to a pipe."""


class Lines:
    """Cuts a stream of bytes into lines of at most `max_bytes`, the newline not counted."""

    def __init__(self, max_bytes: int = MAX_LINE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completed, without their newlines."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if any(len(line) > self._max_bytes for line in lines):
            lines = [piece for line in lines for piece in self._pieces(line)]
        while len(self._rest) > self._max_bytes:
            lines.append(self._rest[: self._max_bytes])
            self._rest = self._rest[self._max_bytes :]
        return lines

    def skip(self, data: bytes) -> int:
        """How many lines `data` completed; of one that has not ended, the end is kept."""
        complete = data.count(b"\n")
        rest = data[data.rindex(b"\n") + 1 :] if complete else self._rest + data
        self._rest = rest[-self._max_bytes :]
        return complete

    def flush(self) -> list[bytes]:
        """The last line, when it did not end with a newline."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    def _pieces(self, line: bytes) -> list[bytes]:
        starts = range(0, max(len(line), 1), self._max_bytes)
        return [line[start : start + self._max_bytes] for start in starts]
