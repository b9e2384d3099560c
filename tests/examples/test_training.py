"""The model and the loops around it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import dataset
import numpy as np
import pytest
import torch
from evaluation import RollingAuc, auc
from files import FileBatch, Words, batches
from model import VOCABULARIES, encode, new_model, new_optimizer, test_then_train
from plain_loop import progressive_auc
from sklearn.metrics import roc_auc_score
from torch import Tensor

if TYPE_CHECKING:
    from pathlib import Path

test_then_train.__test__ = False  # pytest would take its name for that of a test


def mean(losses: Tensor, _batch: object) -> Tensor:
    return losses.mean()


def one_batch(folder: Path) -> FileBatch:
    return next(iter(batches(folder, 256)))


def test_two_ranks_see_every_departure_once_in_the_steps_of_one(first: Path) -> None:
    whole = list(batches(first, 256))
    shares = [list(batches(first, 128, rank=rank, world_size=2)) for rank in range(2)]
    assert [len(share) for share in shares] == [len(whole)] * 2
    for step, left, right in zip(whole, *shares, strict=True):
        assert left.global_rows == right.global_rows == step.rows == left.rows + right.rows
        merged = torch.empty_like(step["sched"])
        merged[0::2], merged[1::2] = left["sched"], right["sched"]
        assert torch.equal(merged, step["sched"])


def test_a_rank_whose_share_is_used_up_still_makes_the_last_step(first: Path) -> None:
    rows = len(dataset.departures(first))
    size = (rows - 1) // 3
    ranks = [list(batches(first, size, rank=rank, world_size=3)) for rank in range(3)]
    assert [[batch.rows for batch in rank] for rank in ranks] == [[size, 1], [size, 1], [size, 0]]
    assert [rank[-1].global_rows for rank in ranks] == [2, 2, 2] == [rows - 3 * size] * 3


def test_words_become_their_positions_and_unknown_ones_minus_one() -> None:
    assert Words(["LGA", "EWR", "??"]).codes(["EWR", "JFK", "LGA"]).tolist() == [2, 0, -1]


def test_an_unknown_carrier_and_missing_weather_still_give_a_score(first: Path) -> None:
    batch = one_batch(first)
    batch["carrier"] = Words(["??"] * batch.rows)
    batch["temp"] = torch.full((batch.rows,), torch.nan)
    codes, numbers = encode(batch)
    assert codes[:, 0].eq(0).all()
    assert new_model()(codes, numbers).isfinite().all()


def test_a_batch_without_rows_has_no_scores_and_no_gradient(first: Path) -> None:
    cut = {name: values[:0] for name, values in one_batch(first).items()}
    cut |= {name: Words() for name in VOCABULARIES}
    model = new_model()
    score = test_then_train(model, new_optimizer(model), cut, lambda losses, _: losses.sum())
    assert score.shape == (0,)
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_scores_are_those_of_the_model_before_it_saw_the_batch(first: Path) -> None:
    batch = one_batch(first)
    model = new_model()
    before = copy.deepcopy(model)
    score = test_then_train(model, new_optimizer(model), batch, mean)
    assert torch.equal(score, torch.sigmoid(before(*encode(batch)).detach()))
    assert not torch.equal(score, torch.sigmoid(model(*encode(batch)).detach()))


def test_the_plain_loop_gives_the_same_result_every_time(first: Path) -> None:
    assert progressive_auc(first) == progressive_auc(first)


def test_auc_is_exact_and_counts_ties_half() -> None:
    generator = np.random.default_rng(1)
    score = generator.integers(0, 50, 1_000) / 50
    late = generator.random(1_000) < score
    expected = roc_auc_score(late, score)
    assert auc(torch.tensor(score), torch.tensor(late)) == pytest.approx(expected, abs=1e-12)


def test_the_rolling_auc_follows_the_latest_scores_and_adds_up_over_workers() -> None:
    generator = torch.Generator().manual_seed(1)
    workers = RollingAuc(rows=2_000), RollingAuc(rows=2_000)
    for step in range(400):
        score = torch.rand(100, generator=generator)
        late = torch.rand(100, generator=generator) < (1 - score if step < 200 else score)
        workers[step % 2].update(score, late)
    each = [worker.of(worker.counts) for worker in workers]
    assert each == pytest.approx([0.833, 0.833], abs=0.03)  # of a perfectly calibrated, uniform score: 5/6
    assert RollingAuc.of(workers[0].counts + workers[1].counts) == pytest.approx(0.833, abs=0.02)
