"""What a user's process prints: to its log file, to the console, and its last lines for the first cause.

None of the three may hold the process up or grow: the pipe is read as it fills, lines are cut at
`MAX_LINE_BYTES`, the console drops lines when nobody reads it, and says how many.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_LINE_BYTES = 4096 - 64
"""Longest line; a longer one is continued on the next. With its prefix it fits one atomic write to a pipe."""

LAST_LINES = 40
"""How many lines are kept for the first cause."""

_READ_BYTES = 64 * 1024
_CONSOLE_BACKLOG_BYTES = 256 * 1024


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

    def flush(self) -> list[bytes]:
        """The last line, when it did not end with a newline."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []

    def _pieces(self, line: bytes) -> list[bytes]:
        starts = range(0, max(len(line), 1), self._max_bytes)
        return [line[start : start + self._max_bytes] for start in starts]


class Console:
    """Writes to a descriptor that others share and somebody else reads, without ever waiting for the reader.

    The descriptor stays in blocking mode, since its open file may belong to others as well: a write happens
    only when `poll` says that there is room, and is no longer than a pipe takes in one piece.

    Args:
        fd: where to write; not owned.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._dropped = 0
        self._watched = False
        self._written = asyncio.Event()

    def write(self, text: str) -> None:
        """Write one line of our own at once, or when there is room."""
        self.put(text.encode(errors="replace"))
        self.flush()

    def put(self, line: bytes) -> None:
        """Take a line to be written by the next `flush`; dropped when too much is waiting already."""
        if self._backlog_bytes > _CONSOLE_BACKLOG_BYTES:
            self._dropped += 1
            return
        if self._dropped:
            self._append(f"[… {self._dropped} lines are only in the log file …]".encode())
            self._dropped = 0
        self._append(line)

    def flush(self) -> None:
        """Write what fits now and come back by itself for the rest."""
        while self._backlog and self._poll.poll(0):
            try:
                os.write(self._fd, self._next_chunk())
            except OSError:  # nobody will ever read it
                self._backlog.clear()
                self._backlog_bytes = 0
        self._watch(wanted=bool(self._backlog))
        self._written.set()

    async def drain(self, timeout_s: float) -> None:
        """Write what is left, at most `timeout_s` seconds; then give up the rest."""
        self.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._backlog:
                    self._written.clear()
                    await self._written.wait()
        self._watch(wanted=False)

    def _append(self, line: bytes) -> None:
        self._backlog.append(line + b"\n")
        self._backlog_bytes += len(line) + 1

    def _next_chunk(self) -> bytes:
        chunk = [self._backlog.popleft()]
        size = len(chunk[0])
        while self._backlog and size + len(self._backlog[0]) <= select.PIPE_BUF:
            chunk.append(self._backlog.popleft())
            size += len(chunk[-1])
        self._backlog_bytes -= size
        return b"".join(chunk)

    def _watch(self, *, wanted: bool) -> None:
        if wanted is not self._watched:
            loop = asyncio.get_running_loop()
            if wanted:
                loop.add_writer(self._fd, self.flush)
            else:
                loop.remove_writer(self._fd)
            self._watched = wanted


class Output:
    """Reads one process's output and tees it, line by line.

    Args:
        fd: the read end of the pipe that is the process's standard output and error; owned from now on.
        log_file: appended to; its folder exists.
        console: also gets every line, behind `prefix`.
        prefix: such as ``worker[1] | ``.

    Attributes:
        ended: done when every writer of the pipe is gone, or `close` was called.
        follower: called with every line while it is not None.
    """

    def __init__(self, fd: int, log_file: Path, console: Console, prefix: str) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.follower: Callable[[bytes], None] | None = None
        self._fd = fd
        self._log = log_file.open("ab", buffering=0)
        self._logging = True
        self._console = console
        self._prefix = prefix.encode()
        self._lines = Lines()
        self._last: deque[bytes] = deque(maxlen=LAST_LINES)
        os.set_blocking(fd, False)
        asyncio.get_running_loop().add_reader(fd, self._read)

    @property
    def last_lines(self) -> str:
        """The last `LAST_LINES` lines, for the first cause."""
        return b"\n".join(self._last).decode(errors="replace")

    async def drain(self, timeout_s: float) -> None:
        """Read what is left, at most `timeout_s` seconds as a stray writer may hold the pipe open; close."""
        await asyncio.wait([self.ended], timeout=timeout_s)
        self.close()

    def close(self) -> None:
        """Stop reading and close pipe and log file. Closing twice is allowed."""
        if self._fd < 0:
            return
        self._tee(self._lines.flush())
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1
        self._log.close()
        if not self.ended.done():
            self.ended.set_result(None)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._tee(self._lines.feed(data))
        else:
            self.close()

    def _tee(self, lines: list[bytes]) -> None:
        if not lines:
            return
        self._last.extend(lines[-LAST_LINES:])
        self._write_log(b"\n".join(lines) + b"\n")
        for line in lines:
            self._console.put(self._prefix + line)
            if self.follower is not None:
                self.follower(line)
        self._console.flush()

    def _write_log(self, data: bytes) -> None:
        if not self._logging:
            return
        try:
            self._log.write(data)
        except OSError as error:  # a full disk: the process goes on, only its log does not
            self._logging = False
            self._console.put(self._prefix + f"[the log file ends here: {error}]".encode())


__all__ = ["LAST_LINES", "MAX_LINE_BYTES", "Console", "Lines", "Output"]
