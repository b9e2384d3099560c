"""Where the bridge jar lies. It imports no PyFlink: `mlflink jar` and `mlflink doctor` do without."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_NAME = "ml-on-flink.jar"


def place() -> Traversable:
    """Where the jar is, or would be had it been built."""
    return resources.files("ml_operator") / "jars" / _NAME


def jar_path() -> str:
    """Path of the bridge jar that ships with this package; `PlanError` where it was not built."""
    jar = place()
    if not jar.is_file():
        raise PlanError(f"the bridge {_NAME} is not built: install the package with a JDK 17, or run `make`")
    return str(jar)
