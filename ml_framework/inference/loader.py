"""`ModelLoader`: what a framework has to say about its models, and what is the same for all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ml_framework.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_framework.context import Batch
    from ml_framework.inference.answers import Model


@dataclass(frozen=True)
class ModelLoader(ABC):
    """Loads models of a framework, each with the functions before and behind it.

    Args:
        inputs: columns or groups that are the model's arguments, where there is no `preprocess`.
        outputs: what the model answers, in order.
        factory: makes the model for a file that holds weights alone.
        preprocess: makes the model's arguments of a batch: a tuple, a dict for arguments by name, or the only
            one.
        postprocess: makes the answers of what the model returns.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    factory: Callable[[], Any] | None = None
    preprocess: Callable[[Any], Any] | None = None
    postprocess: Callable[[Any], Any] | None = None

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

    def answered(self, function: Callable[..., Any], batch: Batch) -> dict[str, NDArray[Any]]:
        """What `function` answers to `batch`, by name."""
        answers = _called(function, self._arguments(batch))
        if self.postprocess is not None:
            answers = self.postprocess(answers)
        return self._named(answers)

    def _arguments(self, batch: Batch) -> Any:
        if self.preprocess is not None:
            return self.preprocess(batch)
        return tuple(batch[name] for name in self.inputs)

    def _named(self, answers: Any) -> dict[str, NDArray[Any]]:
        """Without names they are in the order of the output."""
        if not isinstance(answers, Mapping):
            several = answers if isinstance(answers, (tuple, list)) else (answers,)
            if len(several) != len(self.outputs):
                raise ModelError(
                    f"the model answers {len(several)} tensors, the output has {', '.join(self.outputs)}"
                )
            answers = dict(zip(self.outputs, several, strict=True))
        return {name: _column(self.array(values)) for name, values in answers.items()}


def _called(function: Callable[..., Any], arguments: Any) -> Any:
    if isinstance(arguments, Mapping):
        return function(**arguments)
    return function(*arguments) if isinstance(arguments, tuple) else function(arguments)


def _column(values: NDArray[Any]) -> NDArray[Any]:
    """One value a row: what a layer of one unit answers, ``(rows, 1)``, is ``(rows,)``."""
    return values[:, 0] if values.shape[1:] == (1,) else values
