"""The executor on a loop whose clock can be jumped: no network, no waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.errors import ProtocolError, StateMachineError
from ml_framework.master.event import GangTimeout
from ml_framework.master.executor import Conversation, Executor
from ml_framework.master.machine import TRANSITIONS, TableMachine
from ml_framework.master.state import State
from ml_framework.rpc.wire import (
    Abort,
    Ended,
    Failure,
    Heartbeat,
    NodeCommand,
    NodeEvent,
    NodeState,
    Outcome,
    Refuse,
    Registered,
    Restart,
    Start,
    Started,
)
from ml_framework.spec import JobSpec, NodeId, RoleSpec, Token

W0, W1 = NodeId("worker", 0), NodeId("worker", 1)


class JumpLoop(asyncio.SelectorEventLoop):
    """A loop whose clock stands until it is jumped."""

    now_s = 1000.0

    def time(self) -> float:
        return self.now_s


async def jump(seconds: float) -> None:
    """Let time pass, and everything that is due happen."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpLoop)
    loop.now_s += seconds
    for _ in range(3):
        await asyncio.sleep(0)


Story = Callable[[], Coroutine[Any, Any, None]]


def on_jump_loop(story: Story) -> Callable[[], None]:
    """Run the test on a `JumpLoop`."""

    def run() -> None:
        with asyncio.Runner(loop_factory=JumpLoop) as runner:
            runner.run(story())

    run.__name__, run.__doc__ = story.__name__, story.__doc__
    return run


class Cluster:
    """An executor and what it announced."""

    def __init__(self, *, restartable: bool = False, machine: TableMachine | None = None) -> None:
        self.announced: list[tuple[State, str | None]] = []
        job = JobSpec("job", (RoleSpec("worker", 2, restartable=restartable),))
        self.executor = Executor(
            machine or TableMachine(),
            job,
            Timeouts(),
            RestartPolicy(),
            announce=lambda outcome, cause: self.announced.append((outcome, cause)),
            wall_s=lambda: 5.0,
        )

    def attend(self, node: NodeId, token: Token | None = None) -> Conversation:
        conversation = Conversation()
        self.executor.hear(conversation, Registered(node, token or Token(), f"h:{node.index}"))
        return conversation

    @property
    def states(self) -> list[NodeState]:
        return [node.state for node in self.executor.status().nodes]


async def drained(conversation: Conversation) -> list[NodeCommand]:
    """Everything that was told so far."""
    conversation.end()
    return [command async for command in conversation]


@on_jump_loop
async def test_silence_is_a_loss_and_its_cause_says_so() -> None:
    """A node that is heard is not lost; one silent for the limit is, to the moment."""
    cluster = Cluster()
    first, _ = cluster.attend(W0), cluster.attend(W1)
    await jump(14.5)
    cluster.executor.hear(first, Heartbeat(W0, Token(), {"loss": 0.5}))
    assert cluster.announced == []
    await jump(0.5)
    assert cluster.announced == [(State.FAILED, "worker[1] attempt 0: lost: no heartbeat for 15 s")]
    assert cluster.states == [NodeState.RUNNING, NodeState.LOST]
    assert [type(command) for command in await drained(first)] == [Start, Abort]


@on_jump_loop
async def test_a_stall_of_the_am_itself_loses_nobody() -> None:
    """Heartbeats that could not be read are waiting to be."""
    cluster = Cluster()
    first, second = cluster.attend(W0), cluster.attend(W1)
    await jump(60)
    for conversation, node in ((first, W0), (second, W1)):
        cluster.executor.hear(conversation, Heartbeat(node, Token()))
    await jump(14)
    assert cluster.announced == []
    cluster.executor.close()


@on_jump_loop
async def test_the_gang_has_its_time_and_no_more() -> None:
    """The time-out is counted from the AM's start."""
    cluster = Cluster()
    first = cluster.attend(W0)
    for _ in range(3):
        await jump(9.9)
        cluster.executor.hear(first, Heartbeat(W0, Token()))
    assert cluster.announced == []
    await jump(0.4)
    assert cluster.announced == [(State.FAILED, "worker[1] of 2 nodes had not registered after 30 s")]
    assert await cluster.executor.conclusion() is State.FAILED


@on_jump_loop
async def test_a_broken_stream_loses_a_node_unless_it_had_ended() -> None:
    """The end first, then the break: nothing is lost."""
    cluster = Cluster()
    first, second = cluster.attend(W0), cluster.attend(W1)
    cluster.executor.hear(first, Ended(W0, Token(), Outcome.SUCCEEDED))
    cluster.executor.gone(first)
    assert cluster.states == [NodeState.SUCCEEDED, NodeState.RUNNING]
    cluster.executor.gone(second)
    assert cluster.announced == [(State.FAILED, "worker[1] attempt 0: lost: its agent went away")]
    await cluster.executor.deserted()
    cluster.executor.close()


@on_jump_loop
async def test_restarts_come_after_the_backoff_on_the_same_stream() -> None:
    """Nothing is told before; then the next token is, and the nodes register with it."""
    cluster = Cluster(restartable=True)
    first, second = cluster.attend(W0), cluster.attend(W1)
    cluster.executor.hear(second, Ended(W1, Token(), Outcome.FAILED, Failure("Boom")))
    await jump(0.1)
    assert cluster.executor.status().state == "FAILOVER"
    await jump(0.1)
    for conversation, node in ((first, W0), (second, W1)):
        cluster.executor.hear(conversation, Registered(node, Token(0, 1), "h:1"))
    assert cluster.executor.status().state == "RUNNING"
    start, restart, again = await drained(second)
    assert (type(start), restart, type(again)) == (Start, Restart(Token(0, 1)), Start)
    cluster.executor.close()


@on_jump_loop
async def test_a_later_life_replaces_a_stream_whose_end_was_not_noticed() -> None:
    """The old stream is ended, and what it says later is nobody's word."""
    cluster = Cluster(restartable=True)
    old, _ = cluster.attend(W0), cluster.attend(W1)
    new = cluster.attend(W0, Token(1))
    assert [type(command) async for command in old] == [Start]
    assert cluster.executor.status().state == "FAILOVER"
    cluster.executor.hear(old, Ended(W0, Token(), Outcome.SUCCEEDED))
    cluster.executor.gone(old)
    assert cluster.states[0] is NodeState.REGISTERED
    assert await drained(new) == []
    cluster.executor.close()


@on_jump_loop
async def test_a_refused_node_disturbs_nobody() -> None:
    """Neither its coming nor its going."""
    cluster = Cluster()
    first = cluster.attend(W0, Token(1))
    for token in (Token(0), Token(1)):
        refused = cluster.attend(W0, token)
        assert [type(command) async for command in refused] == [Refuse]
        cluster.executor.hear(refused, Ended(W0, token, Outcome.SUCCEEDED))
        cluster.executor.gone(refused)
    assert cluster.states == [NodeState.REGISTERED, NodeState.ABSENT]
    assert await drained(first) == []
    cluster.executor.close()


@on_jump_loop
async def test_the_status_tells_what_the_present_life_told() -> None:
    """Numbers, pid, log folder and age of the last word; a new life starts with a clean sheet."""
    cluster = Cluster(restartable=True)
    first, _ = cluster.attend(W0), cluster.attend(W1)
    cluster.executor.hear(first, Started(W0, Token(), 42, "/logs"))
    cluster.executor.hear(first, Heartbeat(W0, Token(), {"loss": 0.5, "step": 1.0}))
    cluster.executor.hear(first, Heartbeat(W0, Token(), {"step": 2.0}))
    await jump(2)
    status = cluster.executor.status().nodes[0]
    assert (status.pid, status.log_dir, status.heartbeat_age_s) == (42, "/logs", 2.0)
    assert status.numbers == {"loss": 0.5, "step": 2.0}
    cluster.executor.gone(first)
    cluster.attend(W0, Token(1))
    status = cluster.executor.status().nodes[0]
    assert (status.token, status.pid, status.numbers) == (Token(1), None, {})
    cluster.executor.close()


@pytest.mark.parametrize(
    ("registration", "event", "error"),
    [
        (None, Heartbeat(W0, Token()), "before it registered"),
        (Registered(W0, Token(), "h:1"), Heartbeat(W1, Token()), r"worker\[0\] spoke for worker\[1\]"),
        (
            Registered(W0, Token(), "h:1"),
            Registered(W1, Token(), "h:1"),
            r"worker\[0\] registered as worker\[1\]",
        ),
    ],
)
def test_a_stream_speaks_for_one_node_which_registers_first(
    registration: Registered | None, event: NodeEvent, error: str
) -> None:
    """Anything else is an error of the protocol."""

    async def story() -> None:
        cluster, conversation = Cluster(), Conversation()
        if registration is not None:
            cluster.executor.hear(conversation, registration)
        with pytest.raises(ProtocolError, match=error):
            cluster.executor.hear(conversation, event)
        cluster.executor.close()

    asyncio.run(story())


@on_jump_loop
async def test_a_hole_in_the_table_ends_the_job_instead_of_hanging_it() -> None:
    """When a timer meets no cell, whoever waits for the outcome gets the error."""
    row = {event: cell for event, cell in TRANSITIONS[State.INIT].items() if event is not GangTimeout}
    cluster = Cluster(machine=TableMachine({**TRANSITIONS, State.INIT: row}))
    await jump(31)
    with pytest.raises(StateMachineError, match="GangTimeout"):
        await cluster.executor.conclusion()
