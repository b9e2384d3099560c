"""What a model makes of a batch, and which rows it cannot take.

A model answers a batch as a whole. Where it raises, the batch is halved until the rows that are to blame are
alone: every other row is answered, and each of these is refused with its error. Where a GPU has failed there
would be no end of rows to blame: that ends the process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ml_framework.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ml_framework.context import Batch

_LOST_DEVICE = re.compile(
    r"device-side assert|illegal (memory access|instruction|address)|misaligned address|launch failure|"
    r"CUDA_ERROR_(ASSERT|ILLEGAL|MISALIGNED|LAUNCH_FAILED)",
    re.IGNORECASE,
)
"""Errors behind which CUDA answers whatever that process does with the same one."""

Model: TypeAlias = "Callable[[Batch], Mapping[str, NDArray[Any]]]"
"""Answers a batch: by name ``(rows,)``, or ``(rows, width)`` for an ARRAY column."""


@dataclass(frozen=True)
class Answer:
    """The rows from `start` up to `stop` of a batch, as they were answered."""

    start: int
    stop: int
    columns: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Refused:
    """The row `start` of a batch, which the model cannot take, and why."""

    start: int
    error: str

    @property
    def stop(self) -> int:
        """The row behind it."""
        return self.start + 1


class Scorer:
    """Has a model answer batches.

    Args:
        outputs: what it has to answer; a number that is NaN is no answer.
        required: columns of the input in which a null is refused: a model would take it for a number.
        check: raises where answers are of another type than the output.
    """

    def __init__(
        self,
        outputs: Sequence[str],
        required: Sequence[str] = (),
        check: Callable[[Mapping[str, NDArray[Any]]], object] | None = None,
    ) -> None:
        self._outputs = outputs
        self._required = required
        self._check = check

    def answer(self, model: Model, batch: Batch) -> Iterator[Answer | Refused]:
        """Every row of `batch`, once and in order.

        Raises:
            ModelError: what the model answers is not what was planned, whatever the rows; or its GPU has
                failed, and takes no other row either.
        """
        return self._answers(model, batch, 0)

    def try_on(self, model: Model, batch: Batch) -> None:
        """Have `model` answer rows that another one has answered.

        Raises:
            ModelError: it answers none of them, or not what was planned.
            EmitError: its answers are of another type than the output.
            CodecError: the same of a value.
        """
        parts = list(self.answer(model, batch))
        reasons = [part.error for part in parts if isinstance(part, Refused)]
        if len(reasons) == len(parts):
            raise ModelError(f"it answers none of the rows that it was tried on: {reasons[0]}")
        for part in parts:
            if isinstance(part, Answer) and self._check is not None:
                self._check(part.columns)

    def _answers(self, model: Model, batch: Batch, offset: int) -> Iterator[Answer | Refused]:
        try:
            columns = model(batch)
        except ModelError:
            raise
        except Exception as error:
            if _LOST_DEVICE.search(str(error)):
                raise ModelError(f"the process cannot use its GPU any more: {_told(error)}") from error
            if batch.rows == 1:
                yield Refused(offset, _told(error))
                return
            half = batch.rows // 2
            yield from self._answers(model, batch.slice(0, half), offset)
            yield from self._answers(model, batch.slice(half, batch.rows), offset + half)
            return
        check_form(columns, self._outputs, batch.rows)
        yield from self._parted(columns, batch, offset)

    def _parted(
        self, columns: Mapping[str, NDArray[Any]], batch: Batch, offset: int
    ) -> Iterator[Answer | Refused]:
        """The rows that were answered, and those between them that have to be refused."""
        wrong = self._wrong(columns, batch)
        start = 0
        for row in np.flatnonzero(np.logical_or.reduce(list(wrong.values()))).tolist() if wrong else ():
            if row > start:
                yield _part(columns, start, row, offset)
            yield Refused(offset + row, "; ".join(reason for reason, rows in wrong.items() if rows[row]))
            start = row + 1
        if start < batch.rows:
            yield _part(columns, start, batch.rows, offset)

    def _wrong(self, columns: Mapping[str, NDArray[Any]], batch: Batch) -> dict[str, NDArray[np.bool_]]:
        """By reason, which rows have to be refused; only reasons that there are.

        An answer to a null is NaN for that null, which is told alone.
        """
        wrong = {}
        complete = np.ones(batch.rows, np.bool_)
        for name in self._required:
            valid = np.asarray(batch.valid(name))  # a tensor, with some frameworks
            if not valid.all():
                wrong[f"{name} is null"] = ~valid
                complete &= valid
        for name, values in columns.items():
            if np.issubdtype(values.dtype, np.floating) and (nan := np.isnan(values)).any():
                nan_rows = nan.reshape(batch.rows, -1).any(1) & complete
                if nan_rows.any():
                    wrong[f"the answer {name} is NaN"] = nan_rows
        return wrong


def check_form(columns: Mapping[str, NDArray[Any]], outputs: Sequence[str], rows: int) -> None:
    """Refuse answers that are not `outputs`, each with a value for every one of `rows`, with `ModelError`."""
    if set(columns) != set(outputs):
        raise ModelError(
            f"the model answers {', '.join(sorted(columns)) or 'nothing'}, and the output has "
            f"{', '.join(sorted(outputs))}: name the answers so in postprocess, or declare them in output="
        )
    for name, values in columns.items():
        if not values.shape or values.shape[0] != rows:
            raise ModelError(
                f"the model answers {name!r} with shape {tuple(values.shape)} to {rows} rows: "
                "answer each row, also where a batch has only one"
            )


def _part(columns: Mapping[str, NDArray[Any]], start: int, stop: int, offset: int) -> Answer:
    return Answer(
        offset + start, offset + stop, {name: values[start:stop] for name, values in columns.items()}
    )


def _told(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
