"""The doorbell: a connected Unix stream socket that wakes a process which sleeps on a byte queue.

A byte means "look again", no more. The socket's end means that the other process has gone.
"""

from __future__ import annotations

import math
import select
import socket
import time
from threading import Condition
from typing import Final

from ml_framework.errors import PeerLost

_RING: Final = b"\x01"
_MANY: Final = 4096


class Doorbell:
    """One end of a doorbell; the queues between two processes share it, and so may several threads.

    A thread that waits takes every byte that has arrived, perhaps one that was meant for another thread.
    `heard` makes up for it: remember it, say in the queue that you wait, look, and give it to `wait`.

    Args:
        sock: connected stream socket; the doorbell owns it from now on.

    Attributes:
        heard: how often this end has heard the peer ring.
    """

    __slots__ = ("_changed", "_listening", "_poll", "_socket", "heard")

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0)
        self.heard = 0
        self._socket = sock
        self._changed = Condition()
        self._listening = False
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def ring(self) -> bool:
        """Wake the peer, without ever blocking; False when nobody is there to hear it."""
        try:
            self._socket.send(_RING, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return True  # the bytes that fill the socket say "look again" as well as one more would
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def wait(self, timeout_s: float | None = None, *, heard: int | None = None) -> bool:
        """Sleep until the peer rings; the interpreter's lock is released meanwhile.

        Args:
            timeout_s: longest sleep, 0 not to sleep; None sleeps for ever.
            heard: the value of `self.heard` before the caller looked; a ring since then counts.

        Returns:
            Whether the peer has rung; False when the time has passed.

        Raises:
            PeerLost: the peer's end of the socket is closed and every ring was heard.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        if heard is None:
            heard = self.heard
        rung = False
        with self._changed:
            # One thread listens; what it hears is for all.
            if not self._changed.wait_for(lambda: self.heard != heard or not self._listening, timeout_s):
                return False
            if self.heard != heard:
                return True
            self._listening = True
        try:
            rung = self._listen(deadline)
        finally:
            with self._changed:
                self._listening = False
                self.heard += rung
                self._changed.notify_all()
        return rung

    def _listen(self, deadline: float | None) -> bool:
        remaining_ms = None if deadline is None else math.ceil(max(0.0, deadline - time.monotonic()) * 1e3)
        if not self._poll.poll(remaining_ms):
            return False
        try:
            rings = self._socket.recv(_MANY)
        except ConnectionResetError:
            rings = b""
        if not rings:
            raise PeerLost("the process at the other end has gone without closing the queue")
        return True

    def close(self) -> None:
        """Close this end; the peer hears that it is gone."""
        self._socket.close()
