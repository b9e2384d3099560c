"""The address of a node."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from ml_framework.host import Host
from ml_framework.node.address import Address


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("advertised", ["127.0.0.1", "localhost", "203.0.113.7"])
def test_it_is_bound_here_and_reached_as_advertised(bound: str, advertised: str) -> None:
    """An address of somebody else's, as that of a router, is told but never bound."""
    with closing(Address(Host(advertised, bound), kept=False)) as address:
        host, _, port = address.bind().rpartition(":")
        assert host == advertised
        with address.take() as listening, socket.create_connection(("127.0.0.1", int(port)), timeout=5):
            assert listening.getsockname() == (bound, int(port))


@pytest.mark.parametrize("kept", [False, True])
def test_an_address_of_another_host_is_refused(*, kept: bool) -> None:
    with pytest.raises(OSError, match="Cannot assign requested address"):
        Address(Host("192.0.2.7"), kept=kept).bind()
