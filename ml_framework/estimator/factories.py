"""What makes a model, as it is kept in a file and as it travels to the nodes.

One that can be imported is a `Named`. Nothing is imported, or unpickled, but where the model is made.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.runner.entrypoint import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.estimator.arguments import Arguments


@dataclass(frozen=True)
class Pickled:
    """A factory that travels by value: cloudpickle's bytes of it."""

    content: bytes

    def __call__(self) -> Any:
        """A new model; runs whatever code the bytes hold."""
        return pickle.loads(self.content)()  # noqa: S301 - it stands for the user's own function


@dataclass(frozen=True)
class Scorable:
    """Makes a model that is called with columns one by one.

    Args:
        maker: ``module:name`` of a framework's function of the other two.
        factory: makes the model.
        arguments: of the model.
    """

    maker: str
    factory: Callable[[], Any]
    arguments: Arguments

    def __call__(self) -> Any:
        """A new model."""
        return resolve(self.maker)(self.factory, self.arguments)
