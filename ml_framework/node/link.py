"""The agent's conversation with the application master, as a task beside the agent."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_framework.errors import MasterUnreachable, ProtocolError
from ml_framework.rpc.channel import Attendance, MasterClient

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from ml_framework.rpc.wire import NodeCommand, NodeEvent


@dataclass(frozen=True)
class NeverReached:
    """The AM did not answer, or not to us."""

    reason: str


@dataclass(frozen=True)
class ConversationEnded:
    """The conversation is over, after it had begun."""

    reason: str


class MasterLink:
    """Sends events in their order and posts what comes back.

    Args:
        address: ``host:port`` of the AM.
        token: the job's token.
        connect: how long to wait for the AM to answer for the first time.
        post: called with every command and, at the end, with `NeverReached` or `ConversationEnded`.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        connect: timedelta,
        post: Callable[[NodeCommand | NeverReached | ConversationEnded], None],
    ) -> None:
        self._client = MasterClient(address, token, connect=connect)
        self._address = address
        self._post = post
        self._outbox: asyncio.Queue[NodeEvent] = asyncio.Queue()

    def send(self, event: NodeEvent) -> None:
        """Send `event` after those sent before; dropped once the conversation is over."""
        self._outbox.put_nowait(event)

    async def run(self) -> None:
        """Hold the conversation until its end."""
        async with self._client:
            try:
                attendance = await self._client.attend()
            except (MasterUnreachable, ProtocolError) as error:
                self._post(NeverReached(str(error)))
                return
            self._post(ConversationEnded(await self._converse(attendance)))

    async def _converse(self, attendance: Attendance) -> str:
        sending = asyncio.create_task(self._send_all(attendance))
        try:
            async for command in attendance:
                self._post(command)
        except (MasterUnreachable, ProtocolError) as error:
            return str(error)
        else:
            return f"the application master at {self._address} ended the conversation"
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _send_all(self, attendance: Attendance) -> None:
        try:
            while True:
                await attendance.send(await self._outbox.get())
        except (MasterUnreachable, ProtocolError):
            return  # whoever iterates over the commands hears of it, too
