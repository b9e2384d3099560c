"""Tables and DataStreams on their way into a role and out of it: internal rows and their schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pyflink.common.typeinfo import PickledBytesTypeInfo, RowTypeInfo, TupleTypeInfo, TypeInformation
from pyflink.datastream import DataStream, KeyedStream
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes, StreamTableEnvironment, Table
from pyflink.table.types import DataType, _from_java_data_type, _to_java_data_type
from pyflink.util.exceptions import TableException
from pyflink.util.java_utils import to_jarray

from ml_framework.codec import Schema
from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from ml_operator.bridge import Bridge

ANNOUNCED = "announced version"
"""The column that `Rows.announced` adds."""
Output: TypeAlias = Sequence[tuple[str, DataType]] | TypeInformation


@dataclass(frozen=True)
class RowStream:
    """A Java ``DataStream<RowData>`` and what its rows look like."""

    j_stream: Any
    j_type: Any
    """The Java `DataType` of a row."""
    schema: Schema
    keyed: bool = False

    @property
    def j_row_type(self) -> Any:
        """The Java `RowType`."""
        return self.j_type.getLogicalType()


def check_rows(what: str, rows: object) -> None:
    """Refuse what is neither a Table nor a DataStream."""
    if not isinstance(rows, (Table, DataStream)):
        raise PlanError(f"{what} is a {type(rows).__name__}, it must be a Table or a DataStream")


def schema_of(j_type: Any) -> Schema:
    """The schema of a Java row `DataType`; `PlanError` names a column whose type is not supported."""
    fields = j_type.getLogicalType().getFields()
    return Schema.parse([(field.getName(), field.getType().asSerializableString()) for field in fields])


def data_types(table: Table) -> dict[str, DataType]:
    """The columns of `table` in PyFlink's types, as exact as Java's.

    Raises:
        PlanError: PyFlink has no such type.
    """
    j_type = table._j_table.getResolvedSchema().toSourceRowDataType()
    types = {}
    for column, j_column in zip(schema_of(j_type).columns, j_type.getChildren(), strict=True):
        found = _from_java_data_type(j_column)
        if column.type.precision is not None and hasattr(found, "precision"):
            found.precision = column.type.precision  # which PyFlink forgets of points in time
        j_found = _to_java_data_type(found).getLogicalType()
        if j_found.asSerializableString() != j_column.getLogicalType().asSerializableString():
            raise PlanError(f"column {column.name!r} is {column.type}, which cannot be carried")
        types[column.name] = found
    return types


def field_types(stream: DataStream) -> dict[str, TypeInformation]:
    """The fields of the elements of `stream`; an element that is no row is the one field "f0".

    Raises:
        PlanError: the stream's type is not known.
    """
    keyed = isinstance(stream, KeyedStream)
    info = stream._original_data_type_info if keyed else stream.get_type()
    if isinstance(info, RowTypeInfo):
        return dict(zip(info.get_field_names(), info.get_field_types(), strict=True))
    if isinstance(info, TupleTypeInfo):
        return {f"f{index}": kind for index, kind in enumerate(info.get_field_types())}
    if isinstance(info, PickledBytesTypeInfo):
        raise PlanError("the type of its input is not known: say output_type= where the stream is made")
    return {"f0": info}


@dataclass(frozen=True)
class RoleRows:
    """The rows that come back from a role, and what they were declared to be."""

    rows: Rows
    j_rows: Any
    """A Java ``DataStream<RowData>``."""
    output: Output
    j_type: Any
    """The Java `DataType` of a row."""
    rowtime: str | None
    uid: str

    def all(self) -> Table | DataStream:
        """As they were declared."""
        return self.rows.write(self.j_rows, self.output, self.j_type, self.rowtime, self.uid)

    def part(
        self, name: str, output: Output, columns: Sequence[int], flag: int, *, null: bool
    ) -> Table | DataStream:
        """The rows in which column `flag` is null, or those in which it is not.

        Args:
            name: of the part.
            output: what is left of a row: the columns at the positions `columns`.
            columns: by position.
            flag: position of the column that is looked at.
            null: whether its value is null in the rows of the part.
        """
        uid = f"{self.uid}/{name}"
        j_type = self.rows.output_type(output)
        j_rows = self.rows.part(self.j_rows, flag, columns, j_type, f"{uid}/part", null=null)
        return self.rows.write(j_rows, output, j_type, self.rowtime, uid)


class Rows:
    """Converts between PyFlink's tables and streams and internal rows, for one job."""

    def __init__(self, bridge: Bridge, tables: StreamTableEnvironment) -> None:
        self._streams = bridge.streams
        self._tables = tables

    def read(self, source: Table | DataStream, parallelism: int, uid: str) -> RowStream:
        """The rows of `source`, the input of a role with its `parallelism`."""
        if isinstance(source, Table):
            return self._read_table(source)
        return self._read_stream(source, parallelism, uid)

    def _read_table(self, table: Table) -> RowStream:
        j_type = table._j_table.getResolvedSchema().toSourceRowDataType()
        schema = schema_of(j_type)
        try:
            j_stream = self._streams.fromTable(self._tables._j_tenv, table._j_table)
        except TableException as error:
            if "doesn't support consuming" in str(error):
                raise PlanError(
                    "its input is an updating table, and a node cannot take a row back. Make it "
                    "insert-only: an interval join or a temporal join in place of a regular one, a window "
                    "aggregation in place of a plain GROUP BY."
                ) from error
            raise
        return RowStream(j_stream, j_type, schema)

    def _read_stream(self, stream: DataStream, parallelism: int, uid: str) -> RowStream:
        j_stream = stream._j_data_stream
        if keyed := isinstance(stream, KeyedStream):
            # PyFlink keeps a keyed stream as (key, value) rows: the values are taken behind the exchange.
            j_stream = self._streams.values(j_stream, parallelism, f"{uid}/values")
        j_type = self._streams.rowType(self._tables._j_tenv, j_stream.getType())
        j_rows = self._streams.fromStream(self._tables._j_tenv, j_stream, f"{uid}/rows")
        return RowStream(j_rows, j_type, schema_of(j_type), keyed=keyed)

    def output_type(self, output: Output) -> Any:
        """The Java row `DataType` of a declared output."""
        if isinstance(output, TypeInformation):
            return self._streams.rowType(self._tables._j_tenv, output.get_java_type_info())
        if not output:
            raise PlanError("output has no columns: name at least one, or leave output out")
        fields = [DataTypes.FIELD(name, data_type) for name, data_type in output]
        return _to_java_data_type(DataTypes.ROW(fields))

    def part(
        self, j_rows: Any, flag: int, columns: Sequence[int], j_type: Any, uid: str, *, null: bool
    ) -> Any:
        """`columns` of the rows in which column `flag` is null, or is not, as rows of `j_type`."""
        j_columns = to_jarray(get_gateway().jvm.int, columns)
        return self._streams.part(j_rows, flag, null, j_columns, j_type, uid)

    def announced(self, rows: RowStream, control: RowStream, uid: str) -> RowStream:
        """`rows` with one more column: the last number that `control` had sent before, null before the first.

        Raises:
            PlanError: `control` is no stream of integers.
        """
        columns = control.schema.columns
        if len(columns) != 1 or not columns[0].type.is_integer:
            found = ", ".join(f"{column.name} {column.type}" for column in columns)
            raise PlanError(
                f"control has the columns {found}; it must have one, an integer, the number of the version "
                "that shall serve"
            )
        j_type = self._streams.withNumber(rows.j_type, ANNOUNCED)
        j_rows = self._streams.announced(rows.j_stream, control.j_stream, control.j_row_type, j_type, uid)
        return RowStream(j_rows, j_type, schema_of(j_type), rows.keyed)

    def write(
        self, j_rows: Any, output: Output, j_type: Any, rowtime: str | None, uid: str
    ) -> Table | DataStream:
        """Rows as what the user declared: a Table for columns, a DataStream for a TypeInformation."""
        if isinstance(output, TypeInformation):
            info = output.get_java_type_info()
            return DataStream(self._streams.toStream(self._tables._j_tenv, j_rows, info, f"{uid}/elements"))
        return Table(self._streams.toTable(self._tables._j_tenv, j_rows, j_type, rowtime), self._tables)
