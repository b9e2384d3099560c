"""The columns of a model's OUTPUT: the answers, the version that has answered, and why a row was refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ml_framework.codec import Column, ColumnType, Schema
from ml_framework.codec.schema import Root
from ml_framework.errors import PlanError
from ml_framework.names import suggestion

_VERSION = ColumnType(Root.BIGINT)
_ERROR = ColumnType.parse("STRING")


@dataclass(frozen=True)
class Outputs:
    """The columns of OUTPUT, and of the frames that carry them.

    Args:
        schema: of the frames: OUTPUT, and where that has no column for errors, one more at the end.
        answers: what the model answers.
        error: column for why a row was refused.
        version: column for the version that has answered, None for none.
    """

    schema: Schema
    answers: tuple[str, ...]
    error: str
    version: str | None


def plan_outputs(declared: Schema, version: str | None, error: str | None) -> Outputs:
    """The columns of the frames for the OUTPUT `declared`.

    Args:
        declared: as in SQL.
        version: the option 'version-column'.
        error: the option 'error-column'; without it, Flink fails at a row that is refused.

    Raises:
        PlanError: a column cannot be what it is to be; the message names the option and the remedy.
    """
    if version is not None:
        _check("version-column", version, declared, _VERSION, "BIGINT")
    if error is not None:
        _check("error-column", error, declared, _ERROR, "STRING")
    answers = tuple(name for name in declared.names if name not in (version, error))
    if not answers:
        raise PlanError("OUTPUT has no answer: declare a column for each thing that the model answers")
    if error is None:
        hidden = _unused(declared.names)
        return Outputs(_with_error(declared, hidden), answers, hidden, version)
    for name in answers:
        if not declared[name].nullable:
            raise PlanError(
                f"OUTPUT: the answer {name!r} is {declared[name].type}, and a row with an error has none: "
                "leave NOT NULL out, or leave out 'error-column', and the query fails at such a row"
            )
    return Outputs(declared, answers, error, version)


def _check(option: str, name: str, declared: Schema, wanted: ColumnType, shown: str) -> None:
    if name not in declared.names:
        raise PlanError(
            f"{option!r} is {name!r}, which is no column of OUTPUT: {suggestion(name, declared.names)}"
        )
    if declared[name].type != wanted:
        raise PlanError(
            f"{option!r} is {name!r}, which is {declared[name].type}: declare it in OUTPUT as {shown}, which "
            "may be null"
        )


def _unused(names: tuple[str, ...]) -> str:
    name = "error"
    while name in names:
        name = f"_{name}"
    return name


def _with_error(declared: Schema, error: str) -> Schema:
    """`declared` and the column `error`; a row that has that has nothing else, whatever OUTPUT declares."""
    nullable = (Column(column.name, replace(column.type, nullable=True)) for column in declared)
    return Schema((*nullable, Column(error, _ERROR)))
