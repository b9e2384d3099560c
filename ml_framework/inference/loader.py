"""`ModelLoader`: what a framework has to say about its models, and what is the same for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.codec import Arrays
from ml_framework.codec.sequences import LazyColumn
from ml_framework.errors import ModelError
from ml_framework.inference.answers import check_form

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_framework.context import Batch
    from ml_framework.inference.answers import Model
    from ml_framework.inference.padding import Padding


@dataclass(frozen=True)
class ModelLoader(ABC):
    """Loads models of a framework, each with the functions before and behind it.

    Args:
        inputs: columns or groups that are the model's arguments, where there is no `preprocess`.
        outputs: what the model answers, in order.
        factory: makes the model for a file that holds weights alone; a whole model is refused with one.
        preprocess: makes the model's arguments of a batch: a tuple, a dict for arguments by name, or the only
            one.
        postprocess: makes the answers of what the model returns.
        padding: makes tensors of the arrays among `inputs`.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    factory: Callable[[], Any] | None = None
    preprocess: Callable[[Any], Any] | None = None
    postprocess: Callable[[Any], Any] | None = None
    padding: Padding | None = None

    def __call__(self, path: Path) -> Model:
        """The model at `path`, which answers batches.

        Raises:
            ModelError: there is none, or its form is not known.
        """
        return partial(self.answered, self.load(path))

    @abstractmethod
    def load(self, path: Path) -> Callable[..., Any]:
        """The model at `path`, as a function of its arguments."""

    @abstractmethod
    def array(self, values: Any) -> NDArray[Any]:
        """An answer of the model as an array."""

    def tensor(self, values: NDArray[Any]) -> Any:
        """An array as the model takes it."""
        return values

    def argument(self, name: str, values: Any) -> Any:
        """Column or group `name` of a batch as the model takes it.

        Raises:
            ModelError: the framework has no tensor for it.
        """
        if isinstance(values, LazyColumn):
            raise ModelError(
                f"{name} has values that are no numbers: make a tensor of them in preprocess=, or, of "
                "arrays, pass padding="
            )
        return values

    def check_whole(self, path: Path) -> None:
        """Refuse a `factory` for the file at `path`, which holds a whole model, with `ModelError`."""
        if self.factory is not None:
            raise ModelError(needless("factory=", path))

    def answered(self, function: Callable[..., Any], batch: Batch) -> dict[str, NDArray[Any]]:
        """What `function` answers to `batch`, by name."""
        if self.preprocess is not None:
            return self._answers(function, self.preprocess(batch))
        arrays = self._arrays(batch)
        if arrays:
            return self._bucketed(function, batch, arrays)
        return self._answers(function, tuple(self.argument(name, batch[name]) for name in self.inputs))

    def _answers(self, function: Callable[..., Any], arguments: Any) -> dict[str, NDArray[Any]]:
        answers = _called(function, arguments)
        return self._named(answers if self.postprocess is None else self.postprocess(answers))

    def _arrays(self, batch: Batch) -> dict[str, Arrays]:
        """Those among the inputs that are to be padded."""
        if self.padding is None:
            return {}
        received = {name: batch.received(name) for name in self.inputs}
        return {name: values for name, values in received.items() if isinstance(values, Arrays)}

    def _bucketed(
        self, function: Callable[..., Any], batch: Batch, arrays: Mapping[str, Arrays]
    ) -> dict[str, NDArray[Any]]:
        assert self.padding is not None
        lengths = np.max([values.lengths for values in arrays.values()], axis=0)
        parts = list(self.padding.parts(lengths))
        padded = {name: values.padded(self.padding.value, parts[-1][1]) for name, values in arrays.items()}
        answered = []
        for rows, length in parts:
            arguments = (
                self.tensor(padded[name][rows, :length])
                if name in padded
                else self.argument(name, batch[name])[rows]
                for name in self.inputs
            )
            answers = self._answers(function, tuple(arguments))
            check_form(answers, self.outputs, len(rows))
            answered.append(answers)
        places = np.argsort(np.concatenate([rows for rows, _ in parts]))
        return {
            name: np.concatenate([answers[name] for answers in answered])[places] for name in self.outputs
        }

    def _named(self, answers: Any) -> dict[str, NDArray[Any]]:
        """Without names they are in the order of the output."""
        if not isinstance(answers, Mapping):
            several = answers if isinstance(answers, (tuple, list)) else (answers,)
            if len(several) != len(self.outputs):
                raise ModelError(
                    f"the model answers {len(several)} tensors, the output has {', '.join(self.outputs)}: "
                    "declare a column for each of them, or name the answers in postprocess"
                )
            answers = dict(zip(self.outputs, several, strict=True))
        return {name: _column(self.array(values)) for name, values in answers.items()}


def needless(factory: str, whole: object) -> str:
    """Why what is given as `factory` is refused: `whole` is a model that needs none."""
    return f"{factory} makes a model for weights, and {whole} is a whole model: leave it out"


def _called(function: Callable[..., Any], arguments: Any) -> Any:
    if isinstance(arguments, Mapping):
        return function(**arguments)
    return function(*arguments) if isinstance(arguments, tuple) else function(arguments)


def _column(values: NDArray[Any]) -> NDArray[Any]:
    """One value a row: what a layer of one unit answers, ``(rows, 1)``, is ``(rows,)``."""
    return values[:, 0] if values.shape[1:] == (1,) else values
