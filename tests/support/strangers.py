"""Strangers at the port of an application master: what they send, as bytes of HTTP/2 and otherwise.

Each attack takes the address and returns the connections that it leaves open. A client library would send
only what is allowed, so these write frames themselves (RFC 9113, and RFC 7541 for the headers).
"""

from __future__ import annotations

import random
import socket
import struct
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import grpc

from ml_framework.rpc.channel import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

Address = tuple[str, int]

_SERVICE = "/mlonflink.ApplicationMaster/"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING = 0, 1, 3, 4, 6
_END_STREAM, _END_HEADERS = 1, 4
_EMPTY_MESSAGE = bytes(5)
_PATIENCE_S = 2.0
_ANY_SIZE = (("grpc.max_send_message_length", -1), ("grpc.max_metadata_size", 1 << 24))


def silent(address: Address) -> list[socket.socket]:
    """A thousand connections that say nothing."""
    return [_connected(address) for _ in range(1000)]


def silent_after_opening(address: Address) -> list[socket.socket]:
    """A hundred connections that open HTTP/2 and then say nothing."""
    return [_opened(address) for _ in range(100)]


def half_a_header(address: Address) -> list[socket.socket]:
    """A hundred connections that stop within the headers of a call."""
    connections = [_opened(address) for _ in range(100)]
    for connection in connections:
        connection.sendall(_frame(_HEADERS, 0, 1, _call("Attend")[:20]))
    return connections


def garbage(address: Address) -> list[socket.socket]:
    """Fifty connections that send 100 kB of noise, half of them after opening HTTP/2."""
    noise = random.Random(0)
    connections = [connect(address) for connect in (_connected, _opened) for _ in range(25)]
    for connection in connections:
        with suppress(OSError):
            connection.sendall(noise.randbytes(100_000))
    return connections


def open_streams(address: Address) -> list[socket.socket]:
    """Ten thousand calls of `Attend` on one connection, none of which is ended."""
    return [_calling(address, "Attend", 10_000, lambda _stream: b"")]


def half_a_message(address: Address) -> list[socket.socket]:
    """Ten connections with a thousand calls each, whose messages of 4 MiB stop after 600 bytes."""
    begun = struct.pack(">BI", 0, MAX_MESSAGE_BYTES) + bytes(600)
    return [
        _calling(address, "GetStatus", 1000, lambda stream: _frame(_DATA, 0, stream, begun))
        for _ in range(10)
    ]


def reads_nothing(address: Address) -> list[socket.socket]:
    """Ten connections with 5,000 calls each, and two that add pings, whose answers nobody takes."""

    def whole(stream: int) -> bytes:
        return _frame(_DATA, _END_STREAM, stream, _EMPTY_MESSAGE)

    def pinging(stream: int) -> bytes:
        return whole(stream) + _frame(_PING, 0, 0, bytes(8))

    follows = [whole] * 10 + [pinging] * 2
    return [_calling(address, "GetStatus", 5000, follow) for follow in follows]


def gives_up_at_once(address: Address) -> list[socket.socket]:
    """Ten connections with 5,000 calls each, which are cancelled as soon as they are made."""
    return [
        _calling(address, "GetStatus", 5000, lambda stream: _frame(_RESET, 0, stream, bytes(4)))
        for _ in range(10)
    ]


def whole_messages(address: Address, size: int, *, calls: int) -> set[grpc.StatusCode]:
    """How calls of `GetStatus` end that have no token and a message of `size` bytes; all are made at once."""
    options = (*_ANY_SIZE, ("grpc.use_local_subchannel_pool", 1))
    channels = [grpc.insecure_channel("{}:{}".format(*address), options) for _ in range(calls // 8)]
    made = [
        channel.unary_unary(f"{_SERVICE}GetStatus").future(bytes(size))
        for channel in channels
        for _ in range(8)
    ]
    codes = {call.code() for call in made}
    for channel in channels:
        channel.close()
    return codes


def large_headers(address: Address, size: int) -> grpc.StatusCode:
    """How a call ends that has a header of `size` bytes."""
    with grpc.insecure_channel("{}:{}".format(*address), _ANY_SIZE) as channel:
        call = channel.unary_unary(f"{_SERVICE}GetStatus").future(b"", metadata=(("x", "y" * size),))
        return call.code()


def _connected(address: Address) -> socket.socket:
    return socket.create_connection(address, _PATIENCE_S)


def _opened(address: Address) -> socket.socket:
    connection = _connected(address)
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS))
    return connection


def _calling(address: Address, method: str, calls: int, follow: Callable[[int], bytes]) -> socket.socket:
    """A connection that makes calls, each with what `follow` sends on its stream, until it is cut off."""
    connection = _opened(address)
    headers = _call(method)
    with suppress(OSError):
        for stream in islice(range(1, 1 << 31, 2), calls):
            connection.sendall(_frame(_HEADERS, _END_HEADERS, stream, headers) + follow(stream))
    return connection


def _frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def _call(method: str) -> bytes:
    """The headers of a call, each literal and never indexed."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": f"{_SERVICE}{method}",
        ":authority": "am",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields.items())


def _text(text: str) -> bytes:
    assert len(text) < 127  # longer ones have a length of several bytes
    return bytes([len(text)]) + text.encode()
