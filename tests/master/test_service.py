"""The AM over a real loopback connection, with nodes that are played by the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import grpc
import grpc.aio
import pytest

from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.errors import MasterUnreachable, ProtocolError
from ml_framework.master import MasterConfig, MasterServer, State
from ml_framework.rpc.channel import MAX_MESSAGE_BYTES, Attendance, MasterClient, MasterConnection
from ml_framework.rpc.messages import status_from_json
from ml_framework.rpc.wire import (
    Abort,
    ClusterStatus,
    Ended,
    Failure,
    Finish,
    Heartbeat,
    LogPiece,
    NodeCommand,
    NodeState,
    Outcome,
    Refuse,
    Registered,
    Restart,
    Start,
    Started,
    StopNode,
)
from ml_framework.spec import JobSpec, NodeId, RoleKind, RoleSpec, Token

SECRET = "the-secret"
LIMIT_S = 60
W0, W1, PS0 = NodeId("worker", 0), NodeId("worker", 1), NodeId("ps", 0)
WORKERS = RoleSpec("worker", 2, restartable=True)
FIXED_WORKERS = RoleSpec("worker", 2)
PS = RoleSpec("ps", 1, RoleKind.SERVES)

Story = Callable[["Master"], Awaitable[None]]


def tell(story: Story, *roles: RoleSpec, restart: RestartPolicy | None = None, **seconds: float) -> list[Any]:
    """Play `story` against a running AM, let it end, and return what it announced after its address."""
    timeouts = Timeouts(**{name: timedelta(seconds=value) for name, value in seconds.items()})
    config = MasterConfig(
        JobSpec("job", roles), SECRET, timeouts, restart or RestartPolicy(backoff=timedelta(0))
    )
    announced: list[Any] = []

    async def run() -> None:
        async with asyncio.timeout(LIMIT_S), MasterServer(config, announced.append) as server:
            await story(Master(server))
            if len(announced) > 1:
                await server.run()

    asyncio.run(run())
    assert announced[0]["event"] == "listening"
    return announced[1:]


class Master:
    """The AM under test, as its nodes and whoever looks on see it."""

    def __init__(self, server: MasterServer) -> None:
        self.server = server

    @asynccontextmanager
    async def node(self, node: NodeId, token: Token | None = None) -> AsyncIterator[Node]:
        async with MasterClient(self.server.address, SECRET) as client:
            played = Node(await client.attend(), node)
            await played.register(token or Token())
            yield played

    async def status(self, secret: str = SECRET) -> ClusterStatus:
        with MasterConnection(self.server.address, secret, LIMIT_S) as connection:
            return await asyncio.to_thread(connection.status)

    async def log(self, secret: str) -> LogPiece:
        with MasterConnection(self.server.address, secret, LIMIT_S) as connection:
            return await asyncio.to_thread(connection.log, W0, 0, 1)

    async def until(self, state: State) -> None:
        """Return when the AM's outcome is `state`."""
        assert await self.server.run() is state


class Node:
    """A node in the hands of the test."""

    def __init__(self, attendance: Attendance, node: NodeId) -> None:
        self.attendance = attendance
        self.id = node
        self.token = Token()
        self._commands = aiter(attendance)

    async def register(self, token: Token) -> None:
        self.token = token
        await self.attendance.send(Registered(self.id, token, f"127.0.0.1:{1000 + self.id.index}"))

    async def hear(self) -> NodeCommand:
        return await anext(self._commands)

    async def end(self, outcome: Outcome = Outcome.SUCCEEDED, **failure: Any) -> None:
        sent = Failure(**failure) if failure else None
        await self.attendance.send(Ended(self.id, self.token, outcome, sent))


def test_two_workers_start_run_and_finish() -> None:
    """The whole good life of a gang, with the addresses of all."""

    async def story(master: Master) -> None:
        async with master.node(W0) as first, master.node(W1) as second:
            for node in (first, second):
                command = await node.hear()
                assert isinstance(command, Start)
                assert command.cluster.addresses == {"worker": ("127.0.0.1:1000", "127.0.0.1:1001")}
            await first.attendance.send(Started(W0, Token(), 7, "/logs"))
            await first.attendance.send(Heartbeat(W0, Token(), {"loss": 0.25}))
            await first.end()
            assert await first.hear() == Finish()
            seen = (await master.status()).nodes[0]
            assert (seen.state, seen.pid, seen.log_dir) == (NodeState.SUCCEEDED, 7, "/logs")
            assert seen.numbers == {"loss": 0.25}
            await second.end()
            assert await second.hear() == Finish()

    (last,) = tell(story, FIXED_WORKERS)
    status = status_from_json(last["status"])
    assert (last["event"], status.state) == ("finished", "FINISHED")
    assert [node.state for node in status.nodes] == [NodeState.SUCCEEDED, NodeState.SUCCEEDED]
    assert status.nodes[0].numbers == {"loss": 0.25}


def test_a_server_is_stopped_when_the_drivers_are_done() -> None:
    """And the job has finished once it has ended."""

    async def story(master: Master) -> None:
        async with master.node(W0) as first, master.node(W1) as second, master.node(PS0) as server:
            for node in (first, second, server):
                assert isinstance(await node.hear(), Start)
            await first.end()
            await second.end()
            assert await server.hear() == StopNode()
            assert (await master.status()).state == "STOPPING"
            await server.end(Outcome.STOPPED)
            assert await server.hear() == Finish()

    assert tell(story, FIXED_WORKERS, PS) == [{"event": "finished", "status": ANY}]


def test_a_failed_worker_is_restarted_on_its_stream() -> None:
    """Attempt 1 succeeds, and so does the job."""

    async def story(master: Master) -> None:
        async with master.node(W0) as first, master.node(W1) as second:
            for node in (first, second):
                assert isinstance(await node.hear(), Start)
            await second.end(Outcome.FAILED, summary="ValueError: bad value", time_s=1.0)
            for node in (first, second):
                assert await node.hear() == Restart(Token(0, 1))
                await node.register(Token(0, 1))
            for node in (first, second):
                assert isinstance(await node.hear(), Start)
                await node.end()
            for node in (first, second):
                assert await node.hear() == Finish()

    assert tell(story, WORKERS) == [{"event": "finished", "status": ANY}]


def test_the_first_cause_wins_over_its_echo() -> None:
    """Whoever reports first; everybody hears it."""
    cause = "worker[1] attempt 0: MemoryError\nthe traceback"

    async def story(master: Master) -> None:
        async with master.node(W0) as first, master.node(W1) as second:
            for node in (first, second):
                assert isinstance(await node.hear(), Start)
            await first.end(Outcome.FAILED, summary="closed by peer", time_s=2.0, collateral=True)
            await second.end(Outcome.FAILED, summary="MemoryError", detail="the traceback", time_s=1.0)
            for node in (first, second):
                assert await node.hear() == Abort(cause)

    assert tell(story, FIXED_WORKERS) == [{"event": "failed", "cause": cause}]


def test_a_broken_stream_is_a_lost_node() -> None:
    """At once, without waiting for the heartbeat."""
    cause = "worker[1] attempt 0: lost: its agent went away"

    async def story(master: Master) -> None:
        async with master.node(W0) as first:
            async with master.node(W1):
                assert isinstance(await first.hear(), Start)
            assert await first.hear() == Abort(cause)

    assert tell(story, FIXED_WORKERS) == [{"event": "failed", "cause": cause}]


def test_silence_is_a_lost_node() -> None:
    """A stream that is open proves nothing."""
    cause = "worker[0] attempt 0: lost: no heartbeat for 0.2 s"

    async def story(master: Master) -> None:
        async with master.node(W0) as only:
            assert isinstance(await only.hear(), Start)
            assert await only.hear() == Abort(cause)

    assert tell(story, RoleSpec("worker"), heartbeat=0.2) == [{"event": "failed", "cause": cause}]


def test_an_incomplete_gang_fails() -> None:
    """Those who came hear who did not."""
    cause = "worker[1] of 2 nodes had not registered after 2 s"

    async def story(master: Master) -> None:
        async with master.node(W0) as first:
            assert await first.hear() == Abort(cause)

    assert tell(story, FIXED_WORKERS, gang=2) == [{"event": "failed", "cause": cause}]


def test_a_request_to_stop_ends_the_job_in_good_order() -> None:
    """The nodes are told, and the job is stopped when they have ended."""

    async def story(master: Master) -> None:
        async with master.node(W0) as first, master.node(W1) as second:
            master.server.stop()
            master.server.stop()
            for node in (first, second):
                commands = [await node.hear()]
                if isinstance(commands[0], Start):
                    commands.append(await node.hear())
                assert commands[-1] == StopNode()
                await node.end(Outcome.STOPPED)
                assert await node.hear() == Finish()

    assert tell(story, FIXED_WORKERS) == [{"event": "stopped", "status": ANY}]


@pytest.mark.parametrize("token", [Token(0, 9), Token(1, 0)], ids=["stale", "attended"])
def test_an_unwelcome_node_is_refused_and_its_stream_closed(token: Token) -> None:
    """The one who is attended notices nothing."""

    async def story(master: Master) -> None:
        async with master.node(W0, Token(1)) as welcome:
            async with master.node(W0, token) as refused:
                assert isinstance(await refused.hear(), Refuse)
                with pytest.raises(StopAsyncIteration):
                    await refused.hear()
            async with master.node(W1):
                assert isinstance(await welcome.hear(), Start)
                assert [node.state for node in (await master.status()).nodes] == [NodeState.RUNNING] * 2
                await welcome.end()

    tell(story, FIXED_WORKERS)


@pytest.mark.parametrize("secret", ["", "wrong", "the-secret-and-more"])
def test_without_the_token_nothing_is_said_or_done(secret: str) -> None:
    """Neither attend, nor status, nor log."""

    async def story(master: Master) -> None:
        async with MasterClient(master.server.address, secret) as stranger:
            for call in (stranger.attend(), master.status(secret), master.log(secret)):
                with pytest.raises(ProtocolError, match="UNAUTHENTICATED") as refusal:
                    await call
                assert SECRET not in str(refusal.value)
        assert (await master.status()).state == "INIT"

    assert tell(story, FIXED_WORKERS) == []


async def _attend_with(master: Master, *messages: bytes) -> grpc.StatusCode:
    """Send raw bytes to Attend and return how the AM ended it."""
    async with grpc.aio.insecure_channel(master.server.address) as channel:
        metadata = (("authorization", f"Bearer {SECRET}"),)
        call = channel.stream_stream("/mlonflink.ApplicationMaster/Attend")(metadata=metadata)
        for message in messages:
            await call.write(message)
        return await call.code()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
        (b"", grpc.StatusCode.INVALID_ARGUMENT),
        (b"\x0a\x08\x0a\x06worker\x22\x00", grpc.StatusCode.INVALID_ARGUMENT),
        (bytes(MAX_MESSAGE_BYTES + 1), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
    ids=["garbage", "empty", "heartbeat first", "too large"],
)
def test_what_the_protocol_does_not_allow_ends_the_stream(message: bytes, code: grpc.StatusCode) -> None:
    """With a status of gRPC's own; the AM goes on."""

    async def story(master: Master) -> None:
        assert await _attend_with(master, message) is code
        assert (await master.status()).state == "INIT"

    assert tell(story, FIXED_WORKERS) == []


def test_a_node_that_breaks_the_protocol_is_lost() -> None:
    """It cannot be relied upon any more, and the cause names it."""

    async def story(master: Master) -> None:
        async with master.node(W0) as first, master.node(W1):
            assert isinstance(await first.hear(), Start)
            await first.attendance.send(Heartbeat(W1, Token()))
            with pytest.raises(ProtocolError, match=r"INVALID_ARGUMENT: worker\[0\] spoke for worker\[1\]"):
                await first.hear()

    [announced] = tell(story, FIXED_WORKERS)
    assert announced["cause"] == "worker[0] attempt 0: lost: its agent went away"


def test_an_am_that_goes_away_is_noticed_by_its_nodes() -> None:
    """The stream breaks with the address in the message."""

    async def run() -> None:
        server = MasterServer(MasterConfig(JobSpec("job", (FIXED_WORKERS,)), SECRET), lambda _: None)
        async with server, asyncio.timeout(LIMIT_S), Master(server).node(W0) as node:
            await server.__aexit__()
            with pytest.raises(MasterUnreachable, match=server.address):
                await node.hear()

    asyncio.run(run())
