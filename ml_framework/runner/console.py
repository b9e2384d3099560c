"""Where the output of a node's process is shown: a descriptor that others share, such as its agent's log."""

from __future__ import annotations

import asyncio
import os
import select
from collections import deque
from contextlib import suppress

BURST_BYTES = 256 * 1024
"""What a process that has been quiet may print at once."""
BYTES_PER_S = 32 * 1024
"""What a process may print for long: some hundred lines a second."""

_BACKLOG_BYTES = 256 * 1024


class Console:
    """Writes to a descriptor that others share and somebody else reads, without ever waiting for the reader.

    Lines that a process prints too fast, or that nobody reads, are left out, and it is said how many.

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
        self._allowance = float(BURST_BYTES)
        self._refilled_s = asyncio.get_running_loop().time()
        self._dropped = 0
        self._watched = False
        self._written = asyncio.Event()

    @property
    def room(self) -> int:
        """How many bytes of lines would be written if they came now; the others would be left out."""
        now_s = asyncio.get_running_loop().time()
        refill = (now_s - self._refilled_s) * BYTES_PER_S
        self._allowance, self._refilled_s = min(self._allowance + refill, BURST_BYTES), now_s
        return int(max(self._allowance, 0)) if self._backlog_bytes <= _BACKLOG_BYTES else 0

    def write(self, text: str) -> None:
        """Write one line of our own at once, or when there is room."""
        self._tell_dropped()
        self._append(text.encode(errors="replace"))
        self.flush()

    def put(self, line: bytes) -> None:
        """Take a line to be written by the next `flush`; left out when there have been too many."""
        if self._allowance <= 0 or self._backlog_bytes > _BACKLOG_BYTES:
            self.leave_out(1)
            return
        self._tell_dropped()
        self._append(line)
        self._allowance -= len(line)

    def leave_out(self, lines: int) -> None:
        """Count lines that shall not be written."""
        self._dropped += lines

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
        self._tell_dropped()
        self.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self._backlog:
                    self._written.clear()
                    await self._written.wait()
        self._watch(wanted=False)

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._append(f"[… {self._dropped} lines are only in the log file …]".encode())
            self._dropped = 0

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
