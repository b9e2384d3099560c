"""The address of a node: a port that is its own before anybody hears of it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ml_framework.host import family_of

if TYPE_CHECKING:
    from ml_framework.host import Host


class Address:
    """Binds ports of `host` for the processes of one node.

    Args:
        host: where they listen, and are reached.
        kept: the processes bind the address themselves (`Runner.binds_address`). One port is then held for
            all of them, beside the socket of whichever runs; else each gets a listening socket of its own.

    Attributes:
        ready: there is an address for a process that is to start.
    """

    def __init__(self, host: Host, *, kept: bool) -> None:
        self._host = host
        self.ready = False
        self._kept = kept
        self._socket: socket.socket | None = None

    def bind(self) -> str:
        """Be at an address that is free for a new process; returns where it is reached, ``host:port``.

        Raises:
            OSError: there is no such host, or no free port.
        """
        if not self._kept:
            self.close()
        if self._socket is None:
            self._socket = self._bound()
        self.ready = True
        return self._host.reached_at(self._socket.getsockname()[1])

    def take(self) -> socket.socket | None:
        """The listening socket, for the process that starts; None where that binds the address itself."""
        self.ready = False
        if self._kept:
            return None
        taken, self._socket = self._socket, None
        return taken

    def close(self) -> None:
        """Let go of the address."""
        self.ready = False
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _bound(self) -> socket.socket:
        host = self._host.bound
        if not self._kept:
            return socket.create_server((host, 0), family=family_of(host))
        bound = socket.socket(family_of(host))
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind((host, 0))  # it never listens, so it takes no connection from who does
        except OSError:
            bound.close()
            raise
        return bound
