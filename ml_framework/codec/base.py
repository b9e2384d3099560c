"""What user code sees of a batch: codecs above the columns, chosen by name or given as an object."""

from __future__ import annotations

import importlib
import json
import pickle
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from ml_framework.errors import CodecError, PlanError
from ml_framework.names import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_framework.codec.batch import RecordBatch
    from ml_framework.codec.schema import Column, Schema


class Codec(ABC):
    """Turns batches of columns into what user code works with, and back.

    Attributes:
        name: what it is chosen by.
    """

    name: ClassVar[str]

    @abstractmethod
    def validate(self, schema: Schema) -> None:
        """Raise `PlanError` if tables of this schema are not for this codec."""

    @abstractmethod
    def decode(self, batch: RecordBatch) -> Any:
        """What user code gets for `batch`."""

    @abstractmethod
    def encode(self, values: Any, schema: Schema) -> Mapping[str, Any]:
        """The columns of what user code gave; `CodecError` if a value has no form in them."""


class ColumnsCodec(Codec):
    """Batches are `RecordBatch`; user code gives columns by name."""

    name = "columns"

    def validate(self, schema: Schema) -> None:
        """Every schema will do."""

    def decode(self, batch: RecordBatch) -> RecordBatch:
        """The batch itself."""
        return batch

    def encode(self, values: Mapping[str, Any], schema: Schema) -> Mapping[str, Any]:  # noqa: ARG002
        """The columns themselves."""
        return values


class _OneColumn(Codec):
    """Batches are lists with one object for each row of the only column; null is None."""

    text: ClassVar[bool] = True
    """Whether the column may be text, too."""

    def validate(self, schema: Schema) -> None:
        """The schema must be one column of bytes (or text)."""
        check_one_column(self, schema, text=self.text)

    def decode(self, batch: RecordBatch) -> list[Any]:
        """One object a row."""
        (column,) = batch.layout.schema.columns
        return [None if value is None else self.load(value) for value in batch[column.name].tolist()]

    def encode(self, values: Any, schema: Schema) -> Mapping[str, Any]:
        """The column of these objects."""
        (column,) = schema.columns
        return {column.name: [None if value is None else self._dumped(column, value) for value in values]}

    def _dumped(self, column: Column, value: Any) -> str | bytes:
        try:
            return self.dump(value, column)
        except (TypeError, ValueError, AttributeError, pickle.PicklingError) as error:
            raise CodecError(
                f"column {column.name!r}: codec {self.name!r} cannot write {value!r}: {error}"
            ) from error

    @abstractmethod
    def load(self, value: Any) -> Any:
        """The object of one value of the column."""

    @abstractmethod
    def dump(self, value: Any, column: Column) -> str | bytes:
        """The value of the column for one object."""


class RawCodec(_OneColumn):
    """Batches are lists of bytes; text is UTF-8."""

    name = "raw"

    def load(self, value: Any) -> bytes:
        """The value as bytes."""
        return value.encode() if isinstance(value, str) else bytes(value)

    def dump(self, value: Any, column: Column) -> str | bytes:
        """The bytes, as text in a text column."""
        return bytes(value).decode() if column.type.is_text else bytes(value)


class JsonCodec(_OneColumn):
    """Batches are lists of objects that were JSON."""

    name = "json"

    def load(self, value: Any) -> Any:
        """The object."""
        return json.loads(value)

    def dump(self, value: Any, column: Column) -> str | bytes:
        """The object's JSON."""
        text = json.dumps(value, ensure_ascii=False)
        return text if column.type.is_text else text.encode()


class PickleCodec(_OneColumn):
    """Batches are lists of objects that were pickled by the job that sends them."""

    name = "pickle"
    text = False

    def load(self, value: Any) -> Any:
        """The object."""
        return pickle.loads(value)  # noqa: S301 - the other end is the same job

    def dump(self, value: Any, column: Column) -> bytes:  # noqa: ARG002
        """The object's pickle."""
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def check_one_column(codec: Codec, schema: Schema, *, text: bool) -> None:
    """Raise `PlanError` unless the schema is one column of bytes, or where `text` is allowed of text."""
    columns = schema.columns
    if len(columns) == 1 and columns[0].type.storage == "bytes" and (text or not columns[0].type.is_text):
        return
    found = ", ".join(f"{column.name} {column.type}" for column in columns)
    wanted = "BYTES or STRING" if text else "BYTES"
    raise PlanError(f"codec {codec.name!r} takes one {wanted} column, the table has: {found}")


_codecs: dict[str, Codec] = {}


def register(codec: Codec) -> None:
    """Make `codec` known by its name in this process."""
    if _codecs.setdefault(codec.name, codec) is not codec:
        raise PlanError(f"there is a codec {codec.name!r} already: name yours differently")


def find(codec: str | Codec) -> Codec:
    """The codec itself, the one registered by that name, or the object at ``module:name``.

    Raises:
        PlanError: there is no such codec.
    """
    if isinstance(codec, Codec):
        return codec
    if codec in _codecs:
        return _codecs[codec]
    module, colon, name = codec.partition(":")
    if not colon:
        raise PlanError(f"there is no codec {codec!r}: {suggestion(codec, sorted(_codecs))}")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise PlanError(f"codec {codec!r} cannot be imported: {error}") from error
    if not isinstance(found, Codec):
        raise PlanError(f"codec {codec!r} is {found!r}, it must be a Codec")
    return found


for _codec in (ColumnsCodec(), RawCodec(), JsonCodec(), PickleCodec()):
    register(_codec)
