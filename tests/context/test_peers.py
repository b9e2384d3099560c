"""How ranks connect."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

import pytest

from ml_framework.context.peers import Peers, Sums, Topic, connected
from ml_framework.errors import PeerLost


def fill(stack: ExitStack, port: int) -> None:
    """Connect until nobody answers."""
    for _ in range(10):
        stack.enter_context(connected(2, "127.0.0.1", port, timeout_s=0.3))


def test_a_rank_that_nothing_gets_through_to_is_named_with_the_remedy() -> None:
    """The queue of one who never accepts is full: what is sent there is dropped, as by a firewall."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = server.getsockname()[1]
        with pytest.raises(TimeoutError) as error:
            fill(stack, port)
    assert str(error.value) == (
        f"rank 2 is not reached at 127.0.0.1, port {port}: no answer within 0.3 s. Let TaskManagers connect "
        "to each other at any port, as a firewall may not, or set mlonflink.advertised-host to an address by "
        "which they do"
    )


def test_a_rank_that_has_gone_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        connected(0, "127.0.0.1", port)


def test_a_rank_whose_host_has_gone_is_lost() -> None:
    """However the system tells it: nobody is to take it for the fault of this rank."""

    class Silent(socket.socket):
        def recv_into(self, *_: object) -> int:
            raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")

    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Silent()
        connection.connect(server.getsockname())
        with pytest.raises(PeerLost, match="another rank has gone"):
            Peers(0, 2, {1: connection}).combine(Topic.STEP, Sums())
        connection.close()
