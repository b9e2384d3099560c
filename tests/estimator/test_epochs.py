"""Ranks take the same number of steps, and each row is in one of them."""

from __future__ import annotations

import pytest

from ml_framework.estimator import Epochs, Step


def epoch(counts: list[int], batch_size: int, number: int = 1, seed: int = 0) -> list[list[Step]]:
    """The steps of each rank."""
    return [[*Epochs(counts, rank, batch_size, seed)(number)] for rank in range(len(counts))]


@pytest.mark.parametrize(
    ("counts", "batch_size", "steps"),
    [([10], 3, 4), ([129], 128, 2), ([1], 128, 1), ([100, 7], 16, 7), ([50, 1, 33], 4, 13)],
)
def test_every_rank_takes_each_row_once_in_as_many_steps(
    counts: list[int], batch_size: int, steps: int
) -> None:
    """Batches are about equal, and the rows of a step are known to all."""
    ranks = epoch(counts, batch_size)
    for count, taken in zip(counts, ranks, strict=True):
        assert len(taken) == steps
        assert sorted(row for step in taken if step.rows for row in step.picked.tolist()) == [*range(count)]
        assert max(step.rows for step in taken) <= batch_size
        assert max(step.rows for step in taken) - min(step.rows for step in taken) <= 1
    for step in zip(*ranks, strict=True):
        assert {own.global_rows for own in step} == {sum(own.rows for own in step)}
        assert sum(own.share for own in step) == pytest.approx(1)


def test_a_rank_without_a_row_for_a_step_repeats_one_without_weight() -> None:
    """No model is called with zero rows."""
    (_, few) = epoch([9, 1], 3)
    assert [step.rows for step in few] == [1, 0, 0]
    assert [step.picked.tolist() for step in few] == [[0], [0], [0]]
    assert [step.share for step in few] == [1 / 4, 0, 0]


def test_the_order_follows_from_seed_rank_and_epoch() -> None:
    """It is the same again, and another elsewhere."""

    def order(number: int, seed: int, rank: int) -> list[int]:
        return [row for step in epoch([50, 50], 8, number, seed)[rank] for row in step.picked.tolist()]

    assert order(1, 0, 0) == order(1, 0, 0)
    orders = [order(1, 0, 0), order(2, 0, 0), order(1, 1, 0), order(1, 0, 1), [*range(50)]]
    assert len({tuple(found) for found in orders}) == len(orders)
