"""Features of a `tf.train.Example`: what is declared of them, and values in the form that they have there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Dtype: TypeAlias = Literal["int64", "float32", "bytes"]

NUMPY: Mapping[str, Any] = {"int64": np.int64, "float32": np.float32, "bytes": np.object_}
"""What numpy calls each dtype; bytes are objects, for numpy's own type for them drops trailing zeros."""

KINDS: Mapping[str, Dtype] = {"b": "int64", "i": "int64", "u": "int64", "f": "float32", "O": "bytes"}
"""The dtype of a feature by the kind of a numpy dtype."""

_NO_FORM = "neither a number of up to 64 bits nor bytes nor text"
_INT64_MAX = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Feature:
    """What is known of a feature.

    Args:
        dtype: of its values.
        shape: of the values of one example, ``()`` for a single one; None where their number varies.
        default: what an example without the feature has, a value or an array of `shape`. Without a default
            such an example is refused; where the number of values varies, it has none.

    Raises:
        PlanError: the dtype is unknown, or shape or default cannot be.
    """

    dtype: Dtype
    shape: tuple[int, ...] | None = ()
    default: Any = None

    def __post_init__(self) -> None:
        if self.dtype not in NUMPY:
            raise PlanError(f"Feature: dtype is {self.dtype!r}, it must be one of {', '.join(NUMPY)}")
        if self.shape is None:
            if self.default is not None:
                raise PlanError("Feature: where the number of values varies (shape=None) there is no default")
            return
        if not isinstance(self.shape, tuple) or not all(isinstance(n, int) and n > 0 for n in self.shape):
            raise PlanError(
                f"Feature: shape is {self.shape!r}, it must be a tuple of positive numbers, or None"
            )
        if self.default is not None:
            _ = self.filling

    @property
    def size(self) -> int | None:
        """Number of values in one example; None where it varies."""
        return None if self.shape is None else math.prod(self.shape)

    @cached_property
    def filling(self) -> NDArray[Any]:
        """The default of one example: ``(size,)``."""
        try:
            values = cast(flat(self.default), self.dtype).reshape(np.shape(self.default))
            return np.broadcast_to(values, self.shape or ()).reshape(-1)
        except ValueError as error:
            raise PlanError(
                f"Feature: default {self.default!r} is no {self.dtype} of shape {self.shape}: {error}"
            ) from None


def flat(value: Any) -> NDArray[Any]:
    """The values of one row ``(values,)``, numbers or bytes; None has none. `ValueError` for all else."""
    if value is None:
        return np.empty(0, np.float32)
    first = value
    while isinstance(first, list | tuple) and first:
        first = first[0]
    array = np.asarray(value, np.object_ if isinstance(first, bytes | str) else None).reshape(-1)
    if array.dtype.kind in "SUO":
        return objects([_bytes(element) for element in array])
    if array.dtype.kind not in KINDS:
        raise ValueError(f"{array.dtype} is {_NO_FORM}")
    return array


def cast(values: NDArray[Any], dtype: Dtype) -> NDArray[Any]:
    """What `flat` returned, as `dtype`; `ValueError` where values are of another type, or would change."""
    found = KINDS[values.dtype.kind] if values.size else dtype
    if found != dtype and (found, dtype) != ("int64", "float32"):
        raise ValueError(f"it is {found}, not {dtype}")
    if dtype == "int64" and values.dtype == np.uint64 and values.size and values.max() > _INT64_MAX:
        raise ValueError(f"{values.max()} does not fit 64 bits with a sign")
    try:
        with np.errstate(over="raise"):
            return values.astype(NUMPY[dtype])
    except FloatingPointError:
        raise ValueError("a value is too large for float32") from None


def objects(values: Sequence[bytes]) -> NDArray[Any]:
    """``(values,)`` objects, without numpy's guess at what they might be."""
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes):
        raise ValueError(f"{value!r} is {_NO_FORM}")  # noqa: TRY004 - whoever converts a row catches this one
    return value
