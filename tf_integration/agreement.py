"""How the workers agree, step by step, on what they do next.

Workers get different numbers of rows, in their own time; collectives need every worker at every step. So
before each step they add up three numbers: rows at hand, workers whose input has ended, workers whose user
code has returned. The sums are the same everywhere, and so is what follows from them.

They add up over connections of their own: TensorFlow's collectives take a millisecond for three numbers, and
would have to keep out of the way of the user's.
"""

from __future__ import annotations

import secrets
import socket
import struct
from typing import TYPE_CHECKING

from ml_framework.errors import PeerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Numbers = Sequence[int]

_NUMBERS = struct.Struct("<3q")
_KEY = struct.Struct("<q")
_KEY_BITS = 62
_MEET_S = 60.0
"""Longest wait for a worker that has just been there to connect."""


class Sums:
    """Adds up three numbers over all workers, of whom each must ask equally often.

    Rank 0 hears the others' numbers and tells them the sums.

    Args:
        rank: of this worker.
        peers: connections: of rank 0 to all others, of any other to rank 0.
    """

    def __init__(self, rank: int, peers: Sequence[socket.socket]) -> None:
        self._rank = rank
        self._peers = peers

    @classmethod
    def meet(
        cls, rank: int, world_size: int, host: str, add_up: Callable[[tuple[int, int]], tuple[int, int]]
    ) -> Sums:
        """Connect all workers.

        Args:
            rank: of this worker.
            world_size: at least 2.
            host: of rank 0.
            add_up: the same over all workers, for once: how they hear where rank 0 listens.

        Raises:
            OSError: they cannot connect.
        """
        if rank:
            return cls(rank, [_connected(host, *add_up((0, 0)))])
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, 0), family=family, backlog=world_size) as server:
            server.settimeout(_MEET_S)
            key = secrets.randbits(_KEY_BITS)
            add_up((server.getsockname()[1], key))
            peers: list[socket.socket] = []
            while len(peers) < world_size - 1:
                peers.extend(_admitted(server, key))
        return cls(rank, peers)

    def add_up(self, numbers: Numbers) -> Numbers:
        """The sums; waits for the slowest worker.

        Raises:
            PeerLost: a worker has gone.
        """
        try:
            return self._collected(numbers) if self._rank == 0 else self._asked(numbers)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise PeerLost("another worker has gone") from error

    def close(self) -> None:
        """Take no further part."""
        for peer in self._peers:
            peer.close()

    def _collected(self, numbers: Numbers) -> Numbers:
        every = [numbers, *(_received(peer, _NUMBERS) for peer in self._peers)]
        sums = [sum(each) for each in zip(*every, strict=True)]
        for peer in self._peers:
            peer.sendall(_NUMBERS.pack(*sums))
        return sums

    def _asked(self, numbers: Numbers) -> Numbers:
        (hub,) = self._peers
        hub.sendall(_NUMBERS.pack(*numbers))
        return _received(hub, _NUMBERS)


class Agreement:
    """Agrees on steps. Each worker must ask for the same number of them, until one is over.

    Args:
        sums: over all workers.
        world_size: how many they are.

    Attributes:
        over: there is no further step: every input has ended, or a worker has left.
    """

    def __init__(self, sums: Sums, world_size: int) -> None:
        self.over = False
        self._sums = sums
        self._world_size = world_size

    def step(self, rows: int, *, ended: bool) -> int:
        """Agree on the next step.

        Args:
            rows: what this worker has at hand.
            ended: this worker will never have more.

        Returns:
            Rows over all workers. The step is to be taken if there are any, unless it is `over` now.

        Raises:
            PeerLost: a worker has gone without a word.
        """
        return self._agree(rows, ended=ended, left=False)

    def leave(self) -> None:
        """Take part for the last time: there is no step after this one, on any worker."""
        if not self.over:
            self._agree(0, ended=False, left=True)

    def _agree(self, rows: int, *, ended: bool, left: bool) -> int:
        total, ends, leavers = self._sums.add_up((rows, ended, left))
        self.over = leavers > 0 or (total == 0 and ends == self._world_size)
        return total


def _connected(host: str, port: int, key: int) -> socket.socket:
    peer = socket.create_connection((host, port), timeout=_MEET_S)
    peer.sendall(_KEY.pack(key))
    return _ready(peer)


def _admitted(server: socket.socket, key: int) -> list[socket.socket]:
    """The next who connects; nobody, if that is somebody else."""
    peer, _ = server.accept()
    peer.settimeout(_MEET_S)
    try:
        if _received(peer, _KEY) == (key,):
            return [_ready(peer)]
    except (TimeoutError, ConnectionResetError, PeerLost):
        pass  # as good as a wrong key
    peer.close()
    return []


def _ready(peer: socket.socket) -> socket.socket:
    peer.settimeout(None)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def _received(peer: socket.socket, form: struct.Struct) -> Numbers:
    data = peer.recv(form.size, socket.MSG_WAITALL)
    if len(data) < form.size:
        raise PeerLost("another worker has gone")
    return form.unpack(data)
