"""The user's process end of the control socket: JSON lines to and from the agent.

To the agent go the numbers of `Metrics`; from it come the wish to stop and the checkpoints that Flink has
given up. The end of the socket means that the agent is gone, and with it everybody who would ever end this
process: it then ends itself and what it has started.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

from ml_framework.context.stopping import Stopping
from ml_framework.errors import PeerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def kill_own_group() -> None:
    """End this process and, where it leads a process group of its own, every process in that group."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


class ControlSocket:
    """JSON lines both ways with the agent; a daemon thread reads.

    Args:
        fd: a connected stream socket, owned by this object from now on.
        on_lost: called in the reader's thread when the agent has gone; the default kills this process's
            group.

    Attributes:
        stopping: set once the agent has asked this process to stop in good order.
        aborted: ids of checkpoints that Flink has given up. The reader's thread adds; whoever has dealt with
            an id discards it.
    """

    def __init__(self, fd: int, on_lost: Callable[[], None] = kill_own_group) -> None:
        self.stopping = Stopping()
        self.aborted: set[int] = set()
        self._socket = socket.socket(fileno=fd)
        self._socket.settimeout(None)
        self._on_lost = on_lost
        self._sending = threading.Lock()
        self._closed = False
        self._reader = threading.Thread(target=self._read, name="mlflink-control", daemon=True)
        self._reader.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; any thread may.

        Raises:
            PeerLost: the agent is gone; this process is about to be ended.
        """
        line = json.dumps(message).encode() + b"\n"
        try:
            with self._sending:
                self._socket.sendall(line)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise PeerLost("the agent of this node is gone") from error

    def close(self) -> None:
        """End the conversation from this side; nothing is killed. Closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        self._socket.shutdown(socket.SHUT_RD)
        self._reader.join()
        self._socket.close()

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb") as lines:
                for line in lines:
                    self._take(json.loads(line))
        except ConnectionResetError:
            pass  # the same as the end of the stream
        if not self._closed:
            self._on_lost()

    def _take(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"stop": True}:
                self.stopping.set()
            case {"aborted": int(checkpoint)}:
                self.aborted.add(checkpoint)
