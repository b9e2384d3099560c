"""How workers add up and agree: three of them in threads, without TensorFlow."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.errors import PeerLost
from tf_integration.agreement import Agreement, Sums

if TYPE_CHECKING:
    from collections.abc import Callable

WORLD_SIZE = 3
HOST = "127.0.0.1"


class Collective:
    """Adds up pairs over three threads, once."""

    def __init__(self) -> None:
        self._given: list[tuple[int, int]] = []
        self._all_there = Barrier(WORLD_SIZE)

    def add_up(self, numbers: tuple[int, int]) -> tuple[int, int]:
        self._given.append(numbers)
        self._all_there.wait(10)
        first, second = map(sum, zip(*self._given, strict=True))
        return first, second


class Intruder(Collective):
    """Connects where rank 0 listens, before anybody else: with a wrong key, and with none."""

    def add_up(self, numbers: tuple[int, int]) -> tuple[int, int]:
        if numbers != (0, 0):
            for word in (bytes(8), b""):
                with socket.create_connection((HOST, numbers[0])) as stranger:
                    stranger.sendall(word)
        return super().add_up(numbers)


def together(work: Callable[[int, Sums], Any], collective: Collective | None = None) -> list[Any]:
    """What `work` returns in each of three workers."""
    meeting = collective or Collective()

    def worker(rank: int) -> Any:
        with closing(Sums.meet(rank, WORLD_SIZE, HOST, meeting.add_up)) as sums:
            return work(rank, sums)

    with ThreadPoolExecutor(WORLD_SIZE) as threads:
        return list(threads.map(worker, range(WORLD_SIZE), timeout=20))


@pytest.mark.parametrize("collective", [Collective, Intruder])
def test_all_get_the_same_sums(collective: type[Collective]) -> None:
    """Step after step, and whoever else connects is not heard."""
    found = together(
        lambda rank, sums: [tuple(sums.add_up((rank, 1, step))) for step in range(3)], collective()
    )
    assert found == [[(3, 3, 0), (3, 3, 3), (3, 3, 6)]] * WORLD_SIZE


def test_steps_are_over_when_every_input_has_ended() -> None:
    """Not before, and a step with rows is taken."""

    def work(rank: int, sums: Sums) -> list[tuple[int, bool]]:
        agreement = Agreement(sums, WORLD_SIZE)
        rows = [[5, 0, 0], [0, 0, 0], [0, 2, 0]][rank]
        ended = [[False, False, True], [True, True, True], [False, True, True]][rank]
        return [
            (agreement.step(own, ended=end), agreement.over) for own, end in zip(rows, ended, strict=True)
        ]

    assert together(work) == [[(5, False), (2, False), (0, True)]] * WORLD_SIZE


def test_steps_are_over_when_one_worker_leaves() -> None:
    """Its last word ends them for all; who has heard it need not say it."""

    def work(rank: int, sums: Sums) -> bool:
        agreement = Agreement(sums, WORLD_SIZE)
        if rank != 1:
            agreement.step(4, ended=False)
        agreement.leave()
        return agreement.over

    assert together(work) == [True] * WORLD_SIZE


def test_a_worker_that_goes_without_a_word_is_noticed() -> None:
    """By rank 0, whose own end tells the others."""

    def work(rank: int, sums: Sums) -> str:
        if rank == 2:
            return "gone"
        with pytest.raises(PeerLost, match="another worker has gone"):
            sums.add_up((0, 0, 0))
        return "noticed"

    assert together(work) == ["noticed", "noticed", "gone"]
