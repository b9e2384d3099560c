"""What lies in a checkpoint as bytes of its own: numpy's arrays, and what a framework adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray


class Kind(Protocol):
    """A kind of value that is copied into a checkpoint as it lies in memory.

    Attributes:
        name: unique, part of the format.
    """

    name: str

    def matches(self, value: Any) -> bool:
        """Whether `value` is of this kind; the methods below get nothing else."""

    def describe(self, value: Any) -> Any:
        """Plain data from which `read` knows what to make of the bytes.

        Raises:
            CheckpointError: this one cannot be saved; its path is put before the message.
        """

    def identity(self, value: Any) -> Hashable:
        """Equal for two values that are the same memory seen in the same way; they are saved once."""

    def nbytes(self, value: Any) -> int:
        """How many bytes `write` writes."""

    def write(self, value: Any, memory: memoryview) -> None:
        """Copy `value` into `memory`, which is 64-byte aligned and exactly as long as it needs to be."""

    def read(self, description: Any, memory: memoryview) -> Any:
        """The value, in memory of its own, that `write` wrote; `memory` may be read-only.

        Raises:
            CheckpointError: this process cannot read it.
            ValueError: `memory` has not the length that `description` asks for.
        """


class Arrays:
    """numpy's arrays, of every dtype but objects; read back in C order."""

    name = "numpy.ndarray"

    def matches(self, value: Any) -> bool:
        """Whether `value` is an array, and of no derived class, whose further data would be lost."""
        return type(value) is np.ndarray

    def describe(self, value: NDArray[Any]) -> Any:
        """The dtype, in the form of the ``.npy`` format or as a registered name, and the shape."""
        return _dtype_description(value.dtype), value.shape

    def identity(self, value: NDArray[Any]) -> Hashable:
        """Where it lies, and how."""
        if not value.size:
            return id(value)
        return value.__array_interface__["data"][0], value.shape, value.strides, value.dtype

    def nbytes(self, value: NDArray[Any]) -> int:
        """Bytes of its elements."""
        return value.nbytes

    def write(self, value: NDArray[Any], memory: memoryview) -> None:
        """Copy the elements in C order."""
        if value.nbytes:
            np.copyto(np.frombuffer(memory, value.dtype).reshape(value.shape), value)

    def read(self, description: Any, memory: memoryview) -> NDArray[Any]:
        """A new array."""
        try:
            dtype = _dtype(description[0])
        except TypeError as error:
            raise CheckpointError(
                f"the state in the checkpoint has an array of dtype {description[0]!r}, which numpy does not "
                "know here: import the package that adds it before"
            ) from error
        array = np.empty(description[1], dtype)
        if array.nbytes != len(memory):
            raise ValueError(f"an array {array.shape} of {dtype} in {len(memory)} bytes")
        if array.nbytes:
            array[...] = np.frombuffer(memory, dtype).reshape(array.shape)
        return array


class Scalars(Arrays):
    """numpy's scalars, such as ``numpy.float32(1)``."""

    name = "numpy scalar"

    def matches(self, value: Any) -> bool:
        """Whether `value` is a scalar of numpy."""
        return isinstance(value, np.generic)

    def identity(self, value: Any) -> Hashable:
        """The object itself: it never changes."""
        return id(value)

    def write(self, value: Any, memory: memoryview) -> None:
        """Copy the one element."""
        super().write(np.asarray(value), memory)

    def read(self, description: Any, memory: memoryview) -> Any:
        """A new scalar."""
        return super().read(description, memory)[()]


NUMPY: Final[tuple[Kind, ...]] = (Arrays(), Scalars())
"""The kinds that every checkpoint knows."""
_REGISTERED: Final = 2
"""What ``dtype.isbuiltin`` says of a type that another package has added to numpy's."""


def _dtype_description(dtype: np.dtype[Any]) -> Any:
    if dtype.hasobject or dtype.kind == "T":
        raise CheckpointError(
            f"an array of dtype {dtype} holds references to objects and not their data: "
            "save a list, or an array of numbers or of fixed-width text"
        )
    # Types that others have registered (bfloat16) are known by name alone.
    registered = dtype.isbuiltin == _REGISTERED
    description = dtype.name if registered else np.lib.format.dtype_to_descr(dtype)  # type: ignore[no-untyped-call]
    try:
        found = _dtype(description)
    except TypeError:
        found = None
    if found != dtype:
        raise CheckpointError(f"dtype {dtype} cannot be told by its name: save an array of another dtype")
    return description


def _dtype(description: Any) -> np.dtype[Any]:
    found: np.dtype[Any] = np.lib.format.descr_to_dtype(description)  # type: ignore[no-untyped-call]
    return found
