"""Which interface carries an address."""

from __future__ import annotations

import socket

import psutil
import pytest

from ml_framework.node.interface import interface_of

ADDRESSES = [
    (name, address.address.partition("%")[0])
    for name, addresses in psutil.net_if_addrs().items()
    for address in addresses
    if address.family in (socket.AF_INET, socket.AF_INET6)
]


@pytest.mark.parametrize(("name", "address"), ADDRESSES)
def test_every_address_of_this_host_has_its_interface(name: str, address: str) -> None:
    assert interface_of(address) == name


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.1.1", "localhost"])
def test_all_of_the_loopback_is_one_interface(host: str) -> None:
    assert interface_of(host) == "lo"


@pytest.mark.parametrize("host", ["192.0.2.7", "0.0.0.0", "no such host"])
def test_what_this_host_does_not_have_has_none(host: str) -> None:
    """An address for documentation, all addresses, and no name at all."""
    assert interface_of(host) is None
