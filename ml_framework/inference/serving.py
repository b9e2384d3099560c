"""`Serving`: the entrypoint of a node that scores a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.codec import Strings
from ml_framework.inference.answers import Answer, Refused, Scorer
from ml_framework.inference.models import Load, Models
from ml_framework.inference.places import place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml_framework.context import Batch, NodeContext


@dataclass(frozen=True)
class Serving:
    """Answers every row of a node's input, once and in order, with the event time that it has.

    Args:
        model: path or URL of a model, or of a folder of versions.
        load: loads one, as the framework does.
        answers: columns of the output that the model answers.
        carried: columns of the input that are columns of the output, too.
        version: column of the output for the version that has answered; None for none.
        announced: column of the input for the version that is to serve, null while none was announced; None
            has the newest serve.
        required: columns of the input in which a null is refused.
        error: column of the output for why a row was refused, null for the others. The model's columns are
            null in a row that was.
    """

    model: str
    load: Load
    answers: tuple[str, ...]
    carried: tuple[str, ...]
    required: tuple[str, ...]
    version: str | None
    announced: str | None
    error: str

    def __call__(self, ctx: NodeContext) -> None:
        """Serve until the input has ended."""
        kept = ctx.keep(lambda: models.serving.version)
        before = max((version for version in kept if version is not None), default=None)
        refused = 0
        scorer = Scorer(self.answers, self.required, ctx.check_emit)
        with self._models(scorer, before) as models:
            for batch in ctx.batches():
                if self.announced is not None:
                    _pass_on(batch.received(self.announced), models)
                model = models.take()
                if (version := models.serving.version) is not None:
                    ctx.counters.serves(version)
                for part in scorer.answer(model, batch):
                    self._emit(ctx, batch, part, models.serving.version)
                    if isinstance(part, Refused):
                        refused += 1
                        ctx.metrics.log(rows_refused=refused)
                    else:
                        models.answered(batch, part.start, part.stop)

    def _models(self, scorer: Scorer, version: int | None) -> Models:
        return Models(place(self.model), self.load, scorer, version, announced=self.announced is not None)

    def _emit(self, ctx: NodeContext, batch: Batch, part: Answer | Refused, version: int | None) -> None:
        rows = part.stop - part.start
        source = batch if rows == batch.rows else batch.slice(part.start, part.stop)
        columns: dict[str, Any] = {name: source.received(name) for name in self.carried}
        if isinstance(part, Refused):
            columns |= {name: [None] for name in self.answers}
            columns[self.error] = [part.error]
        else:
            columns |= part.columns
            columns[self.error] = Strings.nulls(rows)
        if self.version is not None:
            columns[self.version] = [None] * rows if version is None else np.full(rows, version)
        ctx.emit_rows(columns, source.timestamps)


def _pass_on(announced: NDArray[np.int64], models: Models) -> None:
    """The last number that there is among those of a batch."""
    numbers = np.ma.compressed(announced)  # type: ignore[no-untyped-call]
    if len(numbers):
        models.announce(int(numbers[-1]))
