"""The columns of a role that scores rows, and what becomes of its rows: the answered, and the refused."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Required, TypedDict

from pyflink.common.typeinfo import TypeInformation, Types
from pyflink.table import DataTypes, Table
from pyflink.table.types import DataType

from ml_framework.errors import PlanError
from ml_framework.names import suggestion
from ml_operator.checks import check_numbers, is_list_of_names
from ml_operator.table import check_rows, data_types, field_types

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

    from pyflink.datastream import DataStream

    from ml_framework.inference import Padding
    from ml_framework.resources import Resources
    from ml_operator.table import Output, RoleRows

ERROR = "error"
"""The column of a role's output for why a row was refused."""


class ScoringOptions(TypedDict, total=False):
    """Those options of `MLJob.add_inference` that hold whatever the model is called with, and answers."""

    postprocess: Callable[[Any], Any] | None
    carry: Sequence[str] | None
    version: str | None
    control: Table | DataStream | None
    threads: int | None
    parallelism: int
    max_batch: int
    max_delay: timedelta
    partition_by: str | None
    rowtime: str | None
    python: str | Path | None
    resources: Resources | None
    python_path: Sequence[str] | None
    env: Mapping[str, str] | None


class InferenceOptions(ScoringOptions, total=False):
    """The options of `MLJob.add_inference`, which says what each of them is."""

    output: Required[Sequence[tuple[str, DataType | TypeInformation]]]
    inputs: Sequence[str]
    preprocess: Callable[[Any], Any] | None
    padding: Padding | None
    factory: Callable[[], Any] | None
    name: str
    groups: Mapping[str, Sequence[str] | int] | None


@dataclass(frozen=True)
class ScoredColumns:
    """The columns of a role's output: what is carried, the answers, the version, and the error."""

    carried: tuple[str, ...]
    answers: tuple[str, ...]
    fields: tuple[tuple[str, Any], ...]
    """Names and types, PyFlink's `DataType` for a table and `TypeInformation` for a stream."""

    @property
    def output(self) -> Output:
        """All of them."""
        return self.without()

    def without(self, *names: str) -> Output:
        """All but these."""
        kept = [(name, kind) for name, kind in self.fields if name not in names]
        if isinstance(kept[0][1], DataType):
            return kept
        return Types.ROW_NAMED([name for name, _ in kept], [kind for _, kind in kept])

    def positions(self, *without: str) -> list[int]:
        """Where all columns but these are."""
        return [index for index, (name, _) in enumerate(self.fields) if name not in without]


class Scored:
    """What comes out of a role that scores: Tables for a table, DataStreams for a stream.

    One that is not asked for costs nothing.
    """

    def __init__(self, answered: RoleRows, columns: ScoredColumns) -> None:
        self._answered = answered
        self._columns = columns

    @cached_property
    def rows(self) -> Any:
        """The answered rows: what was carried, the answers, and the version, in this order."""
        return self._part("answered", ERROR, refused=False)

    @cached_property
    def refused(self) -> Any:
        """The rows that the model cannot take: what was carried, the version, and the STRING `error`."""
        return self._part("refused", *self._columns.answers, refused=True)

    def _part(self, name: str, *without: str, refused: bool) -> Table | DataStream:
        columns = self._columns
        return self._answered.part(
            name,
            columns.without(*without),
            columns.positions(*without),
            len(columns.fields) - 1,
            null=not refused,
        )


def check_arguments(
    *,
    rows: object,
    control: object | None,
    inputs: Sequence[str],
    carry: Sequence[str] | None,
    max_batch: int,
) -> None:
    """Refuse arguments of `MLJob.add_inference` of another kind, by the names that they have there."""
    check_rows("rows", rows)
    if control is not None:
        check_rows("control", control)
    for name, names in (("inputs", inputs), ("carry", () if carry is None else carry)):
        if not is_list_of_names(names):
            raise PlanError(f"{name} is {names!r}, it must be a list of names")
    check_numbers(at_least=1, max_batch=max_batch)


def plan_columns(
    rows: Table | DataStream,
    *,
    inputs: Sequence[str],
    answers: Sequence[tuple[str, DataType | TypeInformation]],
    carry: Sequence[str] | None,
    groups: Mapping[str, Sequence[str] | int] | None,
    version: str | None,
) -> ScoredColumns:
    """The columns of the output of a role that scores `rows`.

    Raises:
        PlanError: a name is there twice, or is no column of the input; the message names the remedy.
    """
    of_table = isinstance(rows, Table)
    types: Mapping[str, Any] = data_types(rows) if of_table else field_types(rows)
    groups = groups or {}
    grouped = {
        name for group, names in groups.items() for name in ([group] if isinstance(names, int) else names)
    }
    single = [name for name in types if name not in grouped]
    carried = tuple(single if carry is None else carry)
    _check_named("inputs", inputs, [*single, *groups])
    _check_named("carry", carried, single)
    _check_answers(answers, DataType if of_table else TypeInformation)
    fields = [
        *((name, types[name]) for name in carried),
        *((name, kind.nullable() if of_table else kind) for name, kind in answers),  # refused: no answer
        *([] if version is None else [(version, DataTypes.BIGINT() if of_table else Types.LONG())]),
        (ERROR, DataTypes.STRING() if of_table else Types.STRING()),
    ]
    names = [name for name, _ in fields]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PlanError(
            f"{twice[0]!r} would be there twice in the output ({', '.join(names)}): name the "
            "answer or the version differently, or leave the column out of carry"
        )
    return ScoredColumns(carried, tuple(name for name, _ in answers), tuple(fields))


def _check_named(option: str, names: Sequence[str], there: Sequence[str]) -> None:
    for name in names:
        if name not in there:
            raise PlanError(f"{option} names {name!r}, there is none: {suggestion(name, there)}")


def _check_answers(answers: Sequence[tuple[str, Any]], wanted: type) -> None:
    if not answers:
        raise PlanError("output names no answer: say what the model answers")
    for name, kind in answers:
        if not isinstance(kind, wanted):
            raise PlanError(
                f"the type of the answer {name!r} is {kind}; a Table takes pyflink.table's "
                "DataTypes, a DataStream pyflink.common's Types"
            )
