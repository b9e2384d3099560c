"""An application master in this process, whose nodes are played by the test."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import pytest

from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.master import MasterConfig, MasterServer
from ml_framework.rpc import channel
from ml_framework.rpc.channel import MasterClient, MasterConnection
from ml_framework.rpc.wire import (
    ClusterStatus,
    Ended,
    Failure,
    Heartbeat,
    LogPiece,
    LogRead,
    NodeCommand,
    NodeEvent,
    Outcome,
    ReadLog,
    Registered,
    Restart,
    Start,
    Started,
)
from ml_framework.spec import JobSpec, NodeId, RoleSpec, Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ml_framework.rpc.channel import Attendance

SECRET = "the-job's-secret"
_LIMIT_S = 30

_CHANNEL_OPTIONS = (*channel.CHANNEL_OPTIONS, ("grpc.use_local_subchannel_pool", 1))
"""Each node has a connection of its own, as in a process of its own: the AM allows few calls on one."""


class PlayedNode:
    """A node that does what it is told, as far as nothing runs: it starts, comes again, and reads its log."""

    def __init__(self, node: NodeId, agent: MasterClient, attendance: Attendance) -> None:
        self.node = node
        self.token = Token()
        self.log = b""
        self._agent = agent
        self._attendance = attendance
        self._sending = asyncio.Lock()

    async def obey(self) -> None:
        """Until the AM ends the conversation."""
        await self._register()
        async for command in self._attendance:
            await self._do(command)

    async def beat(self, numbers: dict[str, float], measured: dict[str, float] | None = None) -> None:
        """Send a heartbeat."""
        await self._send(Heartbeat(self.node, self.token, numbers, measured or {}))

    async def fail(self, summary: str, time_s: float = 1.0) -> None:
        """Report that the process has failed."""
        failure = Failure(summary, "the traceback", time_s)
        await self._send(Ended(self.node, self.token, Outcome.FAILED, failure))

    async def succeed(self) -> None:
        """Report that the process has succeeded."""
        await self._send(Ended(self.node, self.token, Outcome.SUCCEEDED))

    async def leave(self) -> None:
        """Break the conversation off."""
        await self._agent.close()

    async def _send(self, event: NodeEvent) -> None:
        async with self._sending:
            await self._attendance.send(event)

    async def _register(self) -> None:
        await self._send(Registered(self.node, self.token, f"127.0.0.1:{2000 + self.node.index}"))

    async def _do(self, command: NodeCommand) -> None:
        match command:
            case Start():
                await self._send(Started(self.node, self.token, 4000 + self.node.index, "/logs"))
            case Restart(token):
                self.token = token
                await self._register()
            case ReadLog(request, offset, limit):
                begin = max(0, len(self.log) + offset) if offset < 0 else offset
                text = self.log[begin : begin + limit]
                path = f"/logs/attempt_{self.token.attempt}/worker-{self.node.index}.log"
                piece = LogPiece(text, begin, len(self.log), path)
                await self._send(LogRead(self.node, self.token, request, piece))


class PlayedCluster:
    """An AM and its nodes, of one role that may be restarted.

    Attributes:
        server: the AM.
        nodes: by index.
        announced: what the AM has announced.
    """

    def __init__(self, server: MasterServer, master: MasterConnection, announced: list[Any]) -> None:
        self.server = server
        self.announced = announced
        self.nodes: list[PlayedNode] = []
        self._master = master

    @classmethod
    @asynccontextmanager
    async def running(cls, workers: int = 2, page: str = "loopback", **restart: Any) -> AsyncIterator[Self]:
        """The cluster, once all its nodes run."""
        job = JobSpec("job", (RoleSpec("worker", workers, restartable=True),))
        announced: list[Any] = []
        timeouts = Timeouts(heartbeat=timedelta(minutes=10))  # these nodes send one when they are told to
        config = MasterConfig(job, SECRET, timeouts, RestartPolicy(**restart), page=page)  # type: ignore[arg-type]
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(MasterServer(config, announced.append))
            master = stack.enter_context(MasterConnection(server.address, SECRET, _LIMIT_S))
            cluster = cls(server, master, announced)
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            patch.setattr(channel, "CHANNEL_OPTIONS", _CHANNEL_OPTIONS)
            for node in job.nodes:
                agent = await stack.enter_async_context(MasterClient(server.address, SECRET))
                played = PlayedNode(node, agent, await agent.attend())
                task = asyncio.create_task(played.obey())
                stack.callback(task.cancel)
                cluster.nodes.append(played)
            await cluster.until(lambda status: all(node.pid for node in status.nodes))
            yield cluster

    async def status(self) -> ClusterStatus:
        """As clients get it."""
        return await asyncio.to_thread(self._master.status)

    async def until(self, holds: Callable[[ClusterStatus], object]) -> None:
        """Return when `holds` of the status."""
        async with asyncio.timeout(_LIMIT_S):
            while not holds(await self.status()):
                await asyncio.sleep(0.01)
