"""Batches, and models that are plain functions of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.codec import Schema, decode, encode, plan_layout
from ml_framework.context import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

LAYOUT = plan_layout(Schema.parse([("x", "DOUBLE"), ("name", "STRING")]))


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """Makes a batch of these values of x."""

    def make(*values: float | None) -> Batch:
        columns: dict[str, Any] = {"x": list(values), "name": [f"row {i}" for i in range(len(values))]}
        records = decode(LAYOUT, memoryview(b"".join(encode(LAYOUT, columns))))
        return Batch(records, records.rows)

    return make
