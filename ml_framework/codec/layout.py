"""How the columns of a table lie in a frame: planned once, executed by both ends, travels as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from ml_framework.codec.schema import Column, Root, Schema
from ml_framework.errors import PlanError
from ml_framework.names import suggestion

ALIGNMENT = 64
"""Every buffer of a frame begins at a multiple of this many bytes."""

HEADER_BYTES = 16
HAS_TIMESTAMPS = 1

DTYPES: Mapping[str, np.dtype[Any]] = {
    **{name: np.dtype(name) for name in ("bool", "int8", "int16", "int32", "int64", "float32", "float64")},
    "decimal128": np.dtype([("low", "<u8"), ("high", "<i8")]),
}
"""Physical types of one value, as numpy dtypes."""


def aligned(size: int) -> int:
    """`size` rounded up to the alignment of buffers."""
    return -(-size // ALIGNMENT) * ALIGNMENT


class BlockKind(StrEnum):
    """The physical forms of one or more columns."""

    COLUMNS = "columns"
    MATRIX = "matrix"
    VECTOR = "vector"
    BYTES = "bytes"
    LIST = "list"


@dataclass(frozen=True)
class Block:
    """One or more columns of one physical type, lying together.

    Attributes:
        kind: the physical form.
        storage: physical type of one value (for a vector or a list: of one element).
        fields: indexes of its columns in the schema.
        width: columns of the tensor, for a matrix or a vector; 1 otherwise.
        name: name of a matrix; empty otherwise.
    """

    kind: BlockKind
    storage: str
    fields: tuple[int, ...]
    width: int = 1
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form that `from_json`, and the JVM, read."""
        return {
            "kind": self.kind.value,
            "storage": self.storage,
            "fields": list(self.fields),
            "width": self.width,
            "name": self.name,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Block:
        """The block that `to_json` wrote."""
        return cls(**{**data, "kind": BlockKind(data["kind"]), "fields": tuple(data["fields"])})


@dataclass(frozen=True)
class Layout:
    """The plan of a frame.

    Attributes:
        schema: the logical columns.
        blocks: the physical blocks, in the order of their buffers.
        timestamps: whether the JVM sends the rows' timestamps.
        max_rows: rows of a full frame.
    """

    schema: Schema
    blocks: tuple[Block, ...]
    timestamps: bool = False
    max_rows: int = 1024

    @cached_property
    def columns(self) -> tuple[tuple[Column, ...], ...]:
        """The columns of each block."""
        return tuple(tuple(self.schema.columns[field] for field in block.fields) for block in self.blocks)

    @cached_property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """What users call the parts of each block: a matrix's name, or its columns' names."""
        return tuple(
            (block.name,) if block.name else tuple(column.name for column in columns)
            for block, columns in zip(self.blocks, self.columns, strict=True)
        )

    @cached_property
    def index(self) -> Mapping[str, tuple[int, int]]:
        """Name to (index of the block, index within the block), in the order of the schema."""
        found = {
            name: (index, slot, block.fields[slot])
            for index, block in enumerate(self.blocks)
            for slot, name in enumerate(self.names[index])
        }
        ordered = sorted(found.items(), key=lambda item: item[1][2])
        return {name: (index, slot) for name, (index, slot, _) in ordered}

    @cached_property
    def buffers(self) -> int:
        """Number of buffers of a frame without timestamps."""
        return sum(map(_buffers, self.blocks, self.columns))

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form that `from_json`, and the JVM, read."""
        return {
            "columns": self.schema.to_json(),
            "blocks": [block.to_json() for block in self.blocks],
            "timestamps": self.timestamps,
            "max_rows": self.max_rows,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layout:
        """The layout that `to_json` wrote."""
        blocks = tuple(Block.from_json(block) for block in data["blocks"])
        return cls(Schema.from_json(data["columns"]), blocks, data["timestamps"], data["max_rows"])


NO_COLUMNS = Layout(Schema(()), ())
"""Of the input of a node that has no rows, and a state in Flink's checkpoints all the same."""


def _buffers(block: Block, columns: Sequence[Column]) -> int:
    match block.kind:
        case BlockKind.COLUMNS:
            return 1 + sum(column.nullable for column in columns)
        case BlockKind.MATRIX | BlockKind.VECTOR:
            return 1
        case BlockKind.BYTES:
            return 3
    return 2 + (3 if block.storage == "bytes" else 2)


def plan_layout(
    schema: Schema,
    groups: Mapping[str, Sequence[str] | int] | None = None,
    *,
    timestamps: bool = False,
    max_rows: int = 1024,
) -> Layout:
    """Plan how `schema` lies in a frame.

    Args:
        schema: the columns, at least one.
        groups: tensors. ``{"dense": ["a", "b"]}`` makes columns of one numeric type one matrix ``(rows, 2)``
            called "dense"; ``{"emb": 16}`` says that every array of the column "emb" has 16 elements.
        timestamps: send the rows' timestamps along.
        max_rows: rows of a full frame, at least 1.

    Raises:
        PlanError: a group does not fit the schema; the message names the group, the column and the remedy.
    """
    if not schema.columns:
        raise PlanError("a table without columns cannot be sent: select at least one")
    if max_rows < 1:
        raise PlanError(f"max_rows is {max_rows}, it must be at least 1")
    if groups is not None and not isinstance(groups, Mapping):
        raise PlanError(f"groups is {groups!r}, it must be a mapping, as {{'dense': ['a', 'b']}}")
    tensors = [
        _vector(schema, name, group) if isinstance(group, int) else _matrix(schema, name, group)
        for name, group in (groups or {}).items()
    ]
    grouped: set[int] = set()
    for tensor in tensors:
        if shared := grouped.intersection(tensor.fields):
            column = schema.columns[min(shared)].name
            raise PlanError(f"column {column!r} is in two groups: a column may be in one only")
        grouped.update(tensor.fields)
    rest = [field for field in range(len(schema)) if field not in grouped]
    for tensor in tensors:
        if tensor.name in (schema.columns[field].name for field in rest):
            raise PlanError(f"group {tensor.name!r} has the name of a column outside it: name it differently")
    return Layout(schema, (*tensors, *_plain_blocks(schema, rest)), timestamps, max_rows)


def _field(schema: Schema, group: str, name: str) -> int:
    if name not in schema.names:
        raise PlanError(f"group {group!r}: there is no column {name!r}: {suggestion(name, schema.names)}")
    return schema.names.index(name)


def _matrix(schema: Schema, group: str, names: Sequence[str]) -> Block:
    if not isinstance(names, Sequence) or isinstance(names, str) or not names:
        raise PlanError(
            f"group {group!r} is {names!r}: give a list of columns, or the width of an ARRAY column"
        )
    fields = tuple(_field(schema, group, name) for name in names)
    if len(set(fields)) < len(fields):
        raise PlanError(f"group {group!r} names a column twice: {', '.join(names)}")
    columns = [schema.columns[field] for field in fields]
    for column in columns:
        if not column.type.is_number:
            raise PlanError(
                f"group {group!r}: column {column.name!r} is {column.type}, a matrix takes BOOLEAN, "
                "integers, FLOAT or DOUBLE: CAST it in SQL, or leave it out of the group"
            )
        if column.type.storage != columns[0].type.storage:
            raise PlanError(
                f"group {group!r}: column {columns[0].name!r} is {columns[0].type} but {column.name!r} is "
                f"{column.type}: CAST them to one type in SQL"
            )
    return Block(BlockKind.MATRIX, columns[0].type.storage, fields, len(fields), group)


def _vector(schema: Schema, group: str, width: int) -> Block:
    field = _field(schema, group, group)
    column = schema.columns[field]
    if column.type.element is None or not column.type.element.is_number:
        raise PlanError(
            f"group {group!r}: column {column.name!r} is {column.type}, a width is for an ARRAY of BOOLEAN, "
            "integers, FLOAT or DOUBLE"
        )
    if width < 1:
        raise PlanError(f"group {group!r}: its width is {width}, it must be at least 1")
    return Block(BlockKind.VECTOR, column.type.element.storage, (field,), width)


def _plain_blocks(schema: Schema, fields: Sequence[int]) -> list[Block]:
    blocks: list[Block] = []
    fixed: dict[tuple[str, str], list[int]] = {}
    for field in fields:
        column = schema.columns[field]
        if column.type.element is not None:
            blocks.append(Block(BlockKind.LIST, column.type.element.storage, (field,)))
        elif column.type.storage == "bytes":
            blocks.append(Block(BlockKind.BYTES, "bytes", (field,)))
        else:
            fixed.setdefault((column.type.storage, _conversion(column)), []).append(field)
    columns = [Block(BlockKind.COLUMNS, storage, tuple(found)) for (storage, _), found in fixed.items()]
    return [*columns, *blocks]


def _conversion(column: Column) -> str:
    """Columns that each end reads in the same way share a block, so that its loop has no branches."""
    if column.type.root in (Root.TIMESTAMP, Root.TIMESTAMP_LTZ):
        return "timestamp"
    return "decimal" if column.type.root is Root.DECIMAL else "plain"
