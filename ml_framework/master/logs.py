"""What clients want to read of a node's log, and what the node answers."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

from ml_framework.errors import LogUnavailable
from ml_framework.rpc.wire import ReadLog

if TYPE_CHECKING:
    from ml_framework.master.executor import Conversation
    from ml_framework.rpc.wire import LogPiece, LogRead

ANSWER_S = 5.0
"""How long a node that is attended may take to read a piece of its log."""


class LogRelay:
    """Asks nodes by their conversations, and hands out each answer to whoever waits for it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[Conversation, asyncio.Future[LogPiece]]] = {}

    async def read(self, conversation: Conversation, offset: int, limit: int) -> LogPiece:
        """The piece that the node of `conversation` answers with.

        Raises:
            LogUnavailable: it has no log, went away, or did not answer within `ANSWER_S`.
        """
        number, node = next(self._numbers), conversation.node
        answer: asyncio.Future[LogPiece] = asyncio.get_running_loop().create_future()
        self._waiting[number] = conversation, answer
        try:
            conversation.tell(ReadLog(number, offset, limit))
            async with asyncio.timeout(ANSWER_S):
                piece = await answer
        except TimeoutError:
            raise LogUnavailable(f"{node} did not answer within {ANSWER_S:g} s about its log") from None
        finally:
            del self._waiting[number]
        if not piece.path:
            raise LogUnavailable(
                f"{node} has no log: none of its processes has started yet, or it was removed"
            )
        return piece

    def answered(self, conversation: Conversation, event: LogRead) -> None:
        """Take an answer; one that nobody waits for any more, or not of this node, is dropped."""
        asked, answer = self._waiting.get(event.request, (None, None))
        if asked is conversation and answer is not None and not answer.done():
            answer.set_result(event.piece)

    def gone(self, conversation: Conversation) -> None:
        """The node of `conversation` will answer no more."""
        for asked, answer in self._waiting.values():
            if asked is conversation:
                _refuse(answer, f"{conversation.node} went away when asked for its log")

    def close(self) -> None:
        """Nobody will answer any more."""
        for _, answer in self._waiting.values():
            _refuse(answer, "the application master ends")


def _refuse(answer: asyncio.Future[LogPiece], reason: str) -> None:
    if not answer.done():
        answer.set_exception(LogUnavailable(reason))
