"""The columns of a role that scores a table, and what becomes of its rows: the answered, and the refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pyflink.table import DataTypes, Table
from pyflink.table.expressions import col

from ml_framework.errors import PlanError
from ml_operator.table import data_types

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyflink.table.types import DataType


class Scored(NamedTuple):
    """What comes out of a role that scores a table."""

    rows: Table
    """The answered rows: what was carried, the answers, and the version, in this order."""
    refused: Table
    """The rows that the model cannot take: what was carried, the version, and the STRING `error`."""


@dataclass(frozen=True)
class ScoredColumns:
    """The columns of a role's output."""

    carried: tuple[str, ...]
    answers: tuple[str, ...]
    output: tuple[tuple[str, DataType], ...]
    """All of them."""
    error: str = "error"


def plan_columns(
    role: str,
    rows: Table,
    *,
    inputs: Sequence[str],
    answers: Sequence[tuple[str, DataType]],
    carry: Sequence[str] | None,
    groups: Mapping[str, Sequence[str] | int] | None,
    version: str | None,
) -> ScoredColumns:
    """The columns of the output of a role that scores `rows`.

    Raises:
        PlanError: a name is there twice, or is no column of the input; the message names the remedy.
    """
    types = data_types(role, rows)
    groups = groups or {}
    grouped = {
        name for group, names in groups.items() for name in ([group] if isinstance(names, int) else names)
    }
    single = [name for name in types if name not in grouped]
    carried = tuple(single if carry is None else carry)
    _check_named(role, "inputs", inputs, [*single, *groups])
    _check_named(role, "carry", carried, single)
    output = [
        *((name, types[name]) for name in carried),
        *((name, data_type.nullable()) for name, data_type in answers),  # a refused row has no answer
        *([] if version is None else [(version, DataTypes.BIGINT())]),
        (ScoredColumns.error, DataTypes.STRING()),
    ]
    names = [name for name, _ in output]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PlanError(
            f"role {role!r}: {twice[0]!r} would be there twice in the output ({', '.join(names)}): name the "
            "answer or the version differently, or leave the column out of carry"
        )
    return ScoredColumns(carried, tuple(name for name, _ in answers), tuple(output))


def split(answered: Table, columns: ScoredColumns) -> Scored:
    """The rows that were answered, and those that were refused."""
    error = col(columns.error)
    rows = answered.filter(error.is_null).drop_columns(error)
    return Scored(rows, answered.filter(error.is_not_null).drop_columns(*map(col, columns.answers)))


def _check_named(role: str, option: str, names: Sequence[str], there: Sequence[str]) -> None:
    for name in names:
        if name not in there:
            raise PlanError(f"role {role!r}: {option} names {name!r}; there are {', '.join(there)}")
