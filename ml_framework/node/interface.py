"""The network interface that carries an address of this host."""

from __future__ import annotations

import array
import fcntl
import ipaddress
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIOCGIFCONF = 0x8912
_IFCONF = struct.Struct("iP")
_IFREQ = struct.Struct("16s4x4s16x")
"""Name, and an IPv4 address behind its family and port: netdevice(7)."""
_MOST_BYTES = _IFREQ.size * 1024
_IF_INET6 = Path("/proc/net/if_inet6")


def interface_of(host: str) -> str | None:
    """Name of the interface that carries `host`, a name or an address; None where none of this host does."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return None
    wanted = {_carried(ipaddress.ip_address(address)) for address in found}
    return next((name for name, address in _interfaces() if address in wanted), None)


def _carried(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """`address`; for any of IPv4's loopback the one that its interface has."""
    is_loopback = address.version == 4 and address.is_loopback  # noqa: PLR2004 - of the protocol
    return ipaddress.IPv4Address("127.0.0.1") if is_loopback else address


def _interfaces() -> Iterator[tuple[str, ipaddress.IPv4Address | ipaddress.IPv6Address]]:
    """Name and address, each as often as an interface has addresses."""
    space = array.array("B", bytes(_MOST_BYTES))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        request = _IFCONF.pack(_MOST_BYTES, space.buffer_info()[0])
        used, _ = _IFCONF.unpack(fcntl.ioctl(asking, _SIOCGIFCONF, request))
    for label, address in _IFREQ.iter_unpack(space.tobytes()[:used]):
        yield label.rstrip(b"\0").decode().partition(":")[0], ipaddress.IPv4Address(address)
    if _IF_INET6.exists():
        for line in _IF_INET6.read_text(encoding="ascii").splitlines():
            digits, *_, name = line.split()
            yield name, ipaddress.IPv6Address(int(digits, 16))
