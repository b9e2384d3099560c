"""The pulse: what one end says and the other sees."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ml_framework.context.pulse import Pulse, create

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def page() -> Iterator[int]:
    """The descriptor of a new page."""
    fd = create()
    yield fd
    os.close(fd)


def test_the_other_end_sees_when_the_step_began(page: int) -> None:
    """A step begins at a time and ends; the next one begins later; at rest there is none."""
    process, agent = Pulse(page), Pulse(page)
    assert agent.began_s is None
    before_s = time.monotonic()
    process.begin()
    first_s = agent.began_s
    assert first_s is not None
    assert before_s <= first_s <= time.monotonic()
    process.begin()
    assert agent.began_s is not None
    assert agent.began_s > first_s
    process.rest()
    process.rest()
    assert agent.began_s is None


def test_the_page_outlives_its_descriptor() -> None:
    """Both ends go on when the descriptor is closed: each has mapped the page."""
    fd = create()
    process, agent = Pulse(fd), Pulse(fd)
    os.close(fd)
    process.begin()
    assert agent.began_s is not None


def test_a_pulse_that_nobody_looks_at_beats_all_the_same() -> None:
    """Without a descriptor the calls are as ever."""
    pulse = Pulse(None)
    assert pulse.began_s is None
    pulse.begin()
    assert pulse.began_s is not None
    pulse.rest()
    assert pulse.began_s is None


def test_a_step_that_waits_for_others_begins_anew(page: int) -> None:
    """There is none while it waits, and none after where none was before."""
    process, agent = Pulse(page), Pulse(page)
    with process.paused():
        pass
    assert agent.began_s is None
    process.begin()
    first_s = agent.began_s
    with process.paused():
        assert agent.began_s is None
    assert first_s is not None
    assert agent.began_s is not None
    assert agent.began_s > first_s
