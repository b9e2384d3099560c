"""Silence, as tables of readings."""

from __future__ import annotations

import pytest

from ml_framework.master.liveness import has_stalled, lost, next_deadline
from ml_framework.spec import NodeId

A, B, C = (NodeId("worker", index) for index in range(3))


@pytest.mark.parametrize(
    ("heard", "now_s", "expected"),
    [
        ({}, 100.0, ()),
        ({A: 0.0}, 14.9, ()),
        ({A: 0.0}, 15.0, (A,)),
        ({A: 2.0, B: 1.0, C: 9.0}, 17.0, (B, A)),
    ],
)
def test_who_is_lost(heard: dict[NodeId, float], now_s: float, expected: tuple[NodeId, ...]) -> None:
    """Those silent for the limit or longer, the most silent first."""
    assert lost(heard, now_s, 15.0) == expected


@pytest.mark.parametrize(("heard", "deadline_s"), [({}, None), ({A: 3.0, B: 2.0}, 17.0)])
def test_when_to_look_next(heard: dict[NodeId, float], deadline_s: float | None) -> None:
    """When the most silent would be lost; never without nodes."""
    assert next_deadline(heard, 15.0) == deadline_s


def test_at_the_next_deadline_exactly_somebody_is_lost() -> None:
    """No rounding makes the watch look for ever."""
    heard = {A: 0.1 + 0.2}
    deadline_s = next_deadline(heard, 0.7)
    assert deadline_s is not None
    assert lost(heard, deadline_s, 0.7) == (A,)


@pytest.mark.parametrize(("now_s", "expected"), [(10.0, False), (11.0, False), (11.1, True)])
def test_a_stall_of_the_listener_is_nobodys_silence(now_s: float, expected: object) -> None:
    """Being a little late is ordinary; more than the tolerance is a stall."""
    assert has_stalled(10.0, now_s, 1.0) is expected
