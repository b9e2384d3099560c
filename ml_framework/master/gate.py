"""Who may call the AM: whoever carries the job's token. The others are turned away before they are heard."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Gate(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Lets calls with the job's token pass; the token appears in no log and no message.

    It stands before the methods and not in them because a method's request is read before the method is
    called: megabytes of anybody, who could send them many times at once. Of a call that is turned away only
    the headers have been read, which gRPC limits to 16 KiB.

    Args:
        token: the job's secret.
    """

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        self._closed = grpc.stream_stream_rpc_method_handler(_turn_away)

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[grpc.RpcMethodHandler[Any, Any]]], details: Any
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The method that was called, or the one that turns the caller away without reading its request."""
        sent = next((value for key, value in details.invocation_metadata if key == "authorization"), "")
        if hmac.compare_digest(sent.encode(), self._expected):
            return await continuation(details)
        return self._closed


async def _turn_away(_requests: Any, context: Any) -> None:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the job's token is missing or wrong")
