"""`Fitting`: the entrypoint of a node that fits a model to the rows of a table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.errors import ModelError
from ml_framework.estimator.epochs import Epochs
from ml_framework.estimator.rows import gathered
from ml_framework.estimator.trained import Trained
from ml_framework.runner.entrypoint import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ml_framework.context import NodeContext
    from ml_framework.estimator.arguments import Arguments
    from ml_framework.estimator.trainer import Trainer


@dataclass(frozen=True)
class Fitting:
    """Keeps the rows of its node in memory, trains on them with the other ranks, and emits the model.

    Args:
        trainer: ``module:name`` of the framework's `Trainer`; made of the context, `seed` and `options`.
        options: of the trainer.
        inputs: what the model is called with.
        label: what it has to answer.
        epochs: passes over the rows.
        batch_size: most rows of a rank in a step.
        seed: of the first weights, and of the order of rows.
    """

    trainer: str
    options: Mapping[str, Any]
    inputs: Arguments
    label: Arguments
    epochs: int
    batch_size: int
    seed: int

    def __call__(self, ctx: NodeContext) -> None:
        """Train; rank 0 emits the model in rows of `index` and `content`."""
        trainer: Trainer = resolve(self.trainer)(ctx, seed=self.seed, **self.options)
        rows = gathered(ctx.batches(), sorted({*self.inputs.columns, *self.label.columns}))
        inputs, (label,) = _arranged(self.inputs, rows), _arranged(self.label, rows)
        rows.clear()
        epochs = Epochs(_counts(ctx, trainer, len(label)), ctx.rank, self.batch_size, self.seed)
        losses = []
        for loss in self._losses(trainer, epochs, inputs, label):
            losses.append(loss)
            ctx.metrics.log(loss=loss, epoch=len(losses))
        trained = Trained(tuple(losses), trainer.weights())
        if ctx.rank == 0:
            for index, content in enumerate(trained.chunks()):
                ctx.emit(index=np.array([index], np.int32), content=[content])

    def _losses(
        self, trainer: Trainer, epochs: Epochs, inputs: Sequence[NDArray[Any]], label: NDArray[Any]
    ) -> Iterator[float]:
        """Train; the mean loss over all rows, epoch by epoch."""
        for epoch in range(1, self.epochs + 1):
            total = 0.0
            for number, step in enumerate(epochs(epoch), 1):
                loss = trainer.step(
                    [values[step.picked] for values in inputs], label[step.picked], step.share
                )
                if not math.isfinite(loss):
                    raise ModelError(
                        f"the loss is {loss} in epoch {epoch} of {self.epochs}, step {number} of "
                        f"{epochs.steps}: lower the learning rate, scale the inputs, or look for NaN and "
                        "infinite numbers among them"
                    )
                total += loss * step.rows
            trainer.end_epoch()
            yield float(trainer.total(np.array([total]))[0]) / sum(epochs.counts)


def _arranged(arguments: Arguments, rows: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    return arguments.arranged(
        [rows[name] for name in arguments.columns],
        cast=lambda values, dtype: values.astype(dtype, copy=False),
        stack=lambda values: np.stack(values, axis=1),
    )


def _counts(ctx: NodeContext, trainer: Trainer, rows: int) -> list[int]:
    """Rows of each rank."""
    mine = np.zeros(ctx.world_size)
    mine[ctx.rank] = rows
    counts = [int(count) for count in trainer.total(mine)]
    if not min(counts):
        raise ModelError(
            f"a worker has no rows: the table has {sum(counts)}, for {len(counts)} workers: lower parallelism"
        )
    return counts
