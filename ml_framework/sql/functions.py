"""Functions that SQL names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.runner.entrypoint import check_function, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Named:
    """The function ``module:function``: pickled here by its name, it is itself where it is loaded.

    Its module is imported there, in the user's process before the first row, and nowhere else.
    """

    name: str

    def __reduce__(self) -> tuple[Any, ...]:
        return resolve, (self.name,)


def find(option: str, name: str | None, folders: Sequence[str]) -> Any:
    """What `option` names, None for none; nothing is imported.

    Args:
        option: of the model.
        name: ``module:function``.
        folders: for modules.

    Raises:
        PlanError: there is no such function; the message names the option and the remedy.
    """
    if name is None:
        return None
    where = f": put its folder into 'python-path', which is {os.pathsep.join(folders)!r}"
    check_function(repr(option), name, folders, where)
    return Named(name)
