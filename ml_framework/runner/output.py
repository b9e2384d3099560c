"""What a user's process prints: to its log file, to the console, and its last lines for the first cause.

None of the three may hold the process up or grow: the pipe is read as it fills, the log loses its beginning,
the console leaves lines out when there are too many. A flood costs its process no more than being read: what
the console leaves out is not even cut into lines.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from ml_framework.runner.lines import MAX_LINE_BYTES, Lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.runner.console import Console
    from ml_framework.runner.log_file import LogFile

LAST_LINES = 40
"""How many lines are kept for the first cause."""

_PIPE_BYTES = 1 << 20
"""What a process may print between two looks without waiting; as much as a pipe may be given by anybody."""
_PAUSE_S = 0.01
"""Between two looks: a process that prints line by line would else wake its agent for each of them."""


class Output:
    """Reads one process's output and tees it, line by line.

    Args:
        fd: the read end of the pipe that is the process's standard output and error; owned from now on.
        log: gets every byte; owned from now on.
        console: also gets every line, behind `prefix`.
        prefix: such as ``worker[1] | ``.

    Attributes:
        log: the same.
        ended: done when every writer of the pipe is gone, or `close` was called.
        follower: called with every line while it is not None.
    """

    def __init__(self, fd: int, log: LogFile, console: Console, prefix: str) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.follower: Callable[[bytes], None] | None = None
        self._fd = fd
        self.log = log
        self._console = console
        self._prefix = prefix.encode()
        self._lines = Lines()
        self._last: deque[bytes] = deque()
        self._last_bytes = 0
        self._pause: asyncio.TimerHandle | None = None
        os.set_blocking(fd, False)
        with suppress(OSError):  # one that stays as small as it is has the process wait more often
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._watch()

    @property
    def last_lines(self) -> str:
        """The last `LAST_LINES` lines, for the first cause."""
        cut = Lines()
        lines = [*cut.feed(b"".join(self._last)), *cut.flush()]
        return b"\n".join(lines[-LAST_LINES:]).decode(errors="replace")

    async def drain(self, timeout_s: float) -> None:
        """Read what is left, at most `timeout_s` seconds as a stray writer may hold the pipe open; close."""
        await asyncio.wait([self.ended], timeout=timeout_s)
        if not self.ended.done():
            self._take()  # what has come while this loop was too late to look
        self.close()

    def close(self) -> None:
        """Stop reading and close pipe and log file. Closing twice is allowed."""
        if self._fd < 0:
            return
        self._show(self._lines.flush())
        if self._pause is None:
            asyncio.get_running_loop().remove_reader(self._fd)
        else:
            self._pause.cancel()
        os.close(self._fd)
        self._fd = -1
        self.log.close()
        if not self.ended.done():
            self.ended.set_result(None)

    def _watch(self) -> None:
        self._pause = None
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def _read(self) -> None:
        self._take()
        if not self.ended.done():
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._fd)
            self._pause = loop.call_later(_PAUSE_S, self._watch)

    def _take(self) -> None:
        """Tee what lies in the pipe; close at its end."""
        try:
            data = os.read(self._fd, _PIPE_BYTES)
        except BlockingIOError:
            return
        if data:
            self._tee(data)
        else:
            self.close()

    def _tee(self, data: bytes) -> None:
        self._keep(data)
        if (problem := self.log.write(data)) is not None:
            self._console.put(self._prefix + f"[the log file ends here: {problem}]".encode())
        room = self._console.room if self.follower is None else len(data)
        self._show(self._lines.feed(data[:room]))
        if room < len(data):
            self._console.leave_out(self._lines.skip(data[room:]))

    def _keep(self, data: bytes) -> None:
        """Remember the end of the output, and forget what is no longer needed for it."""
        self._last.append(data)
        self._last_bytes += len(data)
        while self._last_bytes - len(self._last[0]) > LAST_LINES * MAX_LINE_BYTES:
            self._last_bytes -= len(self._last.popleft())

    def _show(self, lines: list[bytes]) -> None:
        for line in lines:
            self._console.put(self._prefix + line)
            if self.follower is not None:
                self.follower(line)
        self._console.flush()
