"""`Framework`: what a framework adds to a checkpoint, and what there is without one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from ml_framework.checkpoint.kinds import Kind

Functions: TypeAlias = tuple[Callable[[], Any], Callable[[Any], object]]
"""What gives a state, and what takes one."""


class Framework:
    """What is in a checkpoint without a framework; a framework derives from it what is its own.

    Attributes:
        kinds: of its tensors.
    """

    kinds: ClassVar[tuple[Kind, ...]] = ()

    def adapt(self, name: str, item: Any) -> Functions | None:  # noqa: ARG002 - for those who derive
        """How the state of `item` is saved and loaded; None where the framework knows no more than others.

        Raises:
            CheckpointError: it has no state that could be saved; the message calls it `name`.
        """
        return None

    def random_state(self) -> dict[str, Any]:
        """The state of every global generator of random numbers: of `random` and `numpy.random`.

        Generators that user code has made, such as ``numpy.random.default_rng()``, are not part of it.
        """
        return {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}

    def set_random_state(self, state: dict[str, Any]) -> None:
        """Go back to what `random_state` gave.

        Raises:
            ValueError: numpy's global generator is of another type than it was.
        """
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])


PLAIN: Final = Framework()
"""No framework."""
