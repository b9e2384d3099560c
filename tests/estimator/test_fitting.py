"""The loop of a node, with a trainer that does arithmetic: rows in, a model out, and what ends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_framework.codec import Schema, decode, encode, plan_layout
from ml_framework.context import Batch
from ml_framework.errors import ModelError
from ml_framework.estimator import CHUNK_BYTES, Arguments, Fitting, Trained, Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LAYOUT = plan_layout(Schema.parse([("a", "INT"), ("b", "DOUBLE"), ("y", "BIGINT")]))
TRAINER = f"{__name__}:Adds"


class Metrics:
    """What was logged."""

    def __init__(self) -> None:
        self.logged: list[dict[str, float]] = []

    def log(self, **numbers: float) -> None:
        self.logged.append(numbers)


@dataclass
class Context:
    """What a `Fitting` uses of a `NodeContext`."""

    frames: Sequence[dict[str, Any]]
    rank: int = 0
    counts: tuple[int, ...] = (0,)
    """Rows of other ranks."""
    metrics: Metrics = field(default_factory=Metrics)
    emitted: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def world_size(self) -> int:
        return len(self.counts)

    def batches(self) -> Iterator[Batch]:
        for frame in self.frames:
            memory = bytearray(b"".join(encode(LAYOUT, frame)))
            records = decode(LAYOUT, memoryview(memory))
            yield Batch(records, records.rows)
            memory[:] = bytes(len(memory))  # the queue takes its memory back

    def emit(self, *, index: Any, content: list[bytes]) -> None:
        self.emitted.append((int(index[0]), content[0]))


class Adds(Trainer):
    """Its loss is the mean of inputs and label; remembers what it was given."""

    last: Adds

    def __init__(self, ctx: Context, *, seed: int, weights: bytes = b"") -> None:
        self.seed, self.epochs, self.steps = seed, 0, []
        self._ctx, self._weights = ctx, weights
        Adds.last = self

    def step(self, inputs: Sequence[Any], label: Any, share: float) -> float:
        self.steps.append((*inputs, label, share))
        return float(np.mean([values.mean() for values in (*inputs, label)]))

    def end_epoch(self) -> None:
        self.epochs += 1

    def total(self, numbers: Any) -> Any:
        return numbers + np.array(self._ctx.counts) if len(numbers) == self._ctx.world_size else numbers

    def weights(self) -> bytes:
        return self._weights


@pytest.fixture(autouse=True)
def _trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_framework.estimator.fitting.resolve", {TRAINER: Adds}.__getitem__)


def fitting(**options: Any) -> Fitting:
    settings: dict[str, Any] = {"epochs": 2, "batch_size": 2, "seed": 7, "options": {}}
    inputs = Arguments(("both",), {"both": ("a", "b")}, "float32")
    return Fitting(TRAINER, inputs=inputs, label=Arguments(("y",)), **{**settings, **options})


FRAMES = [{"a": [1, 2], "b": [0.5, 1.5], "y": [10, 20]}, {"a": [3], "b": [2.5], "y": [30]}]


def test_rows_are_kept_and_taken_each_epoch() -> None:
    """In steps of a tensor and a label in its own type, shuffled; the mean loss is that of all rows."""
    context = Context(FRAMES)
    fitting()(context)  # type: ignore[arg-type]
    trainer = Adds.last
    assert (trainer.seed, trainer.epochs, len(trainer.steps)) == (7, 2, 4)
    for first in (0, 2):
        both, label = (np.concatenate([step[i] for step in trainer.steps[first : first + 2]]) for i in (0, 1))
        order = np.argsort(label)
        assert both[order].tolist() == [[1, 0.5], [2, 1.5], [3, 2.5]]
        assert both.dtype == np.float32
        assert label[order].tolist() == [10, 20, 30]
        assert label.dtype == np.int64
    losses = [numbers["loss"] for numbers in context.metrics.logged]
    assert losses == pytest.approx([(1.75 + 20) / 2] * 2)
    assert [numbers["epoch"] for numbers in context.metrics.logged] == [1, 2]


def test_the_model_comes_in_rows_that_flink_hands_out() -> None:
    """In order, none above the limit; the losses come with it."""
    weights = bytes(range(256)) * (CHUNK_BYTES // 100)
    context = Context(FRAMES)
    fitting(options={"weights": weights})(context)  # type: ignore[arg-type]
    assert [index for index, _ in context.emitted] == [0, 1, 2, 3]
    assert max(len(content) for _, content in context.emitted) == CHUNK_BYTES
    trained = Trained.of(content for _, content in context.emitted)
    assert trained.weights == weights
    assert trained.losses == tuple(numbers["loss"] for numbers in context.metrics.logged)


def test_only_rank_0_emits() -> None:
    """The others hold the same model."""
    context = Context(FRAMES, rank=1, counts=(5, 0))
    fitting()(context)  # type: ignore[arg-type]
    assert context.emitted == []
    assert len(Adds.last.steps) == 2 * 3  # as rank 0 with its five rows
    assert {step[-1] for step in Adds.last.steps} == {1 / 3, 1 / 2}


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        (
            [*FRAMES, {"a": [None], "b": [1.0], "y": [1]}],
            "column 'a' is null in a row to learn from: leave such rows out",
        ),
        (
            [{"a": [1], "b": [1.0], "y": [None]}],
            r"column 'y' is null .* \(WHERE y IS NOT NULL\), or fill them in \(COALESCE\)",
        ),
        ([], "the table has no rows, so there is nothing to learn from"),
    ],
)
def test_rows_that_cannot_be_learned_from_end_it(frames: list[dict[str, Any]], error: str) -> None:
    """The error names column and remedy."""
    with pytest.raises(ValueError, match=error):
        fitting()(Context(frames))  # type: ignore[arg-type]


def test_a_loss_that_is_no_number_ends_it() -> None:
    """The error names epoch and step."""
    frames = [{"a": [1, 2, 3], "b": [1.0, 1.0, float("inf")], "y": [0, 0, 0]}]
    with pytest.raises(ModelError, match=r"the loss is inf in epoch 1 of 2, step \d of 3: lower the learn"):
        fitting(batch_size=1)(Context(frames))  # type: ignore[arg-type]


def test_a_worker_without_rows_ends_it() -> None:
    with pytest.raises(ModelError, match="the table has 3, for 2 workers: lower parallelism"):
        fitting()(Context(FRAMES, rank=0, counts=(0, 0)))  # type: ignore[arg-type]
