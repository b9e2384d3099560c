"""The AM's gRPC service: what is said, in our own words. No decision is taken here."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

from ml_framework.errors import LogUnavailable, ProtocolError, StateMachineError
from ml_framework.master.executor import Conversation
from ml_framework.rpc import messages
from ml_framework.rpc._generated.application_master_pb2_grpc import ApplicationMasterServicer
from ml_framework.rpc.channel import ADMITTED
from ml_framework.spec import NodeId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ml_framework.master.executor import Executor
    from ml_framework.rpc._generated import application_master_pb2 as pb

_log = logging.getLogger(__name__)


class Service(ApplicationMasterServicer):  # type: ignore[misc]  # generated without types
    """Answers agents and clients, whom the gate has let pass.

    Args:
        executor: knows and decides.
        page: URL of the cluster's page, with what it takes to open it; empty without one.
    """

    def __init__(self, executor: Executor, page: str) -> None:
        self._executor = executor
        self._page = page

    async def Attend(self, requests: AsyncIterator[Any], context: Any) -> None:  # noqa: N802 - name in the proto
        """One node's conversation, until either side ends it."""
        await context.send_initial_metadata((ADMITTED,))
        conversation = Conversation()
        listening = asyncio.create_task(self._listen(requests, conversation))
        try:
            async for command in conversation:
                await context.write(messages.command_to_message(command))
            if listening.done():
                await listening
        except (DecodeError, ProtocolError, StateMachineError) as error:
            _log.warning("ended a conversation: %s", error)
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            listening.cancel()
            self._executor.gone(conversation)

    async def GetStatus(self, _request: Any, _context: Any) -> pb.ClusterStatus:  # noqa: N802 - name in the proto
        """The cluster as it is now."""
        return messages.status_to_message(replace(self._executor.status(), page=self._page))

    async def GetLog(self, request: Any, context: Any) -> pb.LogPiece:  # noqa: N802 - name in the proto
        """What a node's process has printed; the node reads it."""
        node = NodeId(request.node.role, request.node.index)
        try:
            piece = await self._executor.read_log(node, request.offset, request.limit)
        except LogUnavailable as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        return messages.piece_to_message(piece)

    async def _listen(self, requests: AsyncIterator[Any], conversation: Conversation) -> None:
        try:
            async for message in requests:
                self._executor.hear(conversation, messages.event_from_message(message))
        finally:
            conversation.end()
