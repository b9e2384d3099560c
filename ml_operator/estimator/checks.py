"""What is checked of an estimator, each with a sentence that names the value and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyflink.table.expressions import col
from pyflink.table.types import DataType

from ml_framework.codec.layout import DTYPES
from ml_framework.errors import PlanError
from ml_framework.names import suggestion
from ml_operator.checks import is_list_of_names
from ml_operator.table import schema_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyflink.table import Table

    from ml_framework.codec import Schema
    from ml_framework.estimator import Arguments


def check_callables(**functions: Any) -> None:
    """Each can be called."""
    for name, function in functions.items():
        if not callable(function):
            raise PlanError(
                f"{name} is {function!r}, it must be a function: give what makes it, such as a class, or "
                "functools.partial of one"
            )


def check_names(name: str, names: Any) -> None:
    """A list of names, not empty."""
    if not names or not is_list_of_names(names):
        raise PlanError(f"{name} is {names!r}, it must be a list of columns or groups, at least one")


def check_groups(groups: Any, used: Sequence[str]) -> None:
    """Names to lists of columns or to widths, each of them used."""
    if not isinstance(groups, Mapping):
        raise PlanError(f'groups is {groups!r}, it must be a dict such as {{"features": ["a", "b"]}}')
    for name, columns in groups.items():
        if name not in used:
            raise PlanError(f"group {name!r} is neither among the inputs nor the label: name it there")
        if not isinstance(columns, int):
            check_names(f"group {name!r}", columns)


def check_output(output: Any) -> None:
    """Columns as ``(name, DataType)``, at least one."""
    if not isinstance(output, (list, tuple)) or not output or not all(map(_is_column, output)):
        raise PlanError(
            f'output is {output!r}, it must be a list such as [("prediction", DataTypes.FLOAT())]'
        )


def _is_column(pair: Any) -> bool:
    match pair:
        case (str(), DataType()):
            return True
    return False


def check_dtype(dtype: Any) -> None:
    """A dtype of numbers, by its name."""
    if dtype is not None and dtype not in [name for name, kind in DTYPES.items() if kind.kind != "V"]:
        raise PlanError(f"dtype is {dtype!r}, it must be a name such as 'float32', or None")


def check_label(inputs: Arguments, label: Arguments) -> None:
    """The label is not among the inputs."""
    if shared := sorted({*inputs.columns} & {*label.columns}):
        raise PlanError(
            f"{shared[0]!r} is the label, or part of it, and among the inputs: take it out of them"
        )


def check_columns(table: Table, arguments: Arguments) -> Schema:
    """The table has the columns, and they are numbers.

    Returns:
        The columns, once each.
    """
    there = list(table._j_table.getResolvedSchema().getColumnNames())
    for name in arguments.columns:
        if name not in there:
            raise PlanError(f"the table has no column {name!r}: {suggestion(name, there)}")
    wanted = table.select(*map(col, dict.fromkeys(arguments.columns)))
    schema = schema_of(wanted._j_table.getResolvedSchema().toSourceRowDataType())
    for column in schema.columns:
        if not column.type.is_number and column.name not in arguments.vectors:
            raise PlanError(
                f"column {column.name!r} is {column.type}, a model takes BOOLEAN, integers, FLOAT or DOUBLE: "
                "CAST it in SQL, or give the width of an ARRAY column in groups"
            )
    _check_matrices(arguments, schema)
    return schema


def _check_matrices(arguments: Arguments, schema: Schema) -> None:
    """Where nothing is cast, the columns of a group are of one type."""
    if arguments.dtype is not None:
        return
    storages = {column.name: column.type.storage for column in schema.columns}
    for name in arguments.inputs:
        columns = arguments.groups.get(name)
        if isinstance(columns, tuple) and len({storages[column] for column in columns}) > 1:
            raise PlanError(
                f"group {name!r} has columns of several types: set dtype=, or CAST them to one type in SQL"
            )
