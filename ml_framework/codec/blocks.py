"""The blocks of a batch: what `layout.Block` plans, holding values. All but `concat` are views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_framework.codec.layout import DTYPES, Block, BlockKind, Layout
from ml_framework.codec.schema import ColumnType, Root
from ml_framework.codec.sequences import (
    Binary,
    Bools,
    Decimals,
    Ints,
    LazyColumn,
    Strings,
    joined_offsets,
    joined_validity,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Fixed:
    """A block of columns whose values have one width.

    Attributes:
        values: ``(columns, rows)``, or one array ``(rows,)`` a column.
        validity: of each column; None where it has no null.
    """

    values: NDArray[Any]
    validity: tuple[Bools | None, ...]

    def column(self, slot: int, kind: ColumnType) -> NDArray[Any] | Decimals:
        """The values ``(rows,)`` of one column."""
        if kind.root is Root.DECIMAL:
            assert kind.precision is not None
            assert kind.scale is not None
            return Decimals(self.values[slot], kind.precision, kind.scale, self.validity[slot])
        array: NDArray[Any] = self.values[slot]
        return array

    def valid(self, slot: int) -> Bools | None:
        """The validity of one column."""
        return self.validity[slot]

    def slice(self, start: int, stop: int) -> Fixed:
        """The rows from `start` up to `stop`, without a copy."""
        validity = tuple([None if valid is None else valid[start:stop] for valid in self.validity])
        return Fixed(self.values[:, start:stop], validity)

    @staticmethod
    def concat(parts: Sequence[Fixed]) -> Fixed:
        """One block of the rows of all `parts`; copies."""
        values = np.concatenate([part.values for part in parts], axis=1)
        if all(valid is None for part in parts for valid in part.validity):
            return Fixed(values, parts[0].validity)
        rows = [len(part) for part in parts]
        validity = zip(*(part.validity for part in parts), strict=True)
        return Fixed(
            values, tuple(joined_validity(list(zip(rows, valid, strict=True))) for valid in validity)
        )

    def __len__(self) -> int:
        return int(self.values.shape[1])


@dataclass(frozen=True, slots=True)
class Tensor:
    """A matrix or vector block: `values` is ``(rows, width)``; it has no nulls."""

    values: NDArray[Any]

    def column(self, slot: int, kind: ColumnType) -> NDArray[Any]:  # noqa: ARG002 - one name, one tensor
        """The tensor ``(rows, width)``."""
        return self.values

    def valid(self, slot: int) -> None:  # noqa: ARG002
        """A tensor has no nulls."""
        return

    def slice(self, start: int, stop: int) -> Tensor:
        """The rows from `start` up to `stop`, without a copy."""
        return Tensor(self.values[start:stop])

    @staticmethod
    def concat(parts: Sequence[Tensor]) -> Tensor:
        """One block of the rows of all `parts`; copies."""
        return Tensor(np.concatenate([part.values for part in parts]))

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Variable:
    """A block of one string or binary column."""

    values: Strings | Binary

    def column(self, slot: int, kind: ColumnType) -> Strings | Binary:  # noqa: ARG002
        """The column."""
        return self.values

    def valid(self, slot: int) -> Bools | None:  # noqa: ARG002
        """The validity of the column."""
        return self.values.validity

    def slice(self, start: int, stop: int) -> Variable:
        """The rows from `start` up to `stop`, without a copy."""
        return Variable(self.values.view(start, stop))

    @staticmethod
    def concat(parts: Sequence[Variable]) -> Variable:
        """One block of the rows of all `parts`; copies."""
        form: Any = type(parts[0].values)  # the same for all parts
        return Variable(form.concat([part.values for part in parts]))

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Lists:
    """A block of one ARRAY column.

    Attributes:
        offsets: ``(rows + 1,) int32``, where each array begins in `elements`.
        elements: the elements of all arrays, as a block of one column.
        validity: of the arrays; None where none is null.
    """

    offsets: Ints
    elements: Fixed | Variable
    validity: Bools | None

    def column(self, slot: int, kind: ColumnType) -> Arrays:  # noqa: ARG002
        """The column."""
        assert kind.element is not None
        return Arrays(self, kind.element)

    def valid(self, slot: int) -> Bools | None:  # noqa: ARG002
        """The validity of the column."""
        return self.validity

    def slice(self, start: int, stop: int) -> Lists:
        """The rows from `start` up to `stop`, without a copy."""
        validity = None if self.validity is None else self.validity[start:stop]
        return Lists(self.offsets[start : stop + 1], self.elements, validity)

    def trimmed(self) -> Fixed | Variable:
        """The elements of these rows alone."""
        return self.elements.slice(int(self.offsets[0]), int(self.offsets[-1]))

    @staticmethod
    def concat(parts: Sequence[Lists]) -> Lists:
        """One block of the rows of all `parts`; copies."""
        elements = [part.trimmed() for part in parts]
        return Lists(
            joined_offsets(np.concatenate([np.diff(part.offsets) for part in parts])),
            type(elements[0]).concat(elements),  # type: ignore[arg-type]
            joined_validity([(len(part), part.validity) for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1


BlockValues = Fixed | Tensor | Variable | Lists


class Arrays(LazyColumn[Any]):
    """An ARRAY column: a sequence of arrays, None for null.

    An array is, by the type of its elements, a numpy array (masked where it holds nulls), `Strings`, `Binary`
    or `Decimals`.
    """

    __slots__ = ("block", "element", "validity")

    def __init__(self, block: Lists, element: ColumnType) -> None:
        self.block = block
        self.element = element
        self.validity = block.validity

    @property
    def lengths(self) -> Ints:
        """Elements of each array, ``(rows,) int32``; 0 for null."""
        return np.diff(self.block.offsets)

    def value(self, row: int) -> Any:
        """The array in `row`, which is not null."""
        start, stop = self.block.offsets[row : row + 2].tolist()
        elements = self.block.elements.slice(start, stop)
        values, valid = elements.column(0, self.element), elements.valid(0)
        if valid is None or valid.all() or not isinstance(values, np.ndarray):
            return values
        return np.ma.array(values, mask=~valid)  # type: ignore[no-untyped-call]

    def padded(self, value: float = 0, length: int | None = None) -> NDArray[Any]:
        """All arrays as one ``(rows, length)``, filled up with `value`, which also stands for a null element.

        Args:
            value: of the elements' type.
            length: None takes that of the longest.

        Raises:
            ValueError: an array is longer than `length`, or the elements are no numbers.
        """
        elements = self.block.trimmed()
        values, valid = elements.column(0, self.element), elements.valid(0)
        if not isinstance(values, np.ndarray):
            raise ValueError(f"an ARRAY of {self.element} cannot be padded, its elements are no numbers")  # noqa: TRY004
        lengths = self.lengths
        longest = int(lengths.max(initial=0))
        if length is not None and longest > length:
            raise ValueError(f"an array has {longest} elements, more than {length}")
        whole = np.full((len(self), longest if length is None else length), value, values.dtype)
        whole[np.arange(whole.shape[1]) < lengths[:, None]] = (
            values if valid is None else np.where(valid, values, value)
        )
        return whole

    def view(self, start: int, stop: int) -> Arrays:
        """The rows from `start` up to `stop`, without a copy."""
        return Arrays(self.block.slice(start, stop), self.element)

    def tolist(self) -> list[Any]:
        """Every array as a list, None for null, an array or an element."""
        return [None if array is None else array.tolist() for array in self]

    def __len__(self) -> int:
        return len(self.block)


def empty_block(layout: Layout, block: Block) -> BlockValues:
    """`block` without rows, of the right dtype and shape."""
    kind = layout.schema.columns[block.fields[0]].type
    if block.kind is BlockKind.COLUMNS:
        return _no_values(len(block.fields), block.storage)
    if block.kind is BlockKind.LIST:
        assert kind.element is not None
        elements = _no_bytes(kind.element) if block.storage == "bytes" else _no_values(1, block.storage)
        return Lists(np.zeros(1, np.int32), elements, None)
    if block.kind is BlockKind.BYTES:
        return _no_bytes(kind)
    return Tensor(np.empty((0, block.width), DTYPES[block.storage]))


def _no_values(columns: int, storage: str) -> Fixed:
    return Fixed(np.empty((columns, 0), DTYPES[storage]), (None,) * columns)


def _no_bytes(kind: ColumnType) -> Variable:
    return Variable((Strings if kind.is_text else Binary).of([]))
