"""Logs of nodes through the AM, whose nodes are played by the test."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.errors import LogUnavailable
from ml_framework.master import MasterConfig, MasterServer, logs
from ml_framework.rpc.channel import Attendance, MasterClient, MasterConnection
from ml_framework.rpc.wire import LogPiece, LogRead, ReadLog, Registered, Started
from ml_framework.spec import JobSpec, NodeId, RoleSpec, Token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

LIMIT_S = 60
SECRET = "the-secret"
W0, W1 = NodeId("worker", 0), NodeId("worker", 1)
PIECE = LogPiece(b"line \xff\n", 90, 98, "/logs/attempt_0/worker-0.log")


class Stage:
    """An AM of two workers, of which the first attends, and somebody who looks on."""

    def __init__(self, agent: MasterClient, attendance: Attendance, master: MasterConnection) -> None:
        self.agent = agent
        self.attendance = attendance
        self._master = master
        self._commands = aiter(attendance)

    async def asked(self) -> ReadLog:
        """The question that the node hears."""
        command = await anext(self._commands)
        assert isinstance(command, ReadLog)
        return command

    async def answer(self, request: int, piece: LogPiece, node: NodeId = W0) -> None:
        await self.attendance.send(LogRead(node, Token(), request, piece))

    async def log(self, node: NodeId, offset: int, limit: int) -> LogPiece:
        """A piece of the log, as whoever looks on gets it."""
        return await asyncio.to_thread(self._master.log, node, offset, limit)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncio.Task[LogPiece]]:
        """Somebody who waits for a piece."""
        task = asyncio.create_task(self.log(W0, -8, 100))
        yield task
        await asyncio.wait([task])


def tell(story: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        config = MasterConfig(JobSpec("job", (RoleSpec("worker", 2),)), SECRET)
        async with (
            asyncio.timeout(LIMIT_S),
            MasterServer(config, lambda _: None) as server,
            MasterClient(server.address, SECRET) as agent,
        ):
            attendance = await agent.attend()
            await attendance.send(Registered(W0, Token(), "127.0.0.1:1"))
            with MasterConnection(server.address, SECRET, LIMIT_S) as master:
                while not (await asyncio.to_thread(master.status)).nodes[0].address:
                    await asyncio.sleep(0.01)
                await story(Stage(agent, attendance, master))

    asyncio.run(run())


def test_the_node_is_asked_and_its_answer_handed_on() -> None:
    """Bytes as they are, to whoever asked."""

    async def story(stage: Stage) -> None:
        async with stage.reading() as first, stage.reading() as second:
            questions = [await stage.asked() for _ in range(2)]
            assert [(question.offset, question.limit) for question in questions] == [(-8, 100)] * 2
            other = LogPiece(b"other", 0, 5, "/logs/other.log")
            await stage.answer(questions[1].request, other)
            await stage.answer(questions[0].request, PIECE)
        assert {first.result().text, second.result().text} == {PIECE.text, other.text}
        assert PIECE in {first.result(), second.result()}

    tell(story)


@pytest.mark.parametrize(
    ("node", "complaint"),
    [
        (NodeId("worker", 2), r"worker\[2\] is no node of job 'job'"),
        (NodeId("ps", 0), r"ps\[0\] is no node of job 'job'"),
        (W1, r"worker\[1\] is absent and not attended$"),
    ],
)
def test_who_cannot_be_asked_is_named(node: NodeId, complaint: str) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(LogUnavailable, match=complaint):
            await stage.log(node, 0, 1)

    tell(story)


def test_a_node_without_a_log_is_told_of() -> None:
    async def story(stage: Stage) -> None:
        async with stage.reading() as reading:
            await stage.answer((await stage.asked()).request, LogPiece(b"", 0, 0, ""))
        with pytest.raises(LogUnavailable, match=r"worker\[0\] has no log: "):
            reading.result()

    tell(story)


def test_a_node_that_goes_away_keeps_nobody_waiting() -> None:
    """And whoever asks later hears where its log lies."""

    async def story(stage: Stage) -> None:
        await stage.attendance.send(Started(W0, Token(), 7, "/logs/attempt_0"))
        async with stage.reading() as reading:
            await stage.asked()
            await stage.agent.close()
        with pytest.raises(LogUnavailable, match=r"worker\[0\] went away"):
            reading.result()
        with pytest.raises(LogUnavailable, match=r"worker\[0\] is lost .*; its log is in /logs/attempt_0"):
            await stage.log(W0, 0, 1)

    tell(story)


def test_a_silent_node_is_given_up(monkeypatch: Any) -> None:
    """And an answer that comes too late, or to no question, harms nobody."""
    monkeypatch.setattr(logs, "ANSWER_S", 0.1)

    async def story(stage: Stage) -> None:
        async with stage.reading() as reading:
            question = await stage.asked()
        with pytest.raises(LogUnavailable, match=r"worker\[0\] did not answer within 0.1 s"):
            reading.result()
        for number in (question.request, 999):
            await stage.answer(number, PIECE)
        monkeypatch.setattr(logs, "ANSWER_S", LIMIT_S)
        async with stage.reading() as reading:
            await stage.answer((await stage.asked()).request, PIECE)
        assert reading.result() == PIECE

    tell(story)
