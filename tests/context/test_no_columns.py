"""A node that has no rows, and a state in checkpoints all the same: it hears by other ways when to cut."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.byte_queue import FrameKind
from ml_framework.codec import NO_COLUMNS
from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]


def saved(make_task: Make, number: int) -> bytes:
    """The one piece that a node leaves whose counter stands at `number`; it draws a random number then."""
    task = make_task(source=NO_COLUMNS)
    with task.running() as ctx:
        assert ctx.checkpointed(counter=(lambda: number, print)) is False
        random.seed(number)
        ctx._input.barrier = 3
        ctx._checkpoints.cut()
        (state, (piece,)), cut = task.transcript()
        assert (state, cut) == (FrameKind.STATE, (FrameKind.CUT, 3))
    (state, _), *_ = task.last
    assert state == FrameKind.STATE
    return bytes(piece)


def test_its_state_is_one_piece(make_task: Make) -> None:
    """Objects and random numbers; it goes on from there."""
    task = make_task(source=NO_COLUMNS, restored=1)
    task.state(saved(make_task, 7))
    taken: list[int] = []
    with task.running() as ctx:
        assert ctx.checkpointed(counter=(int, taken.append)) is True
        ctx._checkpoints.begin()
        drawn = random.random()
    assert taken == [7]
    assert drawn == random.Random(7).random()


def test_its_state_may_come_to_another(make_task: Make) -> None:
    """Which hands it over, unless it is to be lost: then nobody goes on."""
    piece = saved(make_task, 7)
    for hands_over in (True, False):
        task = make_task(restored=1)
        task.state(piece)
        with task.running() as ctx:
            if hands_over:
                assert ctx._checkpoints.hand_over() == piece
                assert ctx._checkpoints.hand_over() is None
                ctx._checkpoints.begin()
            else:
                with pytest.raises(
                    CheckpointError, match="the state of counter, which nobody has taken over"
                ):
                    ctx._checkpoints.begin()
                ctx._checkpoints.hand_over()
