"""The agent: supervises one node's process, between the parent that made the node and the AM that leads it.

Where there is no AM, `OwnMaster` says what one would say that leads this node alone.

Everything that happens is posted to one inbox and handled in its order, on one asyncio loop: there is no
lock. The life of a node::

    registered ──Start──> running ──process ends──> reported ──Finish──> succeeded or stopped
        ^                    │                          │
        └───────Restart──────┴──────────────────────────┘        Abort, Refuse, lost AM ──> failed

What has to wait for the process to end (a restart, a report, leaving) is kept in `_then`, and done at once
where no process runs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from ml_framework.node.address import Address
from ml_framework.node.alone import OwnMaster
from ml_framework.node.attempt import Listeners, Queues, RunningAttempt, not_started, start_attempt
from ml_framework.node.directory import NodeDirectory
from ml_framework.node.heartbeats import Heartbeats
from ml_framework.node.link import ConversationEnded, MasterLink, NeverReached
from ml_framework.node.log import read_piece
from ml_framework.node.parent import Alone, CheckpointAborted, MasterAt, ParentGone, StopAsked
from ml_framework.rpc import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from ml_framework.node.assignment import Assignment
    from ml_framework.node.parent import Parent
    from ml_framework.node.standby import Processes
    from ml_framework.runner.console import Console
    from ml_framework.runner.log_file import LogFile
    from ml_framework.spec import ClusterSpec, Token

_ORPHAN_GRACE = timedelta(seconds=1)
"""The grace of a process whose node nobody waits for any more."""

_LAST_WORD_S = 2.0
"""How long a node that its parent stops waits for the AM to take note."""


@dataclass(frozen=True)
class Terminated:
    """This process was sent SIGTERM, which is no wish of the parent's: that has other means."""


@dataclass(frozen=True)
class ProcessEnded:
    """The user's process has ended; the attempt is cleaned up."""

    outcome: wire.Outcome
    failure: wire.Failure | None


@dataclass(frozen=True)
class MasterGone:
    """The conversation with the AM ended, and `Timeouts.settle` later nobody has told us why."""

    reason: str


@dataclass(frozen=True)
class Farewell:
    """The last word to the parent."""

    event: str
    cause: str | None = None

    @property
    def details(self) -> dict[str, str]:
        """What goes with the event."""
        return {} if self.cause is None else {"cause": self.cause}


class Agent:
    """Supervises the node of one `Assignment`.

    Args:
        assignment: what to run.
        parent: who is told of starts and of the end, and may ask to stop.
        console: where output goes.
        processes: starts the user's processes.
    """

    def __init__(
        self, assignment: Assignment, parent: Parent, console: Console, processes: Processes
    ) -> None:
        self._assignment = assignment
        self._node = assignment.node
        self._parent = parent
        self._console = console
        self._processes = processes
        self._directory = NodeDirectory(assignment.directory)
        self._inbox: asyncio.Queue[object] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._token = assignment.token
        self._link: MasterLink | OwnMaster | None = None
        self._address = Address(assignment.host, kept=assignment.program.runner.binds_address)
        self._queues: Queues | None = None
        self._running: RunningAttempt | None = None
        self._log: LogFile | None = None
        self._outcome: wire.Outcome | None = None
        self._then: Callable[[], None] | None = None
        self._farewell: Farewell | None = None
        self._parting: Farewell | None = None
        self._leaving = False
        self._beats = Heartbeats(assignment.timeouts.heartbeat_interval, self._measured, self._tell)

    def post(self, event: object) -> None:
        """Have `event` handled after all that happened before it."""
        self._inbox.put_nowait(event)

    async def run(self) -> Farewell:
        """Supervise until the end; afterwards no process and no file of the node is left, but the logs.

        Returns:
            what the parent is to be told.
        """
        try:
            self._remove_abandoned()
            self._queues = Queues(self._assignment)
            self._go(self._listen_to_parent())
            while self._farewell is None:
                self._handle(await self._inbox.get())
            return self._farewell
        finally:
            await self._clean_up()

    def _handle(self, event: object) -> None:  # noqa: C901 - one case for each kind
        match event:
            case ParentGone():
                self._leave(Farewell("stopped"), min(_ORPHAN_GRACE, self._grace))
            case StopAsked():
                self._leave(Farewell("stopped"))
            case Terminated():
                self._fail("its agent was sent SIGTERM")
            case ProcessEnded(outcome, failure):
                self._on_process_end(outcome, failure)
            case CheckpointAborted(checkpoint):
                if self._running is not None:  # a process that starts later never hears of that checkpoint
                    self._running.tell_aborted(checkpoint)
            case BaseException():
                raise event
            case MasterAt(address, token):
                connect = self._assignment.timeouts.connect
                self._attend(MasterLink(address, token, connect=connect, post=self.post))
            case Alone():
                self._attend(OwnMaster(self._assignment.parallelism, self.post))
            case wire.ReadLog(request, offset, limit):
                self._send(wire.LogRead, request=request, piece=read_piece(self._log, offset, limit))
            case wire.Finish() | ConversationEnded() if self._parting is not None:
                self._farewell = self._parting
            case _ if not self._leaving:  # what the AM has to say comes too late then
                self._handle_master(event)

    def _handle_master(self, event: object) -> None:
        match event:
            case wire.Start(cluster):
                self._start(cluster)
            case wire.StopNode():
                self._stop()
            case wire.Restart(token):
                self._restart(token)
            case wire.Abort(cause):
                self._leave(Farewell("failed", cause))
            case wire.Finish():
                self._leave(Farewell("succeeded" if self._outcome is wire.Outcome.SUCCEEDED else "stopped"))
            case wire.Refuse(reason):
                self._fail(f"refused by the application master: {reason}")
            case NeverReached(reason):
                self._leave(Farewell("failed", f"{self._node}: {reason}"))
            case ConversationEnded(reason):
                settle_s = self._assignment.timeouts.settle.total_seconds()
                asyncio.get_running_loop().call_later(settle_s, self.post, MasterGone(reason))
            case MasterGone(reason):
                self._fail(reason)

    @property
    def _grace(self) -> timedelta:
        return self._assignment.timeouts.stop_grace

    # What the AM wants

    def _attend(self, link: MasterLink | OwnMaster) -> None:
        self._link = link
        self._go(link.run())
        self._register(self._token)
        self._go(self._beats.run())

    def _register(self, token: Token) -> None:
        self._token, self._outcome = token, None
        self._beats.forget()
        try:
            address = self._address.bind()
        except OSError as error:
            self._fail(self._assignment.host.cannot_listen(error))
            return
        self._send(wire.Registered, address=address)

    def _start(self, cluster: ClusterSpec) -> None:
        assert self._queues is not None
        if not self._address.ready:
            self._fail("told to start when it was not registered")
            return
        try:
            self._running = start_attempt(
                self._assignment,
                self._token.attempt,
                cluster,
                listening=self._address.take(),
                queues=self._queues,
                processes=self._processes,
                console=self._console,
                listeners=Listeners(
                    numbers=self._take_numbers,
                    nonsense=lambda text: self._console.write(f"{self._node} | {text}"),
                ),
            )
        except Exception as error:  # noqa: BLE001 - the runner is user code: this attempt's failure
            self._report(wire.Outcome.FAILED, not_started(error))
            return
        self._go(self._wait_for_end(self._running))
        pid, attempt = self._running.pid, self._running.attempt
        self._log = self._running.log
        self._send(wire.Started, pid=pid, log_dir=str(attempt.log_dir))
        self._parent.tell("started", attempt=attempt.number, pid=pid)

    def _restart(self, token: Token) -> None:
        if self._assignment.restored:  # what came through the queue has been read
            self._fail("its state came out of a checkpoint, which only a restart by Flink restores")
        else:
            self._when_ended(partial(self._register, token))

    def _stop(self) -> None:
        if self._outcome is None:
            self._when_ended(partial(self._report, wire.Outcome.STOPPED))

    # The end of a process, and what had to wait for it

    def _when_ended(self, then: Callable[[], None], grace: timedelta | None = None) -> None:
        """Stop the process if one runs, and do `then` once none does."""
        self._then = then
        if self._running is None:
            self._proceed()
        else:
            self._running.stop(self._grace if grace is None else grace)

    async def _wait_for_end(self, running: RunningAttempt) -> None:
        self.post(ProcessEnded(*await running.end()))

    def _on_process_end(self, outcome: wire.Outcome, failure: wire.Failure | None) -> None:
        if self._running is not None:
            self._tell(self._running.measuring.totals())
        self._running = None
        if self._then is None:
            self._report(outcome, failure)
        else:
            self._proceed()

    def _proceed(self) -> None:
        then, self._then = self._then, None
        assert then is not None
        then()

    def _report(self, outcome: wire.Outcome, failure: wire.Failure | None = None) -> None:
        self._outcome = outcome
        self._send(wire.Ended, outcome=outcome, failure=failure)

    def _fail(self, reason: str) -> None:
        self._leave(Farewell("failed", f"{self._node} attempt {self._token.attempt}: {reason}"))

    def _leave(self, farewell: Farewell, grace: timedelta | None = None) -> None:
        """Leave with the first farewell that was given; a later one can only shorten the process's grace."""
        if not self._leaving:
            self._leaving = True
            self._when_ended(partial(self._part, farewell), grace)
        elif self._running is not None and grace is not None:
            self._running.stop(grace)

    def _part(self, farewell: Farewell) -> None:
        """Leave; the AM hears of it first where it would take a node that is stopped for a lost one.

        A parent that stops its node has its reason and tells it itself.
        """
        if farewell.event == "stopped" and self._link is not None and self._outcome is None:
            self._parting = farewell
            self._report(wire.Outcome.STOPPED)
            asyncio.get_running_loop().call_later(_LAST_WORD_S, self.post, wire.Finish())
        else:
            self._farewell = farewell

    # Heartbeats

    def _take_numbers(self, numbers: Mapping[str, float]) -> None:
        self._beats.take(numbers)
        self._prepare_standby()

    def _prepare_standby(self) -> None:
        """Have one for the process that runs; it works by now, and starts no more."""
        if self._assignment.standby and self._running is not None:
            attempt = self._running.attempt
            self._processes.prepare(attempt.python, attempt.program.runner, self._running.environment)

    def _measured(self) -> Mapping[str, float] | None:
        """None where nothing runs: what was measured last of the process that has ended stays."""
        return None if self._running is None else self._running.measuring.measure()

    def _tell(self, measured: Mapping[str, float] | None) -> None:
        """Tell the AM what user code has logged, and everybody what was measured and how much was printed."""
        if measured is None:
            self._send(wire.Heartbeat, numbers=self._beats.numbers)
            return
        if self._log is not None:
            measured = {**measured, "log_bytes": self._log.size}
        self._send(wire.Heartbeat, numbers=self._beats.numbers, measured=measured)
        self._parent.tell("measured", values=measured, numbers=self._beats.numbers)
        if measured.get("rows_in") or measured.get("rows_out"):
            self._prepare_standby()

    # Plumbing

    def _send(self, kind: Callable[..., wire.NodeEvent], **content: Any) -> None:
        assert self._link is not None
        self._link.send(kind(self._node, self._token, **content))

    async def _listen_to_parent(self) -> None:
        async for message in self._parent.messages():
            self.post(message)

    def _remove_abandoned(self) -> None:
        for path in self._directory.remove_abandoned():
            self._console.write(f"{self._node} | removed {path}, which a killed TaskManager has left behind")

    def _go(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_end)

    def _on_task_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.post(error)

    async def _clean_up(self) -> None:
        if self._running is not None:  # only if the agent itself has failed
            await self._running.kill()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._address.close()
        if self._queues is not None:
            self._queues.close()
        self._directory.remove()
