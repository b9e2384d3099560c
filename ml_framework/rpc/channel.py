"""The client's end of the application master's service.

`MasterClient` is for a node, on the asyncio loop of its agent, `MasterConnection` for whoever looks on, in a
plain thread. Whoever finds no AM gets `MasterUnreachable`, with host, port and the time waited; whoever is
not understood by it gets `ProtocolError`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

import grpc
import grpc.aio

from ml_framework.config import Timeouts
from ml_framework.errors import LogUnavailable, MasterUnreachable, MLOnFlinkError, ProtocolError
from ml_framework.rpc import messages
from ml_framework.rpc._generated import application_master_pb2 as pb
from ml_framework.rpc._generated.application_master_pb2_grpc import ApplicationMasterStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta
    from types import TracebackType

    from ml_framework.rpc import wire
    from ml_framework.spec import NodeId

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Bound of one message, the same at both ends."""

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),  # the AM is inside the cluster, a proxy of the environment is not
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)

ADMITTED = ("admitted", "yes")
"""Initial metadata of a conversation: the AM is here, and knows the token.

gRPC takes the headers of a refusal for initial metadata, too, which says nothing; and whoever then sends
before its status is there hears of an internal error in its place.
"""

_Metadata = tuple[tuple[str, str], ...]


class Attendance:
    """A node's conversation with the AM: send events, iterate over commands.

    The iteration ends when the AM ends the conversation; it raises `MasterUnreachable` when the AM goes away,
    and `ProtocolError` when the AM rejects what was sent. One task may send while another iterates.
    """

    def __init__(self, call: Any, address: str) -> None:
        self._call = call
        self._address = address

    async def send(self, event: wire.NodeEvent) -> None:
        """Send `event`; raises `MasterUnreachable` or `ProtocolError` when the conversation is over."""
        try:
            await self._call.write(messages.event_to_message(event))
        except (
            grpc.aio.AioRpcError,
            asyncio.InvalidStateError,
        ) as error:  # the latter says that the call is done
            raise _translated(await self._call.code(), await self._call.details(), self._address) from error

    async def __aiter__(self) -> AsyncIterator[wire.NodeCommand]:
        try:
            async for message in self._call:
                yield messages.command_from_message(message)
        except grpc.aio.AioRpcError as error:
            raise _translated(error.code(), error.details(), self._address) from error


class MasterClient:
    """The AM at one address, for a node, on an asyncio loop; an async context manager.

    Args:
        address: ``host:port``.
        token: the job's token.
        connect: how long to wait for the AM to answer for the first time.
    """

    def __init__(self, address: str, token: str, *, connect: timedelta = Timeouts.connect) -> None:
        self.address = address
        self._connect_s = connect.total_seconds()
        self._metadata = _metadata(token)
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = ApplicationMasterStub(self._channel)
        self._call: Any = None

    async def attend(self) -> Attendance:
        """Open the node's one conversation, whose first event must be `wire.Registered`.

        Raises:
            MasterUnreachable: the AM did not answer within `connect`.
            ProtocolError: it does not admit this node.
        """
        call = self._call = self._stub.Attend(metadata=self._metadata, wait_for_ready=True)
        try:
            async with asyncio.timeout(self._connect_s):
                if ADMITTED not in tuple(await call.initial_metadata()):
                    raise _translated(await call.code(), await call.details(), self.address)
        except TimeoutError as error:
            call.cancel()
            raise _silent(self.address, self._connect_s) from error
        return Attendance(call, self.address)

    async def close(self) -> None:
        """Break the conversation off; the AM counts a node that has not ended as lost. Idempotent."""
        if self._call is not None:
            self._call.cancel()  # the channel does not know all calls that are made on it
        await self._channel.close(None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class MasterConnection:
    """The AM at one address, for use in a plain thread; a context manager.

    One channel serves all calls: it connects when it is asked for the first time, and again by itself where
    the AM could not be reached meanwhile.

    Args:
        address: ``host:port``.
        token: the job's token.
        timeout_s: longest wait for an answer, in seconds.
        patient: wait so long, too, for an AM that cannot be reached at the moment; for those who ask again
            and again there is no use in that.
    """

    def __init__(self, address: str, token: str, timeout_s: float, *, patient: bool = True) -> None:
        self.address = address
        self._timeout_s = timeout_s
        self._patient = patient
        self._metadata = _metadata(token)
        self._channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._stub = ApplicationMasterStub(self._channel)

    def status(self) -> wire.ClusterStatus:
        """The cluster as the AM sees it.

        Raises:
            MasterUnreachable: no answer in time.
            ProtocolError: the AM rejects the token.
        """
        return messages.status_from_message(self._ask(self._stub.GetStatus, pb.StatusRequest()))

    def log(self, node: NodeId, offset: int, limit: int) -> wire.LogPiece:
        """A piece of what `node` has printed in its latest attempt.

        Args:
            node: which.
            offset: of the piece, in bytes; negative: as many before the end. One beyond the end of the log,
                which has been cut since, gets its beginning.
            limit: bytes of the piece, at most; the node sends 256 KiB at most.

        Returns:
            the piece, empty at the log's end. Whoever reads on asks for `LogPiece.offset` + the length of its
            text, and begins at 0 where `LogPiece.path` is another: the node has begun another attempt.

        Raises:
            LogUnavailable: there is no such node, it has not come yet or has gone, has no log or did not
                answer.
            MasterUnreachable: no answer in time.
            ProtocolError: the AM rejects the token.
        """
        request = messages.log_request(node, offset, limit)
        return messages.piece_from_message(self._ask(self._stub.GetLog, request))

    def close(self) -> None:
        """Close the channel. Idempotent."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: Any, request: Any) -> Any:
        try:
            return method(
                request, metadata=self._metadata, timeout=self._timeout_s, wait_for_ready=self._patient
            )
        except grpc.RpcError as error:
            raise _translated(error.code(), error.details(), self.address, self._timeout_s) from error


def fetch_status(address: str, token: str, timeout_s: float) -> wire.ClusterStatus:
    """What `MasterConnection.status` tells, for those who ask once."""
    with MasterConnection(address, token, timeout_s) as master:
        return master.status()


def _metadata(token: str) -> _Metadata:
    return (("authorization", f"Bearer {token}"),)


def _silent(address: str, waited_s: float) -> MasterUnreachable:
    return MasterUnreachable(
        f"the application master at {address} did not answer within {waited_s:g} s: where that is no "
        "address of its TaskManager from here, set taskmanager.host or mlonflink.advertised-host there"
    )


def _translated(
    code: grpc.StatusCode, details: str | None, address: str, waited_s: float | None = None
) -> MLOnFlinkError:
    """Our error for gRPC's: nobody there, or not understood."""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and waited_s is not None:
        return _silent(address, waited_s)
    if code is grpc.StatusCode.OK:
        return MasterUnreachable(f"the application master at {address} has ended the conversation")
    if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
        return MasterUnreachable(f"the application master at {address} went away: {details}")
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return LogUnavailable(details)
    return ProtocolError(f"the application master at {address} answered {code.name}: {details}")
