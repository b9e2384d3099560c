"""Columns that numpy has no dtype for: lazy sequences over the buffers of a frame."""

from __future__ import annotations

import functools
import itertools
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ml_framework.errors import CodecError

Bools = NDArray[np.bool_]
Ints = NDArray[np.int32]
T = TypeVar("T")

_MAX_DATA_BYTES = 2**31 - 1
_FEW_ROWS = 64
"""They are taken apart before pyarrow has begun with it: 20 us."""
EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])
"""Decimal arithmetic that raises where it would round; SQL decimals have at most 38 digits."""


@functools.cache
def _pyarrow() -> Any:
    """The `pyarrow` package, or None where it is not installed; it only makes some things faster."""
    try:
        import pyarrow  # noqa: PLC0415 - optional, and 0.2 s to import
        import pyarrow.compute  # noqa: PLC0415
    except ImportError:
        return None
    return pyarrow


class LazyColumn(Sequence[T | None]):
    """A column whose values are made when they are asked for; a slice of it is a view.

    Attributes:
        validity: ``(rows,) bool``, True where a value is, or None where every value is.
    """

    validity: Bools | None

    @abstractmethod
    def value(self, row: int) -> T:
        """The value in `row`, which is not null."""

    @abstractmethod
    def view(self, start: int, stop: int) -> Self:
        """The rows from `start` up to `stop`, without a copy."""

    @abstractmethod
    def tolist(self) -> list[T | None]:
        """Every value, None for null."""

    @overload
    def __getitem__(self, index: int) -> T | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T | None]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T | None] | None:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return self.view(start, max(start, stop)) if step == 1 else self.tolist()[index]
        row = range(len(self))[index]
        return self.value(row) if self.validity is None or self.validity[row] else None

    def __repr__(self) -> str:
        head = ", ".join(map(repr, self[:5]))
        return f"{type(self).__name__}([{head}{', …' if len(self) > 5 else ''}], rows={len(self)})"  # noqa: PLR2004


def joined_validity(parts: Sequence[tuple[int, Bools | None]]) -> Bools | None:
    """The validity of columns one after the other, each given as (rows, validity)."""
    if all(validity is None for _, validity in parts):
        return None
    return np.concatenate([np.ones(n, np.bool_) if valid is None else valid for n, valid in parts])


def joined_offsets(lengths: NDArray[Any]) -> Ints:
    """Offsets ``(rows + 1,) int32`` of values with these lengths; `CodecError` beyond 2 GiB."""
    total = int(lengths.sum())
    if total > _MAX_DATA_BYTES:
        raise CodecError(
            f"a column of one batch holds {total} bytes or elements, the most is {_MAX_DATA_BYTES}"
        )
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


class _VariableBytes(LazyColumn[T], Generic[T]):
    """Values of variable length in one buffer.

    Attributes:
        offsets: ``(rows + 1,) int32``, where each value begins in `data`.
        data: ``uint8``, the bytes of all values.
    """

    __slots__ = ("data", "offsets", "validity")

    def __init__(self, offsets: Ints, data: NDArray[np.uint8], validity: Bools | None = None) -> None:
        self.offsets = offsets
        self.data = data
        self.validity = validity

    @classmethod
    def of(cls, values: Iterable[T | None]) -> Self:
        """The column of `values`.

        Raises:
            TypeError, AttributeError: a value is of another type.
        """
        items = list(values)
        encoded = cls._encoded(items)
        offsets = joined_offsets(np.fromiter(map(len, encoded), np.int64, len(encoded)))
        valid = np.fromiter((item is not None for item in items), np.bool_, len(items))
        data = np.frombuffer(b"".join(encoded), np.uint8)
        return cls(offsets, data, None if valid.all() else valid)

    @classmethod
    def nulls(cls, rows: int) -> Self:
        """A column of so many nulls."""
        return cls(np.zeros(rows + 1, np.int32), np.zeros(0, np.uint8), np.zeros(rows, np.bool_))

    @classmethod
    @abstractmethod
    def _encoded(cls, items: list[T | None]) -> list[bytes]: ...

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        """One column of the rows of all `parts`; copies."""
        return cls(
            joined_offsets(np.concatenate([part.lengths for part in parts])),
            np.concatenate([part.data[part.offsets[0] : part.offsets[-1]] for part in parts]),
            joined_validity([(len(part), part.validity) for part in parts]),
        )

    @property
    def lengths(self) -> Ints:
        """Bytes of each value, ``(rows,) int32``; 0 for null."""
        return np.diff(self.offsets)

    def view(self, start: int, stop: int) -> Self:
        """The rows from `start` up to `stop`, without a copy."""
        validity = None if self.validity is None else self.validity[start:stop]
        return type(self)(self.offsets[start : stop + 1], self.data, validity)

    def _bytes(self, row: int) -> bytes:
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def _split(self, data: Any) -> list[Any]:
        """`data` (bytes, or text of one byte a character) cut at the offsets, None for null."""
        first = int(self.offsets[0])
        ends = (self.offsets - first).tolist() if first else self.offsets.tolist()
        values = [data[start:stop] for start, stop in itertools.pairwise(ends)]
        return values if self.validity is None else self._with_nulls(values)

    def _with_nulls(self, values: list[Any]) -> list[Any]:
        assert self.validity is not None
        return [value if valid else None for value, valid in zip(values, self.validity.tolist(), strict=True)]

    def _all_bytes(self) -> bytes:
        return self.data[self.offsets[0] : self.offsets[-1]].tobytes()

    def __len__(self) -> int:
        return len(self.offsets) - 1


class Binary(_VariableBytes[bytes]):
    """A BINARY or VARBINARY column: a sequence of ``bytes | None``."""

    __slots__ = ()

    def value(self, row: int) -> bytes:
        """The value in `row`, which is not null."""
        return self._bytes(row)

    def tolist(self) -> list[bytes | None]:
        """Every value, None for null."""
        return self._split(self._all_bytes())

    @classmethod
    def _encoded(cls, items: list[bytes | None]) -> list[bytes]:
        b"".join(item for item in items if item is not None)  # refuses what is not bytes-like
        return [b"" if item is None else bytes(item) for item in items]


class Strings(_VariableBytes[str]):
    """A CHAR or VARCHAR column: a sequence of ``str | None``."""

    __slots__ = ()

    def value(self, row: int) -> str:
        """The value in `row`, which is not null."""
        return self._bytes(row).decode()

    def tolist(self) -> list[str | None]:
        """Every value, None for null; faster for many rows where pyarrow is installed."""
        if len(self) > _FEW_ROWS and (arrow := self._arrow()) is not None:
            values: list[str | None] = arrow.to_numpy(zero_copy_only=False).tolist()
            return values
        data = self._all_bytes()
        if data.isascii():
            return self._split(data.decode())
        return [None if value is None else value.decode() for value in self._split(data)]

    def dictionary(self) -> tuple[NDArray[np.int64], list[str]]:
        """The distinct values in order of appearance, and where each row finds its own.

        Returns:
            Codes ``(rows,) int64``, -1 for null, and the values. Faster for many rows where pyarrow is
            installed.
        """
        if len(self) > _FEW_ROWS and (arrow := self._arrow()) is not None:
            encoded = arrow.dictionary_encode()
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
            return codes, encoded.dictionary.to_pylist()
        found: dict[str | None, int] = {}
        values = self.tolist()
        each = (-1 if value is None else found.setdefault(value, len(found)) for value in values)
        return np.fromiter(each, np.int64, len(values)), [value for value in found if value is not None]

    def codes(self, vocabulary: Mapping[str, int] | Sequence[str], unknown: int = -1) -> NDArray[np.int64]:
        """The code of each value.

        Args:
            vocabulary: value to code, or the values in order of their codes. A mapping of more values than
                there are rows is not walked, so it is the form for a vocabulary that is large.
            unknown: code of null and of a value that is not in the vocabulary.

        Returns:
            ``(rows,) int64``.
        """
        if not isinstance(vocabulary, Mapping):
            vocabulary = {value: code for code, value in enumerate(vocabulary)}
        if _FEW_ROWS < len(self) >= len(vocabulary) and (arrow := self._arrow()) is not None:
            positions = _positions(arrow, list(vocabulary))
            known = list(vocabulary.values())
        else:
            positions, values = self.dictionary()
            known = [vocabulary.get(value, unknown) for value in values]
        codes: NDArray[np.int64] = np.array([*known, unknown], np.int64)[positions]
        return codes  # what is not there is at -1, the last

    def _arrow(self) -> Any:
        arrow = _pyarrow()
        if arrow is None:
            return None
        valid = self.validity
        bits = None if valid is None else arrow.py_buffer(np.packbits(valid, bitorder="little"))
        buffers = [bits, arrow.py_buffer(self.offsets), arrow.py_buffer(self.data)]
        return arrow.Array.from_buffers(arrow.utf8(), len(self), buffers)

    @classmethod
    def _encoded(cls, items: list[str | None]) -> list[bytes]:
        return [b"" if item is None else item.encode() for item in items]


def _positions(values: Any, among: list[str]) -> NDArray[Any]:
    """Where each of `values`, of pyarrow, is `among` these, ``(rows,) int32``; -1 for null and any other."""
    arrow = _pyarrow()
    found = arrow.compute.index_in(values, arrow.array(among, arrow.utf8()), skip_nulls=True)
    positions: NDArray[Any] = found.fill_null(-1).to_numpy(zero_copy_only=False)
    return positions


class Decimals(LazyColumn[Decimal]):
    """A DECIMAL column: a sequence of ``Decimal | None``, each with the column's scale.

    Attributes:
        unscaled: ``(rows,)`` values times ``10 ** scale``: int64, or (low, high) of 128 bits.
        precision: digits of the column's type.
        scale: digits after the point.
    """

    __slots__ = ("precision", "scale", "unscaled", "validity")

    def __init__(self, unscaled: NDArray[Any], precision: int, scale: int, validity: Bools | None) -> None:
        self.unscaled = unscaled
        self.precision = precision
        self.scale = scale
        self.validity = validity

    def value(self, row: int) -> Decimal:
        """The value in `row`, which is not null."""
        return self._decimal(self.unscaled[row].item())

    def view(self, start: int, stop: int) -> Decimals:
        """The rows from `start` up to `stop`, without a copy."""
        validity = None if self.validity is None else self.validity[start:stop]
        return Decimals(self.unscaled[start:stop], self.precision, self.scale, validity)

    def tolist(self) -> list[Decimal | None]:
        """Every value, None for null."""
        values = map(self._decimal, self.unscaled.tolist())
        if self.validity is None:
            return list(values)
        return [value if valid else None for value, valid in zip(values, self.validity.tolist(), strict=True)]

    def _decimal(self, unscaled: int | tuple[int, int]) -> Decimal:
        if isinstance(unscaled, tuple):
            low, high = unscaled
            unscaled = (high << 64) + low
        return EXACT.scaleb(Decimal(unscaled), -self.scale)

    def __len__(self) -> int:
        return len(self.unscaled)
