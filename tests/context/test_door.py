"""Who is let in where ranks meet, and that nobody else holds them up."""

from __future__ import annotations

import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from ml_framework.context.door import Door, hello
from ml_framework.context.peers import Peers, Sums, Topic
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
KEY = 0x1234_5678_9ABC_DEF0
WRONG = KEY ^ 1
RANKS = 3


@pytest.fixture
def door() -> Iterator[Door]:
    with Door(HOST, RANKS) as door:
        yield door


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def knock(stack: ExitStack, port: int, said: bytes = b"") -> socket.socket:
    """A connection to `port` that has said that much."""
    connection = stack.enter_context(socket.create_connection((HOST, port), 5))
    connection.sendall(said)
    return connection


def nobody_comes(door: Door) -> bool:
    """The door has listened for a while to those who are no ranks."""
    refusal = rf"no other rank has connected to port {door.port} within 0.1 s"
    with pytest.raises(TimeoutError, match=refusal):
        door.admit(KEY, 0.1)
    return True


def is_closed(connection: socket.socket) -> bool:
    """Whether the other end has closed `connection`, which says nothing."""
    connection.settimeout(0)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_rank_is_let_in(door: Door, stack: ExitStack) -> None:
    """Who it is, where it listens, and its connection."""
    rank = knock(stack, door.port, hello(KEY, 2, 4711))
    caller = door.admit(KEY, 5)
    stack.enter_context(caller.connection)
    assert (caller.rank, caller.port) == (2, 4711)
    caller.connection.sendall(b"x")
    assert rank.recv(1) == b"x"


def test_a_hello_may_come_in_pieces(door: Door, stack: ExitStack) -> None:
    """Others are listened to in between."""
    said = hello(KEY, 1, 4711)
    slow = knock(stack, door.port, said[:5])
    knock(stack, door.port, hello(KEY, 2, 4712))
    callers = [door.admit(KEY, 5)]
    slow.sendall(said[5:])
    callers.append(door.admit(KEY, 5))
    for caller in callers:
        caller.connection.close()
    assert [(caller.rank, caller.port) for caller in callers] == [(2, 4712), (1, 4711)]


def test_who_has_no_key_is_closed_out(door: Door, stack: ExitStack) -> None:
    """At once; who says nothing when the door is closed."""
    noise = random.Random(0).randbytes(1000)
    strangers = [knock(stack, door.port, said) for said in (hello(WRONG, 1, 1), bytes(24), noise)]
    silent = [knock(stack, door.port, said) for said in (b"", hello(KEY, 1, 1)[:23])]
    eventually(lambda: nobody_comes(door) and all(map(is_closed, strangers)))
    assert [is_closed(stranger) for stranger in silent] == [False] * 2
    door.__exit__(None, None, None)
    eventually(lambda: all(map(is_closed, silent)))


def test_who_is_silent_longest_goes_first(door: Door, stack: ExitStack) -> None:
    """Strangers take up a bounded number of files, and a rank comes in all the same."""
    silent = [knock(stack, door.port) for _ in range(100)]
    eventually(lambda: nobody_comes(door) and len(door._said) == 100)
    silent += [knock(stack, door.port) for _ in range(100)]
    knock(stack, door.port, hello(KEY, 1, 4711))
    with closing(door.admit(KEY, 5).connection):
        assert [is_closed(stranger) for stranger in silent] == [True] * 73 + [False] * 127


@pytest.mark.parametrize("said", [b"", b"half a hello", hello(WRONG, 1, 1), bytes(10_000)])
def test_fifty_strangers_hold_no_meeting_up(stack: ExitStack, said: bytes) -> None:
    """Who were there before the ranks: nobody waits for them, and the ranks hear each other alone."""
    all_there = Barrier(RANKS)
    told: list[tuple[int, int]] = []

    def tell(numbers: tuple[int, int]) -> tuple[int, int]:
        if numbers != (0, 0):
            told.append(numbers)
            for _ in range(50):
                knock(stack, numbers[0], said)
        all_there.wait(10)
        return told[0]

    def meet(rank: int) -> Sums:
        with closing(Peers.meet(rank, [HOST] * RANKS, tell, bind_host=HOST)) as peers:
            return peers.combine(Topic.STEP, Sums(rank, 1, 0, rank, rank))

    began_s = time.monotonic()
    with ThreadPoolExecutor(RANKS) as threads:
        sums = list(threads.map(meet, range(RANKS), timeout=20))
    assert sums == [Sums(3, 3, 0, 0, 2)] * RANKS
    assert time.monotonic() - began_s < 3


def test_the_key_is_in_no_message(door: Door, stack: ExitStack) -> None:
    """Neither of the door nor of what goes wrong at it."""
    knock(stack, door.port, hello(KEY, 1, 4711))
    caller = door.admit(KEY, 5)
    stack.enter_context(caller.connection)
    peers = Peers(0, 2, {1: caller.connection})
    with pytest.raises(TimeoutError) as late:
        door.admit(KEY, 0.01)
    shown = " ".join(map(repr, (door, caller, peers, late.value)))
    assert str(KEY) not in shown
    assert f"{KEY:x}" not in shown
