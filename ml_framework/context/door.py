"""Where ranks come in: who connects says a hello with the key that only ranks know.

Anybody can connect. All who have are listened to at once, so that who says nothing holds nobody up, and of
nobody more is kept than a hello is long.
"""

from __future__ import annotations

import hmac
import selectors
import socket
import struct
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple, Self

from ml_framework.host import family_of

if TYPE_CHECKING:
    from types import TracebackType

KEY_BITS = 62
_HELLO = struct.Struct("<3q")
_KEY_BYTES = 8
_MOST_STRANGERS = 128
"""Connections that have not said their hello; who has been silent longest has to go for the next."""


class Caller(NamedTuple):
    """A rank that has come.

    Attributes:
        rank: which.
        port: at which it listens.
        connection: to it, non-blocking.
    """

    rank: int
    port: int
    connection: socket.socket


def hello(key: int, rank: int, port: int) -> bytes:
    """What a rank that listens at `port` says when it has connected."""
    return _HELLO.pack(key, rank, port)


class Door:
    """Listens for ranks. A context manager; who has not been admitted by its end is closed out.

    Args:
        host: address to listen at.
        size: how many ranks there are.

    Attributes:
        port: where it listens.
    """

    def __init__(self, host: str, size: int) -> None:
        with ExitStack() as stack:
            # Strangers wait in that queue as well: it has room for more than the ranks.
            server = stack.enter_context(
                socket.create_server((host, 0), family=family_of(host), backlog=size + _MOST_STRANGERS)
            )
            server.settimeout(0)
            self.port: int = server.getsockname()[1]
            self._selector = stack.enter_context(selectors.DefaultSelector())
            self._selector.register(server, selectors.EVENT_READ)
            self._resources = stack.pop_all()
        self._server = server
        self._said: dict[socket.socket, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in tuple(self._said):
            self._close_out(connection)
        self._resources.close()

    def admit(self, key: int, timeout_s: float) -> Caller:
        """The next who says its hello with `key`; `TimeoutError` if nobody has in `timeout_s` seconds."""
        until_s = time.monotonic() + timeout_s
        while (left_s := until_s - time.monotonic()) > 0:
            for ready, _ in self._selector.select(left_s):
                connection = ready.data or self._accept()
                if connection in self._said and (caller := self._listen(connection, key)):
                    return caller
        raise TimeoutError(f"no other rank has connected to port {self.port} within {timeout_s:g} s")

    def _accept(self) -> socket.socket | None:
        if len(self._said) == _MOST_STRANGERS:
            self._close_out(next(iter(self._said)))
        try:
            connection, _ = self._server.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return None  # who knocked has gone
        connection.settimeout(0)
        self._said[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ, connection)
        return connection

    def _listen(self, connection: socket.socket, key: int) -> Caller | None:
        """Take in what was said; who has nothing more to say, or says another key, is closed out."""
        try:
            data = connection.recv(_HELLO.size - len(self._said[connection]))
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        said = self._said[connection] + data
        if data and len(said) < _HELLO.size:
            self._said[connection] = said
            return None
        if not data or not hmac.compare_digest(said[:_KEY_BYTES], _HELLO.pack(key, 0, 0)[:_KEY_BYTES]):
            self._close_out(connection)
            return None
        del self._said[connection]
        self._selector.unregister(connection)
        _, rank, port = _HELLO.unpack(said)
        return Caller(rank, port, connection)

    def _close_out(self, connection: socket.socket) -> None:
        del self._said[connection]
        self._selector.unregister(connection)
        connection.close()
