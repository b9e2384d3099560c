"""What is checked at planning, each with a sentence that names the remedy."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_framework.codec import Layout, find
from ml_framework.codec.schema import Root
from ml_framework.errors import PlanError
from ml_framework.names import suggestion
from ml_framework.spec import RoleKind, RoleSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflink.common import Configuration

    from ml_operator.plan import JobPlan, RolePlan

_MAX_ROWTIME_PRECISION = 3


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Have the message of what is wrong in this block begin with `what`."""
    try:
        yield
    except PlanError as error:
        raise PlanError(f"{what}: {error}") from error.__cause__


def check_numbers(*, at_least: int, **numbers: Any) -> None:
    """Each is an integer, and no smaller."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int):
            raise PlanError(f"{name} is {number!r}, it must be an integer")
        if number < at_least:
            raise PlanError(f"{name} is {number}, it must be at least {at_least}")


def is_list_of_names(names: object) -> bool:
    """Whether `names` is a list; a text is none, though it can be taken letter by letter."""
    return isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)


def check_runtime_mode(options: Configuration) -> None:
    """Refuse BATCH and AUTOMATIC runtime modes: a blocking control edge would never let the nodes start."""
    mode = options.get_string("execution.runtime-mode", "STREAMING").upper()
    if mode != "STREAMING":
        raise PlanError(
            f"execution.runtime-mode is {mode}: an ML cluster runs in STREAMING mode only, where bounded "
            "input ends just the same and checkpoints are taken. Set execution.runtime-mode to STREAMING."
        )


def check_role(
    plan: JobPlan,
    options: Configuration,
    name: str,
    *,
    parallelism: int,
    kind: RoleKind | str,
    restartable: bool,
) -> RoleSpec:
    """What can be said of a role before its input is looked at; messages name it."""
    if plan.master is None:
        raise PlanError(
            f"role {name!r}: job {plan.name!r} has no application master yet: call add_am_role() first"
        )
    if name in {role.name for role in plan.roles}:
        raise PlanError(f"role {name!r} is there already: give each role a name of its own")
    if kind not in tuple(RoleKind):
        raise PlanError(f"role {name!r}: kind is {kind!r}, it must be one of {', '.join(RoleKind)}")
    check_runtime_mode(options)
    return RoleSpec(name, parallelism, RoleKind(kind), restartable)


def check_codec(name: str, *layouts: Layout | None) -> None:
    """The codec called `name` exists and fits the columns both ways."""
    codec = find(name)
    for layout in layouts:
        if layout is not None:
            codec.validate(layout.schema)


def check_max_delay(delay: timedelta) -> float:
    """`delay` in seconds; it is no less than zero."""
    if delay < timedelta():
        raise PlanError(f"max_delay is {delay}, it must be zero or more")
    return delay.total_seconds()


def check_python(python: str | Path | None) -> str | None:
    """The interpreter as an absolute path, its links kept: a virtual environment is found by them."""
    if python is None:
        return None
    found = shutil.which(os.fspath(python))
    if found is None:
        raise PlanError(f"python={os.fspath(python)!r} is no program that can be run here")
    return str(Path(found).absolute())


def check_columns(role: RolePlan) -> None:
    """`partition_by` and `rowtime` name columns that can serve."""
    if role.partition_by is not None:
        if role.input is None:
            raise PlanError(f"partition_by={role.partition_by!r} needs an input")
        _check_named("partition_by", role.partition_by, role.input)
    if role.rowtime is None:
        return
    if role.output is None:
        raise PlanError(f"rowtime={role.rowtime!r} names an output column, declare output= too")
    _check_named("rowtime", role.rowtime, role.output)
    column = role.output.schema.columns[role.output.schema.names.index(role.rowtime)]
    is_time = column.type.root in (Root.TIMESTAMP, Root.TIMESTAMP_LTZ)
    if not is_time or (column.type.precision or 0) > _MAX_ROWTIME_PRECISION:
        raise PlanError(
            f"rowtime column {role.rowtime!r} is {column.type}: a time attribute is TIMESTAMP or "
            "TIMESTAMP_LTZ of precision 0 to 3"
        )


def _check_named(parameter: str, name: str, layout: Layout) -> None:
    if name not in layout.schema.names:
        raise PlanError(f"{parameter}={name!r} names no column: {suggestion(name, layout.schema.names)}")
