"""Columns as tensors, and back: what TensorFlow sees of a layout, of the rows in a batch, and what it emits.

==================================  ==================================================================
BOOLEAN, integers, FLOAT, DOUBLE    ``(rows,)`` of the same type; a null is 0, or NaN in a float column
DATE, TIME, TIMESTAMP               ``(rows,)`` integers, as in `ml_framework.codec.RecordBatch`
matrix or vector group              ``(rows, width)``
strings and binary values           ``(rows,) tf.string``; a null is empty
DECIMAL                             ``(rows,) tf.float64``; a null is NaN
ARRAY                               `tf.RaggedTensor` ``(rows, None)``; a null is empty
==================================  ==================================================================

`Batch.valid` tells a null from a value that is the same.

The same tensors may be emitted into columns of the same types, where text is UTF-8, floats are rounded to the
scale of a DECIMAL, and NaN is its null.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ml_framework.codec import Arrays, Binary, Decimals, Strings
from ml_framework.codec.layout import BlockKind, Layout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch, Schema
    from ml_framework.codec.schema import ColumnType


def specs(layout: Layout) -> tuple[dict[str, Any], Any]:
    """The `tf.TypeSpec` of what `values` returns, whatever the number of rows."""
    columns = {name: _spec(layout, block, slot) for name, (block, slot) in layout.index.items()}
    return columns, tf.TensorSpec((None, len(columns)), tf.bool)


def values(records: RecordBatch) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """The columns and groups of a batch, and where they have values.

    Returns:
        By name numpy arrays, and `tf.RaggedTensor` for arrays; some lie over the queue's memory. And
        ``(rows, columns)``, False for a null, the columns in the order of their sorted names.
    """
    found: dict[str, Any] = dict.fromkeys(records.names)
    for names, block in records.blocks():
        found.update(zip(names, block, strict=True))
    columns = {name: value(records[name]) if block is None else block for name, block in found.items()}
    return columns, np.stack([records.valid(name) for name in sorted(columns)], axis=1)


def emittable(columns: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Tensors, and numpy arrays of theirs, as `ml_framework.codec.encode` takes them; others as they are."""
    types = {column.name: column.type for column in schema.columns}
    return {name: _column(value, types.get(name)) for name, value in columns.items()}


def _column(value: Any, kind: ColumnType | None) -> Any:
    if isinstance(value, tf.RaggedTensor):
        value = value.to_list()
    elif tf.is_tensor(value):
        value = value.numpy()
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        value = value.tolist()
    if kind is None:
        return value
    if kind.root == "DECIMAL" and isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return [None if np.isnan(number) else Decimal(f"{number:.{kind.scale}f}") for number in value]
    return _decoded(value) if (kind.element or kind).is_text else value


def _decoded(texts: Any) -> Any:
    if isinstance(texts, list):
        return [_decoded(text) for text in texts]
    return texts.decode() if isinstance(texts, bytes) else texts


def _spec(layout: Layout, index: int, slot: int) -> Any:
    block, kind = layout.blocks[index], layout.columns[index][slot].type
    if block.kind in (BlockKind.MATRIX, BlockKind.VECTOR):
        return tf.TensorSpec((None, block.width), tf.as_dtype(block.storage))
    if block.kind is BlockKind.LIST:
        assert kind.element is not None
        return tf.RaggedTensorSpec((None, None), _dtype(kind.element), 1, tf.int32)
    return tf.TensorSpec((None,), _dtype(kind))


def _dtype(kind: ColumnType) -> Any:
    if kind.root == "DECIMAL":
        return tf.float64
    return tf.string if kind.storage == "bytes" else tf.as_dtype(kind.storage)


def value(column: Any) -> Any:
    """A column, or a group, as numpy arrays or as a `tf.RaggedTensor`."""
    match column:
        case Strings() | Binary():
            return _bytes(column.tolist())
        case Decimals():
            return np.array([np.nan if number is None else float(number) for number in column.tolist()])
        case Arrays():
            return _ragged(column)
    return column  # a group is an array already


def _bytes(texts: Sequence[str | bytes | None]) -> Any:
    """``(rows,)`` objects, not strings of fixed width, which would lose trailing zeros."""
    found = np.empty(len(texts), np.object_)
    found[:] = [b"" if text is None else text for text in texts]
    return found


def _ragged(arrays: Arrays) -> Any:
    offsets = arrays.block.offsets
    elements = value(arrays.block.trimmed().column(0, arrays.element))
    return tf.RaggedTensor.from_row_splits(elements, offsets - offsets[0], validate=False)
