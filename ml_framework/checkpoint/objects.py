"""Objects whose state is part of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.checkpoint.framework import PLAIN
from ml_framework.checkpoint.tree import described
from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from ml_framework.checkpoint.framework import Framework, Functions


@dataclass(frozen=True)
class Stateful:
    """A named object whose state can be saved and loaded; made by `stateful`."""

    name: str
    _functions: Functions

    def save(self) -> Any:
        """The state now: a tree of plain data, arrays and tensors, which may be the object's own.

        Raises:
            CheckpointError: the object cannot give it.
        """
        try:
            return self._functions[0]()
        except Exception as error:
            raise CheckpointError(f"the state of {self.name!r} cannot be saved: {_told(error)}") from error

    def load(self, tree: Any) -> None:
        """Go back to a state that `save` gave.

        Raises:
            CheckpointError: it does not fit the object.
        """
        try:
            self._functions[1](tree)
        except Exception as error:
            raise CheckpointError(
                f"the state of {self.name!r} in the checkpoint does not fit: {_told(error)}; build "
                f"{self.name!r} as it was when the checkpoint was taken, or start without it"
            ) from error


def stateful(name: str, item: Any, framework: Framework = PLAIN) -> Stateful:
    """`item` as something that has a state.

    Args:
        name: under which it is saved.
        item: what `framework` knows; anything with ``state_dict()`` and ``load_state_dict(state)``; or a
            pair of functions, of which the first gives a state and the second takes it.
        framework: of this role.

    Raises:
        CheckpointError: it is none of these, or it is not ready to have a state.
    """
    functions = framework.adapt(name, item)
    if functions is not None:
        return Stateful(name, functions)
    save, load = getattr(item, "state_dict", None), getattr(item, "load_state_dict", None)
    if callable(save) and callable(load) and not isinstance(item, type):
        return Stateful(name, (save, load))
    match item:
        case (save, load) if callable(save) and callable(load):
            return Stateful(name, (save, load))
    raise CheckpointError(
        f"{name!r} is {described(item)}, whose state is not known: pass an object with state_dict() and "
        "load_state_dict(state), a pair of functions (save, load), or an object of the framework that has a "
        "state, such as a model or an optimizer"
    )


def _told(error: Exception) -> str:
    """What went wrong, with the type where the message alone says little."""
    text = str(error).rstrip(".")
    return f"{type(error).__name__}: {text}" if isinstance(error, LookupError) or not text else text
