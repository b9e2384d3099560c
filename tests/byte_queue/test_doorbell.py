"""The doorbell: a ring is heard once, by whoever waited for it; silence and the peer's end are told apart."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from ml_framework.byte_queue import Doorbell
from ml_framework.errors import PeerLost

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def bells() -> Iterator[tuple[Doorbell, Doorbell]]:
    ours, theirs = (Doorbell(sock) for sock in socket.socketpair())
    yield ours, theirs
    ours.close()
    theirs.close()


def test_a_ring_is_heard_once(bells: tuple[Doorbell, Doorbell]) -> None:
    ours, theirs = bells
    assert theirs.ring()
    assert ours.wait(5)
    assert not ours.wait(0)


def test_silence_ends_with_the_time(bells: tuple[Doorbell, Doorbell]) -> None:
    assert not bells[0].wait(0.01)


def test_ringing_a_bell_that_nobody_hears_never_blocks(bells: tuple[Doorbell, Doorbell]) -> None:
    ours, theirs = bells
    for _ in range(100_000):
        assert theirs.ring()
    assert ours.wait(0)


def test_rings_are_heard_before_the_end_of_the_peer(bells: tuple[Doorbell, Doorbell]) -> None:
    ours, theirs = bells
    theirs.ring()
    theirs.close()
    assert ours.wait(5)
    for _ in range(2):
        with pytest.raises(PeerLost):
            ours.wait(5)
    assert not ours.ring()


def test_a_peer_that_went_without_hearing_us_is_lost(bells: tuple[Doorbell, Doorbell]) -> None:
    ours, theirs = bells
    ours.ring()
    theirs.close()
    with pytest.raises(PeerLost):
        ours.wait(5)


def test_a_ring_that_another_thread_heard_still_counts(bells: tuple[Doorbell, Doorbell]) -> None:
    ours, theirs = bells
    heard = ours.heard
    theirs.ring()
    assert ours.wait(5)
    assert ours.wait(5, heard=heard)
    assert not ours.wait(0, heard=ours.heard)


def test_one_ring_wakes_every_thread_that_waits(bells: tuple[Doorbell, Doorbell]) -> None:
    ours, theirs = bells
    heard = ours.heard
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(ours.wait(20, heard=heard))) for _ in range(3)]
    for thread in threads:
        thread.start()
    theirs.ring()
    for thread in threads:
        thread.join(20)
    assert woken == [True] * 3
