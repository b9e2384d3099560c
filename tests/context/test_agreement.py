"""How ranks meet, combine numbers and agree: three of them in threads."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.context.agreement import Agreement, Verdict
from ml_framework.context.peers import Peers, Sums, Topic
from ml_framework.errors import PeerLost, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

WORLD_SIZE = 3
HOST = "127.0.0.1"


class Teller:
    """Hands the numbers of rank 0 to three threads, once."""

    def __init__(self) -> None:
        self._numbers = (0, 0)
        self._all_there = Barrier(WORLD_SIZE)

    def tell(self, numbers: tuple[int, int]) -> tuple[int, int]:
        if numbers != (0, 0):
            self._numbers = numbers
        self._all_there.wait(10)
        return self._numbers


class Intruder(Teller):
    """Connects where rank 0 listens, before anybody else: with a wrong key, and with none."""

    def tell(self, numbers: tuple[int, int]) -> tuple[int, int]:
        if numbers != (0, 0):
            for words in (bytes(24), b""):
                with socket.create_connection((HOST, numbers[0])) as stranger:
                    stranger.sendall(words)
        return super().tell(numbers)


def together(work: Callable[[int, Peers], Any], teller: Teller | None = None) -> list[Any]:
    """What `work` returns in each of three ranks."""
    meeting = teller or Teller()

    def worker(rank: int) -> Any:
        with closing(Peers.meet(rank, [HOST] * WORLD_SIZE, meeting.tell, bind_host=HOST)) as peers:
            return work(rank, peers)

    with ThreadPoolExecutor(WORLD_SIZE) as threads:
        return list(threads.map(worker, range(WORLD_SIZE), timeout=20))


def agreements(*rounds: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]) -> list[tuple[Verdict, bool]]:
    """The verdicts on rounds of steps, and whether each was the last; the same on every rank."""

    def work(rank: int, peers: Peers) -> list[tuple[Verdict, bool]]:
        agreement = Agreement(peers)
        return [(agreement.step(**one[rank]), agreement.over) for one in rounds]

    first, *others = together(work)
    assert others == [first, first]
    return list(first)


def a_rank(rows: int = 0, *, ended: bool = False, barrier: int = 0) -> dict[str, Any]:
    """What a rank says."""
    return {"rows": rows, "ended": ended, "barrier": barrier}


@pytest.mark.parametrize("teller", [Teller, Intruder])
def test_all_hear_the_same(teller: type[Teller]) -> None:
    """Sums, minimum and maximum, round after round, and whoever else connects is not heard."""

    def work(rank: int, peers: Peers) -> list[Sums]:
        return [peers.combine(Topic.STEP, Sums(rank, 1, step, rank, rank)) for step in range(3)]

    assert together(work, teller()) == [[(3, 3, 0, 0, 2), (3, 3, 3, 0, 2), (3, 3, 6, 0, 2)]] * WORLD_SIZE


@pytest.mark.parametrize("holder", [0, 1, 2, None])
def test_whoever_has_a_blob_hands_it_round(holder: int | None) -> None:
    """A blob longer than what a socket takes at once; nobody has one in a job that begins anew."""
    blob = bytes(range(256)) * 20_000

    def work(rank: int, peers: Peers) -> bytes | None:
        found = peers.hand_round(blob if rank == holder else None)
        return None if found is None else bytes(found)

    assert together(work) == [None if holder is None else blob] * WORLD_SIZE


def test_a_rank_alone_agrees_with_itself() -> None:
    """Without a connection."""
    peers = Peers.alone()
    assert peers.combine(Topic.STEP, Sums(7, 1, 0, 3, 3)) == (7, 1, 0, 3, 3)
    assert peers.hand_round(b"state") == b"state"
    assert peers.hand_round(None) is None


def test_ranks_that_do_different_things_are_told() -> None:
    """One registers its state while the others take a step."""

    def work(rank: int, peers: Peers) -> str:
        with pytest.raises((ProtocolError, PeerLost)) as raised:
            peers.hand_round(None) if rank == 1 else Agreement(peers).step(1, ended=False)
        return str(raised.value)

    assert together(work)[0] == (
        "rank 0 takes a step of ctx.batches() while rank 1 calls ctx.checkpointed(): every rank must do the "
        "same, in the same order"
    )


def test_steps_are_over_when_every_input_has_ended() -> None:
    """Not before, and a step with rows is taken."""
    assert agreements(
        (a_rank(5), a_rank(ended=True), a_rank()),
        (a_rank(), a_rank(ended=True), a_rank(2, ended=True)),
        (a_rank(ended=True), a_rank(ended=True), a_rank(ended=True)),
    ) == [((5, 0, 0), False), ((2, 0, 0), False), ((0, 0, 0), True)]


def test_ranks_meet_at_a_barrier() -> None:
    """One that stands there takes part without rows until all do, also those whose input has ended."""
    verdicts = agreements(
        (a_rank(barrier=4), a_rank(3), a_rank(ended=True)),
        (a_rank(barrier=4), a_rank(barrier=4), a_rank(ended=True, barrier=4)),
        (a_rank(ended=True, barrier=5), a_rank(ended=True, barrier=5), a_rank(ended=True, barrier=5)),
        (a_rank(ended=True, barrier=6), a_rank(ended=True), a_rank(ended=True)),
    )
    assert [verdict for verdict, _ in verdicts] == [(3, 0, 4), (0, 4, 4), (0, 5, 5), (0, 0, 6)]
    assert [verdict.all_at_barrier for verdict, _ in verdicts] == [False, True, True, False]
    assert [over for _, over in verdicts] == [False, False, False, True]


def test_ranks_at_different_barriers_are_not_together() -> None:
    """The lower one hears of the higher."""
    ((verdict, over),) = agreements((a_rank(barrier=4), a_rank(barrier=7), a_rank(barrier=4)))
    assert (verdict, verdict.all_at_barrier, over) == ((0, 4, 7), False, False)


def test_steps_are_over_when_one_rank_leaves() -> None:
    """Its last word ends them for all; who has heard it need not say it."""

    def work(rank: int, peers: Peers) -> bool:
        agreement = Agreement(peers)
        if rank != 1:
            agreement.step(4, ended=False)
        agreement.leave()
        return agreement.over

    assert together(work) == [True] * WORLD_SIZE


def test_a_rank_that_goes_without_a_word_is_noticed() -> None:
    """By rank 0, whose own end tells the others."""

    def work(rank: int, peers: Peers) -> str:
        if rank == 2:
            return "gone"
        with pytest.raises(PeerLost, match="another rank has gone"):
            peers.combine(Topic.STEP, Sums())
        return "noticed"

    assert together(work) == ["noticed", "noticed", "gone"]
