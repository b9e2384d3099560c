"""What users emit, turned into the values of one column, with every check that keeps a value what it was.

Casting: an array is taken where numpy calls the cast to the column's dtype *safe* (int32 into BIGINT), and
between float dtypes (float64 into FLOAT; a number too large for it is refused). Lists hold Python values and
are checked: integers within the column's range, integers or floats in a float column, None for null. What a
masked array masks, and NaT, is null; NaN is a value.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ml_framework.codec import scalars
from ml_framework.codec.blocks import Arrays, Fixed, Lists, Variable
from ml_framework.codec.layout import DTYPES
from ml_framework.codec.schema import Column, Root
from ml_framework.codec.sequences import Binary, Bools, Decimals, Strings, joined_offsets
from ml_framework.errors import CodecError, EmitError

if TYPE_CHECKING:
    from collections.abc import Sequence

FixedValues = tuple[NDArray[Any], Bools | None]
_KINDS = {"b": "b", "i": "biu", "f": "biuf"}  # numpy kinds that a list may hold, by the kind of the column


def fixed(column: Column, dtype: np.dtype[Any], value: Any) -> FixedValues:
    """The values ``(rows,)`` of a column of fixed width, and its validity (None if there is no null)."""
    if column.type.root is Root.DECIMAL:
        values, valid = _decimals(column, dtype, value)
    elif isinstance(value, list | tuple | range):
        values, valid = _from_list(column, dtype, value)
    else:
        values, valid = _from_array(column, dtype, as_array(column.name, value))
    return values, _checked(column, valid)


def variable(column: Column, value: Any) -> Strings | Binary:
    """The values of a string or binary column."""
    form = Strings if column.type.is_text else Binary
    if not isinstance(value, form):
        items = _items(column, value)
        try:
            value = form.of(items)
        except (TypeError, AttributeError, UnicodeEncodeError):
            _refuse_item(column, items, str if column.type.is_text else (bytes, bytearray, memoryview))
    _checked(column, value.validity)
    assert isinstance(value, Strings | Binary)
    return value


def tensor(name: str, storage: str, width: int, value: Any) -> NDArray[Any]:
    """The tensor ``(rows, width)`` of a group."""
    dtype = DTYPES[storage]
    if isinstance(value, list | tuple):
        value = _nested(name, dtype, value) if value else np.empty((0, width), dtype)
    array = as_array(name, value)
    if array.ndim != 2 or array.shape[1] != width:  # noqa: PLR2004 - rows and columns
        raise EmitError(f"group {name!r} has shape {array.shape}, it must be (rows, {width})")
    if isinstance(array, np.ma.MaskedArray):
        if dtype.kind != "f" and _mask(array).any():
            raise CodecError(f"group {name!r} holds a null, a tensor of {dtype} cannot: fill it first")
        array = np.where(_mask(array), np.nan, array.data) if dtype.kind == "f" else array.data
    return np.ascontiguousarray(_cast(f"group {name!r}", dtype, array))


def arrays(column: Column, value: Any) -> Lists:
    """The values of an ARRAY column: a sequence of arrays, lists or None."""
    element = column.type.element
    assert element is not None
    if isinstance(value, Arrays) and value.element.storage == element.storage:
        block = value.block
    else:
        rows = value if isinstance(value, list | tuple) else _items(column, value)
        block = _flattened(Column(f"{column.name}[]", element), rows)
    _checked(column, block.validity)
    return block


def as_array(name: str, value: Any) -> NDArray[Any]:
    """A numpy array of what numpy, torch (also a tensor that has a gradient) or TensorFlow made."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        raise EmitError(f"column {name!r} is {value!r}, give one value for each row")
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EmitError(f"column {name!r}: numpy cannot read {type(value).__name__}: {error}") from error


def _items(column: Column, value: Any) -> list[Any]:
    """The values of anything list-like, one a row."""
    if isinstance(value, str | bytes) or not hasattr(value, "__len__"):
        raise EmitError(f"column {column.name!r} is {value!r}, give one value for each row")
    if isinstance(value, np.ma.MaskedArray) and value.ndim == 1:
        return list(value.tolist())  # type: ignore[no-untyped-call]
    return list(value)


def _from_array(column: Column, dtype: np.dtype[Any], array: NDArray[Any]) -> FixedValues:
    if array.ndim != 1:
        raise EmitError(
            f"column {column.name!r} has shape {array.shape}, it must be (rows,): squeeze or index it"
        )
    if array.dtype.kind == "O":
        return _from_list(column, dtype, array.tolist())
    valid = None
    if isinstance(array, np.ma.MaskedArray):
        valid = ~_mask(array)
        array = np.where(valid, array.data, _placeholder(dtype, array.dtype))
    unit = column.type.unit
    if array.dtype.kind == "M" and unit and column.type.root is not Root.TIME:
        return _from_datetimes(column, array, unit)
    return _cast(f"column {column.name!r} ({column.type})", dtype, array), valid


def _mask(array: np.ma.MaskedArray[Any, Any]) -> Bools:
    """Where `array` is null."""
    mask: Bools = np.ma.getmaskarray(array)  # type: ignore[no-untyped-call]
    return mask


def _placeholder(target: np.dtype[Any], source: np.dtype[Any]) -> Any:
    """What stands where a value is null: NaT of points in time, NaN in a float column, else 0."""
    if source.kind == "M":
        return np.datetime64("NaT")
    return np.nan if target.kind == "f" and source.kind == "f" else source.type(0)


def _from_datetimes(column: Column, array: NDArray[Any], unit: str) -> FixedValues:
    valid = ~np.isnat(array)
    target = np.dtype(f"datetime64[{unit}]")
    if not np.can_cast(array.dtype, target, "safe"):
        raise EmitError(
            f"column {column.name!r} ({column.type}) counts {unit}, {array.dtype} is finer: "
            f"use .astype('{target}')"
        )
    values = np.where(valid, array, np.datetime64(0, unit)).astype(target).view(np.int64)
    if unit == "D":
        values = values.astype(np.int32)
    return values, valid


def _cast(subject: str, dtype: np.dtype[Any], array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype == dtype:
        return array
    floats = array.dtype.kind == "f" and dtype.kind == "f"
    if not np.can_cast(array.dtype, dtype, "same_kind" if floats else "safe"):
        raise EmitError(
            f"{subject} takes {dtype}, {array.dtype} may not fit: convert it to {dtype}, or declare "
            f"a column that takes {array.dtype}"
        )
    try:
        with np.errstate(over="raise"):
            return array.astype(dtype)
    except FloatingPointError:
        limit = np.finfo(dtype).max
        wrong = array[np.isfinite(array) & (np.abs(array) > limit)].flat[0]
        raise CodecError(f"{subject}: {wrong} is beyond {dtype}") from None


def _from_list(column: Column, dtype: np.dtype[Any], values: Sequence[Any]) -> FixedValues:
    valid = np.fromiter((value is not None for value in values), np.bool_, len(values))
    full = bool(valid.all())
    if column.type.unit:
        values = [
            None if value is None else _temporal(column, row, value) for row, value in enumerate(values)
        ]
    zero = dtype.type(0).item()
    items = values if full else [zero if value is None else value for value in values]
    array = _list_array(column, dtype, items)
    if not full and dtype.kind == "f":
        array[~valid] = np.nan
    return array, None if full else valid


def _list_array(column: Column, dtype: np.dtype[Any], items: Sequence[Any]) -> NDArray[Any]:
    if not items:
        return np.empty(0, dtype)
    try:
        array = np.array(items)
    except ValueError:  # ragged
        _refuse_number(column, dtype, items)
    if array.ndim != 1 or array.dtype.kind not in _KINDS[dtype.kind]:
        _refuse_number(column, dtype, items)
    if dtype.kind == "f":
        return _cast(f"column {column.name!r} ({column.type})", dtype, array.astype(np.float64))
    if dtype.kind == "i" and array.dtype != dtype:
        limits = np.iinfo(dtype)
        if int(array.min()) < limits.min or int(array.max()) > limits.max:
            _refuse_number(column, dtype, items)
    return array.astype(dtype)


def _temporal(column: Column, row: int, value: Any) -> Any:
    try:
        return scalars.temporal(column.type, value)
    except ValueError as error:
        raise CodecError(f"column {column.name!r} ({column.type}), row {row}: {value!r} {error}") from None


def _refuse_number(column: Column, dtype: np.dtype[Any], items: Sequence[Any]) -> NoReturn:
    """Find the value that does not fit, and say so."""
    for row, item in enumerate(items):
        array = np.asarray(item)
        fits = array.ndim == 0 and array.dtype.kind in _KINDS[dtype.kind]
        if fits and dtype.kind == "i":
            fits = np.iinfo(dtype).min <= int(item) <= np.iinfo(dtype).max
        if not fits:
            raise CodecError(f"column {column.name!r} ({column.type}), row {row}: {item!r} does not fit")
    raise CodecError(f"column {column.name!r} ({column.type}): its values do not fit")


def _refuse_item(column: Column, items: Sequence[Any], kinds: type | tuple[type, ...]) -> NoReturn:
    for row, item in enumerate(items):
        if item is not None and not isinstance(item, kinds):
            name = type(item).__name__
            raise CodecError(f"column {column.name!r} ({column.type}), row {row}: {item!r} is {name}")
    raise CodecError(f"column {column.name!r} ({column.type}) holds text that UTF-8 cannot spell")


def _decimals(column: Column, dtype: np.dtype[Any], value: Any) -> FixedValues:
    precision, scale = column.type.precision, column.type.scale
    assert precision is not None
    assert scale is not None
    if isinstance(value, Decimals) and (value.precision, value.scale) == (precision, scale):
        return value.unscaled, value.validity
    items = _items(column, value)
    unscaled = [0] * len(items)
    for row, item in enumerate(items):
        if item is not None:
            try:
                unscaled[row] = scalars.unscaled(item, precision, scale)
            except ValueError as error:
                raise CodecError(
                    f"column {column.name!r} ({column.type}), row {row}: {item!r} {error}"
                ) from None
    valid = np.fromiter((item is not None for item in items), np.bool_, len(items))
    if dtype.names:
        low = [(number & (2**64 - 1), number >> 64) for number in unscaled]
        return np.array(low, dtype), valid
    return np.array(unscaled, dtype), valid


def _nested(name: str, dtype: np.dtype[Any], rows: Sequence[Any]) -> NDArray[Any]:
    """A list of rows, each an array, a tensor or a list; None is NaN in a float tensor."""
    parts = [row if isinstance(row, list | tuple) else as_array(name, row) for row in rows]
    try:
        array = np.array(parts)
        if array.dtype.kind == "O" and dtype.kind == "f":
            return np.array(parts, dtype)
    except (TypeError, ValueError):
        raise EmitError(f"group {name!r}: its rows are not of one length, or hold no numbers") from None
    if array.dtype.kind not in _KINDS[dtype.kind]:
        raise EmitError(f"group {name!r} takes {dtype}, its rows hold {array.dtype}")
    if array.dtype.kind in "iu" and dtype.kind == "i" and array.size:
        limits, least, most = np.iinfo(dtype), int(array.min()), int(array.max())
        if least < limits.min or most > limits.max:
            raise CodecError(f"group {name!r}: {least if least < limits.min else most} is beyond {dtype}")
    return array if dtype.kind == "f" and array.dtype.kind == "f" else array.astype(dtype)


def _flattened(element: Column, rows: Sequence[Any]) -> Lists:
    valid = np.fromiter((row is not None for row in rows), np.bool_, len(rows))
    filled = [() if row is None else row for row in rows]
    wrong = next((row for row in filled if not hasattr(row, "__len__") or isinstance(row, str | bytes)), None)
    if wrong is not None:
        raise CodecError(f"column {element.name!r}: {wrong!r} is not an array")
    lengths = np.fromiter(map(len, filled), np.int64, len(filled))
    flat = _chained(filled)
    elements: Fixed | Variable
    if element.type.storage == "bytes":
        elements = Variable(variable(element, flat))
    else:
        values, present = fixed(element, DTYPES[element.type.storage], flat)
        elements = Fixed(values.reshape(1, -1), (present,))
    return Lists(joined_offsets(lengths), elements, None if valid.all() else valid)


def _chained(rows: Sequence[Any]) -> Any:
    """The elements of all rows: one array if all are arrays of numbers, else one list."""
    filled = [row for row in rows if len(row)]
    if filled and all(isinstance(row, np.ndarray) and row.dtype.kind in "biufM" for row in filled):
        masked = any(isinstance(row, np.ma.MaskedArray) for row in filled)
        return np.ma.concatenate(filled) if masked else np.concatenate(filled)  # type: ignore[no-untyped-call]
    return list(chain.from_iterable(rows))


def _checked(column: Column, valid: Bools | None) -> Bools | None:
    """None where every value is there; refuses a null in a NOT NULL column."""
    if valid is None or valid.all():
        return None
    if not column.nullable:
        raise CodecError(f"column {column.name!r} is NOT NULL, row {int(valid.argmin())} is null")
    return valid
