"""What a node tells of the numbers that its process has logged."""

from __future__ import annotations

from datetime import timedelta

from ml_framework.node.heartbeats import Heartbeats
from ml_framework.rpc.wire import NAME_CHARS, NUMBERS


def test_names_that_never_end_are_not_kept() -> None:
    """The first so many are, up to date: else each heartbeat would be longer than the last."""
    beats = Heartbeats(timedelta(seconds=1), lambda: None, lambda measured: None)
    beats.take({"loss": 1.0, "x" * (NAME_CHARS + 1): 1.0})
    for place in range(NUMBERS * 2):
        beats.take({f"loss/{place}": 2.0})
    beats.take({"loss": 3.0})
    assert list(beats.numbers) == ["loss", *(f"loss/{place}" for place in range(NUMBERS - 1))]
    assert beats.numbers["loss"] == 3.0
