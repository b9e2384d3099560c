"""An application master that does nothing by itself: a test reads what nodes say and gives the answers."""

from __future__ import annotations

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import grpc

from ml_framework.rpc import messages, wire
from ml_framework.rpc._generated import application_master_pb2_grpc as pb_grpc
from ml_framework.rpc.channel import ADMITTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ml_framework.spec import NodeId

_TOKEN = "job-token"  # noqa: S105 - there is nothing to protect


class ScriptedMaster(pb_grpc.ApplicationMasterServicer):  # type: ignore[misc]
    """Speaks the AM's protocol on a port of its own; a context manager.

    Attributes:
        address: ``host:port``.
        token: the job's token.
        events: everything that nodes have said, heartbeats included.
    """

    def __init__(self) -> None:
        self.events: list[wire.NodeEvent] = []
        self.token = _TOKEN
        self._heard = threading.Condition()
        self._commands: queue.SimpleQueue[wire.NodeCommand | None] = queue.SimpleQueue()
        self._server = grpc.server(ThreadPoolExecutor(4))
        pb_grpc.add_ApplicationMasterServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def Attend(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        """One node's conversation; the commands go to whichever node attends."""
        if ("authorization", f"Bearer {self.token}") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "wrong token")
        context.send_initial_metadata((ADMITTED,))
        reader = threading.Thread(target=self._read, args=(requests,), daemon=True)
        reader.start()
        while (command := self._commands.get()) is not None:
            yield messages.command_to_message(command)

    def tell(self, command: wire.NodeCommand) -> None:
        """Send `command` to the node that attends."""
        self._commands.put(command)

    def wait_for(self, kind: type[wire.NodeEvent], *, timeout_s: float = 30.0, count: int = 1) -> Any:
        """The `count`-th event of class `kind`; `TimeoutError` if it does not come."""
        deadline = time.monotonic() + timeout_s
        with self._heard:
            while True:
                found = [event for event in self.events if isinstance(event, kind)]
                if len(found) >= count:
                    return found[count - 1]
                if not self._heard.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no {kind.__name__} number {count}, only {self.events}")

    def outcome(self, node: NodeId, *, timeout_s: float = 30.0) -> wire.Ended:
        """How `node` said that it ended."""
        ended: wire.Ended = self.wait_for(wire.Ended, timeout_s=timeout_s)
        assert ended.node == node
        return ended

    def go_away(self) -> None:
        """Break off every conversation and close the port."""
        self._commands.put(None)
        self._server.stop(grace=None).wait()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_away()

    def _read(self, requests: Iterator[Any]) -> None:
        try:
            for message in requests:
                with self._heard:
                    self.events.append(messages.event_from_message(message))
                    self._heard.notify_all()
        except grpc.RpcError:
            return  # the node has gone
