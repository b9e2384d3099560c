"""Trees, there and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.checkpoint import Encoding, decode

if TYPE_CHECKING:
    from collections.abc import Callable


def encoded(tree: object) -> bytearray:
    """The bytes of a tree."""
    encoding = Encoding(tree)
    memory = bytearray(encoding.nbytes)
    encoding.write(memoryview(memory))
    return memory


@pytest.fixture
def encode() -> Callable[[object], bytearray]:
    """Makes the bytes of a tree."""
    return encoded


@pytest.fixture
def again() -> Callable[[object], Any]:
    """Makes of a tree what comes back, from memory that cannot be written and is gone afterwards."""
    return lambda tree: decode(bytes(encoded(tree)))
