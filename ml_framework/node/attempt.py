"""One attempt at running a node's process: what is opened, written and started for it, and its end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import socket
import sys
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_framework.byte_queue import Level
from ml_framework.context import counters as pages
from ml_framework.context.launch import Descriptors
from ml_framework.node.control import Control
from ml_framework.node.environment import environment
from ml_framework.node.hang import no_progress, overdue
from ml_framework.node.measure import Measuring
from ml_framework.node.memory import MemoryWatch, own_group
from ml_framework.node.outcome import outcome_of
from ml_framework.node.usage import Usage
from ml_framework.rpc.wire import Failure
from ml_framework.runner.base import Attempt
from ml_framework.runner.error_file import ERROR_FILE, ErrorFile
from ml_framework.runner.log_file import LogFile
from ml_framework.runner.process import UserProcess
from ml_framework.runner.standby import FIRST_DESCRIPTOR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta
    from pathlib import Path

    from ml_framework.node.assignment import Assignment
    from ml_framework.node.standby import Processes
    from ml_framework.rpc.wire import Outcome
    from ml_framework.runner.console import Console
    from ml_framework.spec import ClusterSpec


class Queues:
    """The descriptors of a node's queue files, which have no name any more; kept over all its attempts.

    Attributes:
        levels: of those that carry rows, by ``in`` and ``out``.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._bell = assignment.bell
        self._files = {
            name: _open_unlinked(path)
            for name, path in (("input", assignment.input_queue), ("output", assignment.output_queue))
            if path is not None
        }
        program = assignment.program
        carry_rows = {"in": ("input", program.input_layout), "out": ("output", program.output_layout)}
        self.levels = {
            way: Level(self._files[name])
            for way, (name, layout) in carry_rows.items()
            if layout is not None and name in self._files
        }

    def connect(self, stack: ExitStack) -> dict[str, int]:
        """The queues' part of `Descriptors`, with a fresh doorbell connection that `stack` closes."""
        if self._bell is None:
            return {}
        bell = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        _connect(bell, self._bell)
        return {**self._files, "bell": bell.fileno()}

    def close(self) -> None:
        """Let go of the queues."""
        while self.levels:
            self.levels.popitem()[1].close()
        while self._files:
            os.close(self._files.popitem()[1])


@dataclass(frozen=True)
class Listeners:
    """Who is told what a process says on its control socket."""

    numbers: Callable[[Mapping[str, float]], None]
    nonsense: Callable[[str], None]


class RunningAttempt:
    """A started process with its control socket and its counters. Made by `start_attempt`.

    Args:
        attempt: what was started.
        environment: of the process.
        process: the process.
        control: the agent's end of its control socket; owned from now on.
        listeners: told of what the process says.
        counters: of the process.
        measuring: of the process.
        step: longest time for one step; a process whose step takes longer is ended and has failed.
        memory: of the group that the process runs in, watched since before it was started.

    Attributes:
        attempt: what was started.
        environment: of the process.
        measuring: of the process.
        pid: of the process.
        log: what it has printed.
    """

    def __init__(
        self,
        attempt: Attempt,
        environment: Mapping[str, str],
        process: UserProcess,
        control: socket.socket,
        listeners: Listeners,
        *,
        counters: pages.Counters,
        measuring: Measuring,
        step: timedelta,
        memory: MemoryWatch,
    ) -> None:
        self.attempt = attempt
        self.environment = environment
        self.measuring = measuring
        self.pid = process.pid
        self.log = process.log
        self._process = process
        self._control = Control(control, listeners.numbers, listeners.nonsense)
        self._memory = memory
        self._stopping = False
        self._watch = asyncio.create_task(self._end_when_hung(counters, step))

    def stop(self, grace: timedelta) -> None:
        """Ask the process to end, and end it after `grace`; a further call can only shorten the grace."""
        self._stopping = True
        self._watch.cancel()
        if not self._process.ended.done():  # else nobody is there to be asked
            self._control.ask_to_stop()
        self._process.stop(grace)

    def tell_aborted(self, checkpoint: int) -> None:
        """Tell the process that Flink has given up the checkpoint with the id `checkpoint`."""
        if not self._process.ended.done():
            self._control.tell_aborted(checkpoint)

    async def kill(self) -> None:
        """End the process group without further ado."""
        self._process.kill()
        await self._process.ended

    async def end(self) -> tuple[Outcome, Failure | None]:
        """The outcome, once the process has ended; nothing is left of the attempt but its log."""
        end = await asyncio.shield(self._process.ended)
        self._watch.cancel()
        await asyncio.wait([self._watch])
        hung = None if self._watch.cancelled() else self._watch.result()
        self._control.close()
        error = ErrorFile.read(self.attempt.directory / ERROR_FILE)
        shutil.rmtree(self.attempt.directory)
        runner = self.attempt.program.runner
        return outcome_of(end, error, runner, stopping=self._stopping, hung=hung, memory=self._memory)

    async def _end_when_hung(self, counters: pages.Counters, step: timedelta) -> Failure:
        await overdue(counters, step)
        time_s = time.time()
        frames = await self._process.stacks()
        failure = no_progress(step, frames, self._process.state, self.attempt.log_file, time_s)
        self._process.kill()
        return failure


def start_attempt(
    assignment: Assignment,
    number: int,
    cluster: ClusterSpec,
    *,
    listening: socket.socket | None,
    queues: Queues,
    processes: Processes,
    console: Console,
    listeners: Listeners,
) -> RunningAttempt:
    """Prepare attempt `number` and start its process; nothing is left when that fails.

    Args:
        assignment: of the node.
        number: 0-based.
        cluster: where everybody listens.
        listening: the socket behind this node's address; handed over, closed here. None where the process
            binds that itself.
        queues: of the node.
        processes: starts them.
        console: where the process's output goes, besides its log file.
        listeners: told of what the process says.

    Raises:
        OSError: a directory, socket or process could not be made.
        Exception: whatever the runner raised.
    """
    with ExitStack() as ours, ExitStack() as theirs:
        if listening is not None:
            theirs.enter_context(listening)
        directory = assignment.directory / f"attempt_{number}"
        directory.mkdir(mode=0o700)
        ours.callback(shutil.rmtree, directory)
        log_dir = assignment.log_dir / directory.name
        log_dir.mkdir(parents=True, exist_ok=True)
        control, process_end = socket.socketpair()
        ours.enter_context(control)
        theirs.enter_context(process_end)
        page = pages.create()
        theirs.callback(os.close, page)
        opened = {
            "listen": None if listening is None else listening.fileno(),
            **queues.connect(theirs),
            "counters": page,
        }
        attempt = Attempt(
            node=assignment.node,
            number=number,
            parallelism=assignment.parallelism,
            cluster=cluster,
            program=assignment.program,
            job_name=assignment.job_name,
            job_id=assignment.job_id,
            host=assignment.host,
            directory=directory,
            log_dir=log_dir,
            descriptors=Descriptors(
                _numbered(process_end.fileno(), theirs),
                **{name: None if fd is None else _numbered(fd, theirs) for name, fd in opened.items()},
            ),
            python=assignment.program.python or sys.executable,
            restored=assignment.restored,
            gpus=assignment.gpus,
        )
        runner = assignment.program.runner
        command = runner.prepare(attempt)
        variables = environment(assignment, command)
        memory = MemoryWatch(own_group())
        process = UserProcess.start(
            lambda output: processes.start(
                command.argv, variables, attempt.descriptors.all(), output, runner.late_variables
            ),
            log=LogFile(attempt.log_file, assignment.log_bytes),
            console=console,
            prefix=f"{assignment.node} | ",
        )
        counters = pages.Counters(page)
        restarts = number - assignment.execution_attempt
        running = RunningAttempt(
            attempt,
            variables,
            process,
            control,
            listeners,
            counters=counters,
            measuring=Measuring(
                counters, Usage(process.pid), queues.levels, attempt=number, restarts=restarts
            ),
            step=assignment.timeouts.step,
            memory=memory,
        )
        ours.pop_all()
    return running


def not_started(error: Exception) -> Failure:
    """The failure of an attempt whose start raised `error`."""
    summary = f"the process could not be started: {type(error).__name__}: {error}"
    return Failure(summary, "".join(traceback.format_exception(error)), time.time())


def _numbered(descriptor: int, stack: ExitStack) -> int:
    """A duplicate whose number is free in whatever process inherits it; `stack` closes it."""
    number = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR)
    stack.callback(os.close, number)
    return number


def _open_unlinked(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    path.unlink()
    return fd


def _connect(bell: socket.socket, path: Path) -> None:
    """Connect to the socket at `path`, be it longer than a socket's address: by its folder's descriptor."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        bell.connect(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
