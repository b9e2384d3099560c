"""One user's process: its start in a session of its own, its end, and the end of all that it started."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml_framework.runner import stacks
from ml_framework.runner.output import Output

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from datetime import timedelta

    from ml_framework.runner.console import Console
    from ml_framework.runner.log_file import LogFile

_STACKS_S = 2.0
"""How long a process may take to print its stacks: they are written at once or not at all."""

_LAST_OUTPUT_S = 1.0
"""How long the output may go on after the process's end: only who left the group can still write."""


@dataclass(frozen=True)
class ProcessEnd:
    """How a process ended.

    Args:
        returncode: the exit code, or minus the number of the signal.
        time_s: seconds since the epoch.
        last_lines: the end of its output.
    """

    returncode: int
    time_s: float
    last_lines: str

    @property
    def summary(self) -> str:
        """One line: ``exit code 3`` or ``killed by SIGSEGV (segmentation fault)``."""
        if self.returncode < 0:
            return _signal_text(-self.returncode)
        by_shell = _signal_name(self.returncode - 128)  # how a shell, and our bootstrap, tell of a signal
        return f"exit code {self.returncode}" + (f" ({by_shell})" if by_shell else "")


class UserProcess:
    """A started process that leads its own session and process group.

    Whatever is left of the group when the process itself has ended is killed.

    Attributes:
        pid: its process id, also the id of its group.
        log: what it has printed.
        ended: done, with the `ProcessEnd`, once process, group and output have ended.
    """

    def __init__(self, process: subprocess.Popen[bytes], output: Output) -> None:
        self.pid = process.pid
        self.log = output.log
        self._process = process
        self._output = output
        self._pidfd = os.pidfd_open(process.pid)
        self._deadline: asyncio.TimerHandle | None = None
        self._exited = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pidfd, self._exited.set)
        self.ended: asyncio.Task[ProcessEnd] = asyncio.create_task(self._end())

    @classmethod
    def start(
        cls,
        start: Callable[[int], subprocess.Popen[bytes]],
        *,
        log: LogFile,
        console: Console,
        prefix: str,
    ) -> UserProcess:
        """Start a process and supervise it.

        Args:
            start: starts it, as the leader of a session, its standard output and error going to the
                descriptor that `start` gets.
            log: where the output goes; owned from now on.
            console: where it goes besides, each line behind `prefix`.
            prefix: the same.

        Raises:
            OSError: the program cannot be started.
        """
        read_end, write_end = os.pipe()
        output = Output(read_end, log, console, prefix)
        try:
            process = start(write_end)
        except OSError:
            output.close()
            raise
        finally:
            os.close(write_end)
        return cls(process, output)

    @property
    def state(self) -> str:
        """What the process does, in the kernel's words, such as ``S (sleeping)``."""
        try:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return "X (dead)"
        return status.partition("State:\t")[2].partition("\n")[0]

    async def stacks(self) -> list[str]:
        """Have the process print the stacks of all its threads.

        Returns:
            The frames of its main thread, the innermost first; none when it is stopped, or does something
            else on that signal.
        """
        if self._exited.is_set():
            return []
        dump = stacks.StackDump()
        self._output.follower = dump.feed
        try:
            os.kill(self.pid, stacks.SIGNAL)
            async with asyncio.timeout(_STACKS_S):
                await dump.complete.wait()
        except TimeoutError:
            pass  # what has come so far has to do
        finally:
            self._output.follower = None
        return dump.frames

    def stop(self, grace: timedelta) -> None:
        """SIGTERM to the group now, SIGKILL after `grace`; a further call can only shorten the grace."""
        if self._exited.is_set():
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace.total_seconds()
        if self._deadline is None:
            self._signal(signal.SIGTERM)
        elif self._deadline.when() <= deadline:
            return
        else:
            self._deadline.cancel()
        self._deadline = loop.call_at(deadline, self.kill)

    def kill(self) -> None:
        """SIGKILL to the group now, unless the process has ended."""
        if not self._exited.is_set():
            self._signal(signal.SIGKILL)

    async def _end(self) -> ProcessEnd:
        await self._exited.wait()
        time_s = time.time()
        if self._deadline is not None:
            self._deadline.cancel()
        # Before it is reaped: until then the id of process and group cannot be anybody else's.
        self._signal(signal.SIGKILL)
        returncode = self._process.wait()
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        await self._output.drain(_LAST_OUTPUT_S)
        return ProcessEnd(returncode, time_s, self._output.last_lines)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def _signal_text(number: int) -> str:
    name = _signal_name(number)
    if name is None:
        return f"killed by signal {number}"
    if number == signal.SIGKILL:
        return f"killed by {name}"
    return f"killed by {name} ({(signal.strsignal(number) or 'no description').lower()})"


def _signal_name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None
