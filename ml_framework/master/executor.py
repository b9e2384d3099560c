"""Performs what the state machine decides: the only part of the AM with effects, all on one asyncio loop.

Time is the loop's: `loop.time()` is the clock and `loop.call_later` the timers; a test jumps the loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, assert_never

from ml_framework.errors import LogUnavailable, ProtocolError
from ml_framework.master import liveness
from ml_framework.master.command import Admit, Command, Conclude, Reject, Schedule, Tell
from ml_framework.master.event import NodeLost, StopRequested
from ml_framework.master.logs import LogRelay
from ml_framework.master.machine import TableMachine, edges
from ml_framework.master.state import HISTORY, LIVE, State
from ml_framework.master.store import NodeStore
from ml_framework.page.view import Transition
from ml_framework.rpc.wire import Ended, LogRead, NodeCommand, NodeEvent, Refuse, Registered
from ml_framework.spec import Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ml_framework.config import RestartPolicy, Timeouts
    from ml_framework.master.event import Event
    from ml_framework.master.machine import StateMachine
    from ml_framework.page.view import Series
    from ml_framework.rpc.wire import ClusterStatus, LogPiece
    from ml_framework.spec import JobSpec, NodeId

_log = logging.getLogger(__name__)


class Conversation:
    """The AM's end of one node's stream: whose it is, and what is still to be sent. Iterate to send."""

    def __init__(self) -> None:
        self.node: NodeId | None = None
        self.token = Token()
        self._outbox: asyncio.Queue[NodeCommand | None] = asyncio.Queue()

    def tell(self, command: NodeCommand) -> None:
        """Send `command`, after what is waiting to be sent."""
        self._outbox.put_nowait(command)

    def end(self) -> None:
        """Close the stream, after what is waiting to be sent."""
        self._outbox.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[NodeCommand]:
        while (command := await self._outbox.get()) is not None:
            yield command


class Executor:
    """Runs one job's state machine.

    Args:
        announce: called once, with the outcome and for a failure its cause.
        wall_s: seconds since the epoch: when a node was lost, to compare with the failures that nodes report.
    """

    def __init__(
        self,
        machine: StateMachine,
        job: JobSpec,
        timeouts: Timeouts,
        restart: RestartPolicy,
        *,
        announce: Callable[[State, str | None], None],
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._machine = machine
        self._timeouts = timeouts
        self._announce = announce
        self._wall_s = wall_s
        self._store = NodeStore(wall_s)
        self._logs = LogRelay()
        self._attended: dict[NodeId, Conversation] = {}
        self._timers: list[asyncio.TimerHandle] = []
        self._watch: asyncio.TimerHandle | None = None
        self._concluded: asyncio.Future[State] = self._loop.create_future()
        self._deserted = asyncio.Event()
        self._deserted.set()
        self._moved = asyncio.Event()
        self._transitions: deque[Transition] = deque(maxlen=HISTORY)
        self._snapshot, commands = machine.initial(job, timeouts, restart)
        self._take_down("the application master has started")
        self._perform(commands, None)

    async def conclusion(self) -> State:
        """The outcome, once there is one; raises what the machine raised where no node is to blame."""
        return await asyncio.shield(self._concluded)

    @property
    def has_concluded(self) -> bool:
        """Whether there is an outcome."""
        return self._concluded.done()

    async def deserted(self) -> None:
        """Return when no node is attended."""
        await self._deserted.wait()

    def status(self) -> ClusterStatus:
        """The cluster as it is now."""
        return self._store.status(self._snapshot, self._loop.time())

    def transitions(self) -> tuple[Transition, ...]:
        """The latest changes of state, oldest first; at first the beginning."""
        return tuple(self._transitions)

    def edges(self) -> tuple[tuple[str, str], ...]:
        """Which state may follow which; empty for a machine that follows no table."""
        return edges(self._machine.table) if isinstance(self._machine, TableMachine) else ()

    async def moved(self) -> None:
        """Return when the state changes, or the AM goes."""
        await self._moved.wait()

    def series(self, node: NodeId, after: int) -> Series | None:
        """The samples of `node` behind its first `after` ones, None where it has none."""
        return self._store.series(node, after)

    async def read_log(self, node: NodeId, offset: int, limit: int) -> LogPiece:
        """A piece of what `node` has printed in its latest attempt; the arguments are those of `ReadLog`.

        Raises:
            LogUnavailable: there is no such node, it is not attended, has no log or did not answer.
        """
        if node not in self._snapshot.nodes:
            raise LogUnavailable(f"{node} is no node of job {self._snapshot.job.name!r}")
        if node not in self._attended:
            raise LogUnavailable(self._store.why_no_log(self._snapshot, node))
        return await self._logs.read(self._attended[node], offset, limit)

    def stop(self) -> None:
        """Ask for the cluster to be stopped in good order."""
        self._post(StopRequested())

    def close(self) -> None:
        """Let go of every timer, and of whoever waits."""
        self._moved.set()
        self._logs.close()
        self._cancel_timers()
        if self._watch is not None:
            self._watch.cancel()

    def hear(self, conversation: Conversation, event: NodeEvent) -> None:
        """Take in what a node says.

        Raises:
            ProtocolError: it did not register first, or speaks for another node.
            StateMachineError: it reports what may not happen.
        """
        if isinstance(event, Registered):
            self._register(conversation, event)
            return
        if conversation.node is None:
            raise ProtocolError(f"{event.node} sent {type(event).__name__} before it registered")
        if event.node != conversation.node:
            raise ProtocolError(f"{conversation.node} spoke for {event.node}")
        if self._attended.get(event.node) is not conversation:
            return  # refused, or replaced by a later life
        self._store.note(event, self._loop.time())
        match event:
            case Ended():
                self._submit(event, conversation)
            case LogRead():
                self._logs.answered(conversation, event)

    def gone(self, conversation: Conversation) -> None:
        """The stream of `conversation` has ended; a node that had not is lost."""
        node = conversation.node
        if node is None or self._attended.get(node) is not conversation:
            return
        del self._attended[node]
        self._logs.gone(conversation)
        if not self._attended:
            self._deserted.set()
        self._lose(node, "its agent went away")

    def _register(self, conversation: Conversation, event: Registered) -> None:
        if conversation.node not in {None, event.node}:
            raise ProtocolError(f"{conversation.node} registered as {event.node}")
        older = self._attended.get(event.node)
        if older is not None and older is not conversation and event.token > older.token:
            self.gone(older)  # its end has not been noticed yet; the later life proves it
            older.end()
        conversation.node = event.node
        self._submit(event, conversation)
        if self._attended.get(event.node) is conversation:
            conversation.token = event.token
            self._store.note(event, self._loop.time())
            self._watch_silence()

    def _lose(self, node: NodeId, reason: str) -> None:
        record = self._snapshot.nodes[node]
        if record.state in LIVE:
            lost = NodeLost(node, record.token, reason, self._wall_s())
            self._store.note(lost, self._loop.time())
            self._post(lost)

    def _submit(self, event: Event, conversation: Conversation | None = None) -> None:
        before = self._snapshot
        self._snapshot, commands = self._machine.step(before, event)
        if self._snapshot.state is not before.state:
            line = self._snapshot.history[-1] if self._snapshot.history else self._snapshot.state.value
            _log.info("%s", line)
            self._take_down(line)
            self._cancel_timers()
        self._perform(commands, conversation)

    def _take_down(self, line: str) -> None:
        self._transitions.append(Transition(self._wall_s(), self._snapshot.state.value, line))
        self._moved.set()
        self._moved = asyncio.Event()

    def _perform(self, commands: tuple[Command, ...], conversation: Conversation | None) -> None:
        for command in commands:
            match command:
                case Admit(node):
                    assert conversation is not None
                    self._attended[node] = conversation
                    self._deserted.clear()
                case Reject(reason):
                    assert conversation is not None
                    _log.warning("refused: %s", reason)
                    conversation.tell(Refuse(reason))
                    conversation.end()
                case Tell(node, what):
                    if node in self._attended:
                        self._attended[node].tell(what)
                case Schedule(timer, delay):
                    handle = self._loop.call_later(delay.total_seconds(), self._post, timer)
                    self._timers.append(handle)
                case Conclude(outcome, cause):
                    self._announce(outcome, cause)
                    self._concluded.set_result(outcome)
                case _:
                    assert_never(command)

    def _post(self, event: Event) -> None:
        """Submit what no node sent: an error has nobody to be told but the one who waits for the outcome."""
        try:
            self._submit(event)
        except Exception as error:  # noqa: BLE001 - the machine may be another's; the AM must not hang on it
            if not self._concluded.done():
                self._concluded.set_exception(error)

    def _cancel_timers(self) -> None:
        for handle in self._timers:
            handle.cancel()
        self._timers.clear()

    def _watch_silence(self) -> None:
        """Look again when the most silent node would be lost; heartbeats in between set no timer."""
        limit_s = self._timeouts.heartbeat.total_seconds()
        due_s = liveness.next_deadline(self._store.last_heard_s(self._snapshot), limit_s)
        if self._watch is not None:
            self._watch.cancel()
        self._watch = None if due_s is None else self._loop.call_at(due_s, self._look_for_silent, due_s)

    def _look_for_silent(self, due_s: float) -> None:
        now_s, limit_s = self._loop.time(), self._timeouts.heartbeat.total_seconds()
        tolerance_s = self._timeouts.heartbeat_interval.total_seconds()
        if liveness.has_stalled(due_s, now_s, tolerance_s):
            self._store.excuse(now_s)
        for node in liveness.lost(self._store.last_heard_s(self._snapshot), now_s, limit_s):
            self._lose(node, f"no heartbeat for {limit_s:g} s")
        self._watch_silence()
