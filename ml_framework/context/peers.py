"""`Peers`: the connections by which the ranks of a role agree, each with each.

Beside a framework's own collectives, which carry tensors, are bound to a device, and cost several times as
much for a handful of numbers: these are blocking sockets between the main threads of the processes. A rank
says its word to all others and hears theirs, so a round takes as long as one word is under way.
"""

from __future__ import annotations

import secrets
import socket
import struct
import time
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from ml_framework.context.door import KEY_BITS, Door, hello
from ml_framework.errors import PeerLost, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from typing_extensions import Buffer

_WORDS = struct.Struct("<6q")
_MEET_S = 60.0
"""Longest wait for a rank that has just been there to connect."""
_NOBODY = 1 << 62
_LOOK_S = 100e-6
"""How long a rank looks for words before it sleeps: to be woken takes as long as most others are behind."""


class Topic(IntEnum):
    """What a round is about; each of them in words."""

    STEP = 0
    STATE = 1

    def __str__(self) -> str:
        return ("takes a step of ctx.batches()", "calls ctx.checkpointed()")[self]


class Sums(NamedTuple):
    """What a rank says in a round, and what all hear: three sums, a minimum and a maximum."""

    first: int = 0
    second: int = 0
    third: int = 0
    lowest: int = 0
    highest: int = 0


class Peers:
    """Combines numbers over all ranks, of whom each must ask for the same rounds in the same order.

    Args:
        rank: of this process.
        size: how many ranks there are.
        connections: to all others, by rank.

    Attributes:
        rank: the same.
        size: the same.
    """

    def __init__(self, rank: int, size: int, connections: Mapping[int, socket.socket]) -> None:
        self.rank = rank
        self.size = size
        self._connections = dict(sorted(connections.items()))

    @classmethod
    def alone(cls) -> Peers:
        """A rank without others: it agrees with itself."""
        return cls(0, 1, {})

    @classmethod
    def meet(
        cls,
        rank: int,
        hosts: Sequence[str],
        tell: Callable[[tuple[int, int]], tuple[int, int]],
        *,
        bind_host: str,
    ) -> Peers:
        """Connect all ranks.

        Each listens for those above it. All connect to rank 0, which then tells everybody's ports.

        Args:
            rank: of this process.
            hosts: by which each rank is reached, two at least.
            tell: hands two numbers of rank 0 to every rank, once: how they hear where rank 0 listens.
            bind_host: where this process listens.

        Raises:
            OSError: they cannot connect.
        """
        size = len(hosts)
        with Door(bind_host, size) as door:
            mine = door.port
            port, key = tell((0, 0) if rank else (mine, secrets.randbits(KEY_BITS)))
            everybody = struct.Struct(f"<{size}q")
            connections: dict[int, socket.socket] = {}
            ports = [mine] * size
            if rank:
                connections[0] = _introduced(0, hosts[0], port, hello(key, rank, mine))
                ports = list(everybody.unpack(_received(connections[0], everybody.size)))
                for other in range(1, rank):
                    connections[other] = _introduced(
                        other, hosts[other], ports[other], hello(key, rank, mine)
                    )
            while len(connections) < size - 1:
                caller = door.admit(key, _MEET_S)
                connections[caller.rank], ports[caller.rank] = _ready(caller.connection), caller.port
        if not rank:
            for connection in connections.values():
                connection.sendall(everybody.pack(*ports))
        return cls(rank, size, connections)

    def combine(self, topic: Topic, numbers: Sums) -> Sums:
        """One round; waits for the slowest rank.

        Args:
            topic: what the round is about, the same on every rank.
            numbers: of this rank.

        Raises:
            PeerLost: another rank has gone.
            ProtocolError: another rank is at something else.
        """
        if not self._connections:
            return numbers
        word = _WORDS.pack(topic, *numbers)
        until_s = time.perf_counter() + _LOOK_S
        try:
            for connection in self._connections.values():
                connection.sendall(word)
            every = [numbers, *(self._heard(topic, rank, until_s) for rank in self._connections)]
        except OSError as error:
            raise PeerLost("another rank has gone") from error
        first, second, third, lowest, highest = zip(*every, strict=True)
        return Sums(sum(first), sum(second), sum(third), min(lowest), max(highest))

    def hand_round(self, blob: Buffer | None) -> Buffer | None:
        """Hand the one blob that some rank may have to every rank.

        Args:
            blob: of this rank; None where it has none.

        Returns:
            The blob of the lowest rank that has one, None where nobody has.

        Raises:
            PeerLost: another rank has gone.
            ProtocolError: another rank is at something else.
        """
        holder = _NOBODY if blob is None else self.rank
        holder = self.combine(Topic.STATE, Sums(lowest=holder)).lowest
        if holder == _NOBODY:
            return None
        size = 0 if blob is None or holder != self.rank else memoryview(blob).nbytes
        size = self.combine(Topic.STATE, Sums(size)).first
        try:
            if holder != self.rank:
                return _received(self._connections[holder], size)
            if blob is not None:
                for connection in self._connections.values():
                    connection.sendall(blob)
        except OSError as error:
            raise PeerLost("another rank has gone") from error
        return blob

    def close(self) -> None:
        """Take no further part."""
        for connection in self._connections.values():
            connection.close()

    def _heard(self, topic: Topic, rank: int, until_s: float) -> Sums:
        theirs, *numbers = _WORDS.unpack(_looked_for(self._connections[rank], _WORDS.size, until_s))
        if theirs != topic:
            raise ProtocolError(
                f"rank {self.rank} {topic} while rank {rank} {Topic(theirs)}: every rank must do the same, "
                "in the same order"
            )
        return Sums(*numbers)


def connected(rank: int, host: str, port: int, timeout_s: float = _MEET_S) -> socket.socket:
    """A connection to `rank`, which listens at `port` of `host`.

    Raises:
        TimeoutError: what is sent there gets lost; the message names the remedy.
        OSError: it cannot be reached.
    """
    try:
        return socket.create_connection((host, port), timeout=timeout_s)
    except TimeoutError:
        raise TimeoutError(
            f"rank {rank} is not reached at {host}, port {port}: no answer within {timeout_s:g} s. Let "
            "TaskManagers connect to each other at any port, as a firewall may not, or set "
            "mlonflink.advertised-host to an address by which they do"
        ) from None


def _introduced(rank: int, host: str, port: int, greeting: bytes) -> socket.socket:
    connection = connected(rank, host, port)
    connection.sendall(greeting)
    return _ready(connection)


def _ready(connection: socket.socket) -> socket.socket:
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _received(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view.nbytes:
        count = connection.recv_into(view, 0, socket.MSG_WAITALL)
        if not count:
            raise PeerLost("another rank has gone")
        view = view[count:]
    return data


def _looked_for(connection: socket.socket, size: int, until_s: float) -> bytes | bytearray:
    """The next `size` bytes, looked for until then before they are waited for."""
    while time.perf_counter() < until_s:
        try:
            data = connection.recv(size, socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        return data if len(data) == size else data + _received(connection, size - len(data))
    return _received(connection, size)
