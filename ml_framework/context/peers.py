"""`Peers`: the connections by which the ranks of a role agree, every rank with rank 0.

Beside a framework's own collectives, which carry tensors, are bound to a device, and cost several times as
much for a handful of numbers: these are blocking sockets between the main threads of the processes.
"""

from __future__ import annotations

import secrets
import socket
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from ml_framework.errors import PeerLost, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Buffer

_WORDS = struct.Struct("<6q")
_HELLO = struct.Struct("<2q")
_KEY_BITS = 62
_MEET_S = 60.0
"""Longest wait for a rank that has just been there to connect."""
_NOBODY = 1 << 62


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

    Rank 0 hears what the others say and tells them what comes of it.

    Args:
        rank: of this process.
        size: how many ranks there are.
        connections: by rank: of rank 0 to all others, of any other to rank 0.

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
        cls, rank: int, world_size: int, host: str, tell: Callable[[tuple[int, int]], tuple[int, int]]
    ) -> Peers:
        """Connect all ranks.

        Args:
            rank: of this process.
            world_size: at least 2.
            host: of rank 0.
            tell: hands two numbers of rank 0 to every rank, once: how they hear where rank 0 listens.

        Raises:
            OSError: they cannot connect.
        """
        if rank:
            return cls(rank, world_size, {0: _connected(rank, host, *tell((0, 0)))})
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family, backlog=world_size) as server:
            server.settimeout(_MEET_S)
            key = secrets.randbits(_KEY_BITS)
            tell((server.getsockname()[1], key))
            connections: dict[int, socket.socket] = {}
            while len(connections) < world_size - 1:
                connections.update(_admitted(server, key))
        return cls(rank, world_size, connections)

    def combine(self, topic: Topic, numbers: Sums) -> Sums:
        """One round; waits for the slowest rank.

        Args:
            topic: what the round is about, the same on every rank.
            numbers: of this rank.

        Raises:
            PeerLost: another rank has gone.
            ProtocolError: another rank is at something else.
        """
        if self.size == 1:
            return numbers
        try:
            if self.rank == 0:
                return self._collect(topic, numbers)
            self._connections[0].sendall(_WORDS.pack(topic, *numbers))
            return self._heard(topic, 0)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise PeerLost("another rank has gone") from error

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
            if holder == self.rank != 0 and blob is not None:
                self._connections[0].sendall(blob)
            elif holder != self.rank:
                blob = _received(self._connections[holder if self.rank == 0 else 0], size)
            if self.rank == 0 and blob is not None:
                for rank, connection in self._connections.items():
                    if rank != holder:
                        connection.sendall(blob)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise PeerLost("another rank has gone") from error
        return blob

    def close(self) -> None:
        """Take no further part."""
        for connection in self._connections.values():
            connection.close()

    def _collect(self, topic: Topic, numbers: Sums) -> Sums:
        every = [numbers, *(self._heard(topic, rank) for rank in self._connections)]
        first, second, third, lowest, highest = zip(*every, strict=True)
        combined = Sums(sum(first), sum(second), sum(third), min(lowest), max(highest))
        message = _WORDS.pack(topic, *combined)
        for connection in self._connections.values():
            connection.sendall(message)
        return combined

    def _heard(self, topic: Topic, rank: int) -> Sums:
        theirs, *numbers = _WORDS.unpack(_received(self._connections[rank], _WORDS.size))
        if theirs != topic:
            raise ProtocolError(
                f"rank {self.rank} {topic} while rank {rank} {Topic(theirs)}: every rank must do the same, "
                "in the same order"
            )
        return Sums(*numbers)


def _connected(rank: int, host: str, port: int, key: int) -> socket.socket:
    connection = socket.create_connection((host, port), timeout=_MEET_S)
    connection.sendall(_HELLO.pack(key, rank))
    return _ready(connection)


def _admitted(server: socket.socket, key: int) -> dict[int, socket.socket]:
    """The next who connects, by rank; nobody, if that is somebody else."""
    connection, _ = server.accept()
    connection.settimeout(_MEET_S)
    try:
        theirs, rank = _HELLO.unpack(_received(connection, _HELLO.size))
        if theirs == key:
            return {rank: _ready(connection)}
    except (TimeoutError, ConnectionResetError, PeerLost):
        pass  # as good as a wrong key
    connection.close()
    return {}


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
