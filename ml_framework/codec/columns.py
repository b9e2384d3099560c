"""Frames of columns: `decode` looks at one in place, `encode` makes the parts of one.

The bytes are drawn in ``docs/design.md``, "Frames of columns". Both walk the blocks of the layout in order
and, in each block, its buffers in order.
"""

from __future__ import annotations

import operator
import struct
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.codec import values as convert
from ml_framework.codec.batch import RecordBatch
from ml_framework.codec.blocks import BlockValues, Fixed, Lists, Tensor, Variable
from ml_framework.codec.layout import (
    ALIGNMENT,
    DTYPES,
    HAS_TIMESTAMPS,
    HEADER_BYTES,
    Block,
    BlockKind,
    Layout,
    aligned,
)
from ml_framework.codec.schema import Root
from ml_framework.codec.sequences import Binary, Bools, Ints, Strings
from ml_framework.errors import CodecError, EmitError, ProtocolError
from ml_framework.names import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ml_framework.codec.schema import Column

assert sys.byteorder == "little", "frames are little-endian and are read in place"

_PADDING = bytes(ALIGNMENT)
_MAX_FRAME_BYTES = 2**31 - 1  # what one ByteBuffer holds


def decode(layout: Layout, payload: memoryview) -> RecordBatch:
    """The batch in a frame, a view over `payload`.

    Args:
        layout: the plan by which the frame was written.
        payload: of a BATCH frame; it must outlive the batch, and begin at a multiple of 64 for speed.

    Raises:
        ProtocolError: the frame does not follow the layout.
    """
    frame = _Reader(layout, payload)
    timestamps = frame.values(np.dtype(np.int64), frame.rows) if frame.flags & HAS_TIMESTAMPS else None
    blocks = [frame.block(*plan) for plan in zip(layout.blocks, layout.columns, strict=True)]
    return RecordBatch(layout, frame.rows, blocks, timestamps)


class _Reader:
    """Walks the buffers of one frame."""

    def __init__(self, layout: Layout, payload: memoryview) -> None:
        self._payload = payload
        size = payload.nbytes
        if size < HEADER_BYTES:
            raise ProtocolError(f"a frame of {size} bytes has no header")
        self.rows, self.flags, count, _ = struct.unpack_from("<4I", payload)
        expected = layout.buffers + (self.flags & HAS_TIMESTAMPS)
        if count != expected or size < HEADER_BYTES + 8 * count:
            raise ProtocolError(f"a frame of {size} bytes has {count} buffers, its layout has {expected}")
        table = struct.unpack_from(f"<{2 * count}I", payload, HEADER_BYTES)
        starts, lengths = table[::2], table[1::2]
        self._buffers = zip(starts, lengths, strict=True)
        if max(map(operator.add, starts, lengths), default=0) > size:
            raise ProtocolError(f"a buffer ends beyond the frame's {size} bytes")

    def block(self, block: Block, columns: Sequence[Column]) -> BlockValues:
        """The next block."""
        match block.kind:
            case BlockKind.COLUMNS:
                return self._fixed(DTYPES[block.storage], [column.nullable for column in columns], self.rows)
            case BlockKind.BYTES:
                return self._variable(columns[0].type.is_text, self.rows)
            case BlockKind.LIST:
                return self._lists(columns[0], block.storage)
        values = self.values(DTYPES[block.storage], self.rows * block.width)
        return Tensor(values.reshape(self.rows, block.width))

    def values(self, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """The next buffer, which holds `count` values."""
        offset, length = next(self._buffers)
        if length != count * dtype.itemsize:
            raise ProtocolError(f"a buffer has {length} bytes, {count} values of {dtype} were announced")
        return np.frombuffer(self._payload, dtype, count, offset)

    def _validity(self, rows: int) -> Bools | None:
        offset, length = next(self._buffers)
        if not length:
            return None
        if length != rows:
            raise ProtocolError(f"a validity buffer has {length} bytes for {rows} rows")
        return np.frombuffer(self._payload, np.bool_, rows, offset)

    def _fixed(self, dtype: np.dtype[Any], nullable: Sequence[bool], rows: int) -> Fixed:
        stride = aligned(rows * dtype.itemsize) // dtype.itemsize
        values = self.values(dtype, len(nullable) * stride).reshape(len(nullable), stride)[:, :rows]
        return Fixed(values, tuple([self._validity(rows) if has else None for has in nullable]))

    def _variable(self, is_text: bool, rows: int) -> Variable:  # noqa: FBT001
        validity, offsets = self._validity(rows), self._offsets(rows)
        data = self.values(np.dtype(np.uint8), int(offsets[-1]))
        return Variable((Strings if is_text else Binary)(offsets, data, validity))

    def _lists(self, column: Column, storage: str) -> Lists:
        assert column.type.element is not None
        validity, offsets = self._validity(self.rows), self._offsets(self.rows)
        count = int(offsets[-1])
        if storage == "bytes":
            return Lists(offsets, self._variable(column.type.element.is_text, count), validity)
        return Lists(offsets, self._fixed(DTYPES[storage], [True], count), validity)

    def _offsets(self, rows: int) -> Ints:
        offsets = self.values(np.dtype(np.int32), rows + 1)
        if offsets[0] != 0 or (offsets[1:] < offsets[:-1]).any():
            raise ProtocolError("the offsets of a column do not grow from 0")
        return offsets


def encode(
    layout: Layout, values: Mapping[str, Any], timestamps: Any = None
) -> list[bytes | memoryview[int]]:
    """The parts of a frame, to be written one after the other.

    Args:
        layout: the plan of the frame.
        values: a column or a ``(rows, width)`` tensor for every name in ``layout.index``, all of one length.
            See `ml_framework.codec.values` for what is taken. What a batch gives for a name is taken too.
        timestamps: of the rows, ``(rows,)`` integers in milliseconds; None for none.

    Returns:
        Bytes-like parts that refer to `values`: write them before these change.

    Raises:
        EmitError: a name, length, shape or dtype that does not fit the columns.
        CodecError: a value that does not fit its column.
    """
    _check_names(layout, values)
    frame = _Writer()
    if timestamps is not None:
        stamps = np.asarray(timestamps) if len(timestamps) else np.empty(0, np.int64)
        if stamps.ndim != 1 or not np.can_cast(stamps.dtype, np.int64, "safe"):
            raise EmitError(
                f"timestamps are {stamps.dtype} of shape {stamps.shape}, they must be (rows,) int64"
            )
        frame.count("timestamps", len(stamps))
        frame.buffer(stamps.astype(np.int64, copy=False))
    for plan in zip(layout.blocks, layout.names, layout.columns, strict=True):
        frame.block(*plan, values)
    return frame.parts(HAS_TIMESTAMPS if timestamps is not None else 0)


def encode_batch(batch: RecordBatch) -> list[bytes | memoryview[int]]:
    """The parts of a frame that `decode` makes this batch of, nulls and timestamps included."""
    layout, frame = batch.layout, _Writer()
    frame.count("batch", batch.rows)
    if batch.timestamps is not None:
        frame.buffer(batch.timestamps)
    for columns, values in zip(layout.columns, batch._blocks, strict=True):
        frame.values(columns, values)
    return frame.parts(HAS_TIMESTAMPS if batch.timestamps is not None else 0)


def _check_names(layout: Layout, values: Mapping[str, Any]) -> None:
    if values.keys() == layout.index.keys():
        return
    names = tuple(layout.index)
    for name in values:
        if name not in layout.index:
            raise EmitError(f"there is no output column {name!r}: {suggestion(name, names)}")
    missing = ", ".join(repr(name) for name in names if name not in values)
    raise EmitError(f"no value for output column {missing}: every emit gives all of {', '.join(names)}")


class _Writer:
    """Collects the buffers of one frame."""

    def __init__(self) -> None:
        self._buffers: list[NDArray[Any] | None] = []
        self._rows = -1
        self._first = ""

    def count(self, name: str, rows: int) -> None:
        """Check that `name` has as many rows as the others."""
        if self._rows < 0:
            self._rows, self._first = rows, name
        elif rows != self._rows:
            raise EmitError(f"{name!r} has {rows} rows, {self._first!r} has {self._rows}")

    def buffer(self, array: NDArray[Any] | None) -> None:
        """The next buffer; None and an empty one are absent."""
        self._buffers.append(array)

    def block(
        self, block: Block, names: Sequence[str], columns: Sequence[Column], values: Mapping[str, Any]
    ) -> None:
        """The next block, of what the user gave."""
        value = values[names[0]]
        match block.kind:
            case BlockKind.COLUMNS:
                self._columns(DTYPES[block.storage], columns, values)
            case BlockKind.BYTES:
                self._variable(self._counted(names[0], convert.variable(columns[0], value)))
            case BlockKind.LIST:
                self._lists(self._counted(names[0], convert.arrays(columns[0], value)))
            case _:
                array = convert.tensor(names[0], block.storage, block.width, value)
                self.buffer(self._counted(names[0], array))

    def values(self, columns: Sequence[Column], values: BlockValues) -> None:
        """The next block, as it is."""
        match values:
            case Fixed():
                validity = [
                    valid for column, valid in zip(columns, values.validity, strict=True) if column.nullable
                ]
                self._fixed(list(values.values), values.values.dtype, validity)
            case Variable():
                self._variable(values.values)
            case Lists():
                self._lists(values)
            case Tensor():
                self.buffer(values.values)

    def _counted(self, name: str, column: Any) -> Any:
        self.count(name, len(column))
        return column

    def _columns(self, dtype: np.dtype[Any], columns: Sequence[Column], values: Mapping[str, Any]) -> None:
        arrays: list[NDArray[Any]] = []
        validity: list[Bools | None] = []
        decimals = columns[0].type.root is Root.DECIMAL  # so are the others of the block, or none
        for column in columns:
            value = values[column.name]
            if type(value) is np.ndarray and value.dtype == dtype and value.ndim == 1 and not decimals:
                array, valid = value, None
            else:
                array, valid = convert.fixed(column, dtype, value)
            if len(array) != self._rows:
                self.count(column.name, len(array))
            arrays.append(array)
            if column.nullable:
                validity.append(valid)
        self._fixed(arrays, dtype, validity)

    def _fixed(
        self, arrays: Sequence[NDArray[Any]], dtype: np.dtype[Any], validity: Sequence[Bools | None]
    ) -> None:
        rows = len(arrays[0])
        stride = aligned(rows * dtype.itemsize) // dtype.itemsize
        if len(arrays) == 1 and rows == stride:
            self.buffer(np.ascontiguousarray(arrays[0]))
        else:
            if rows != stride:
                padding = np.zeros(stride - rows, dtype)
                arrays = [part for array in arrays for part in (array, padding)]
            self.buffer(np.concatenate(arrays))
        self._buffers.extend(validity)

    def _variable(self, column: Strings | Binary) -> None:
        first, last = int(column.offsets[0]), int(column.offsets[-1])
        self.buffer(column.validity)
        self.buffer(column.offsets - first if first else column.offsets)
        self.buffer(column.data[first:last])

    def _lists(self, lists: Lists) -> None:
        first = int(lists.offsets[0])
        self.buffer(lists.validity)
        self.buffer(lists.offsets - first if first else lists.offsets)
        elements = lists.trimmed()
        if isinstance(elements, Variable):
            self._variable(elements.values)
        else:
            self._fixed(list(elements.values), elements.values.dtype, elements.validity)

    def parts(self, flags: int) -> list[bytes | memoryview[int]]:
        """The frame."""
        position = aligned(HEADER_BYTES + 8 * len(self._buffers))
        header = bytearray(position)
        struct.pack_into("<4I", header, 0, self._rows, flags, len(self._buffers), 0)
        parts: list[bytes | memoryview[int]] = [memoryview(header)]
        for index, buffer in enumerate(self._buffers):
            size = 0 if buffer is None else buffer.nbytes
            if buffer is None or not size:
                continue
            struct.pack_into("<2I", header, HEADER_BYTES + 8 * index, position, size)
            parts.append(np.ascontiguousarray(buffer).reshape(-1).view(np.uint8).data)
            position += aligned(size)
            if aligned(size) > size:
                parts.append(_PADDING[: aligned(size) - size])
        if position > _MAX_FRAME_BYTES:
            raise CodecError(f"a batch of {self._rows} rows has {position} bytes: emit fewer rows at a time")
        return parts
