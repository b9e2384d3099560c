"""`Trainer`: what a framework has to say about training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from ml_framework.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


class Trainer(ABC):
    """A model in training, on one rank. All ranks call the same methods, in the same order."""

    @abstractmethod
    def step(self, inputs: Sequence[NDArray[Any]], label: NDArray[Any], share: float) -> float:
        """Take a step towards the least mean loss over the rows of all ranks.

        Args:
            inputs: the model's arguments, ``(rows, …)`` each.
            label: ``(rows, …)``.
            share: what part of the step's rows these are; 0 where they do not count.

        Returns:
            The mean loss of these rows, before the step.
        """

    def end_epoch(self) -> None:  # noqa: B027 - most have nothing to do
        """All rows have been seen once more."""

    @abstractmethod
    def total(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of `numbers` over all ranks."""

    @abstractmethod
    def weights(self) -> bytes:
        """The model's weights, as the framework writes them to a file."""


def is_value(answer: Sequence[int | None], label: Sequence[int | None], dtype: np.dtype[Any]) -> bool:
    """Whether a label is of the same kind as an answer; else it is the number of a class.

    Args:
        answer: shape of the answer to a row.
        label: shape of the label of a row.
        dtype: of the label.

    Returns:
        True where their shapes are the same, but for a last dimension of 1. False for a whole number beside
        an answer of one dimension more, the scores of classes.

    Raises:
        ModelError: neither holds. A loss function might compare every answer with every label.
    """
    if _plain(answer) == _plain(label):
        return True
    if len(answer) == len(label) + 1 and dtype.kind in "biu":
        return False
    raise ModelError(
        f"the model answers {_shape(answer)} to a label of {_shape(label)} {dtype}: it has to answer what "
        "has the label's shape, or the scores of classes, (rows, classes), whose label is an integer"
    )


def _plain(shape: Sequence[int | None]) -> tuple[int | None, ...]:
    return tuple(shape[:-1] if tuple(shape[-1:]) == (1,) else shape)


def _shape(row: Sequence[int | None]) -> str:
    return f"(rows, {', '.join(map(str, row))})" if len(row) else "(rows,)"
