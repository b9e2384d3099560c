"""Functions that SQL names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ml_framework.runner.entrypoint import Named, check_function

if TYPE_CHECKING:
    from collections.abc import Sequence


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
