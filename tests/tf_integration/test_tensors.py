"""What a training loop emits, as the columns of a table take it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ml_framework.codec import Schema, encode, plan_layout
from tf_integration.tensors import emittable


@pytest.mark.parametrize(
    ("kind", "tensor", "expected"),
    [
        ("STRING", tf.constant(["Ada", "ünïcode ✓", ""]), ["Ada", "ünïcode ✓", ""]),
        ("STRING", tf.constant(["a", "b"]).numpy(), ["a", "b"]),
        ("BYTES", tf.constant([b"a\0", b"\xff"]), [b"a\0", b"\xff"]),
        ("ARRAY<STRING>", tf.ragged.constant([["x", "ü"], []]), [["x", "ü"], []]),
        ("ARRAY<BIGINT>", tf.ragged.constant([[1, 2], [3]], tf.int64), [[1, 2], [3]]),
        ("DECIMAL(10, 2)", tf.constant([1.25, np.nan], tf.float64), [Decimal("1.25"), None]),
        ("BIGINT", tf.Variable([1, 2], dtype=tf.int64), [1, 2]),
        ("STRING", ["as it is", None], ["as it is", None]),
    ],
)
def test_tensors_fit_columns_of_their_type(kind: str, tensor: Any, expected: list[Any]) -> None:
    """Text is decoded, ragged tensors are lists; what is no tensor stays as it is."""
    layout = plan_layout(Schema.parse([("x", kind)]))
    found = emittable({"x": tensor}, layout.schema)["x"]
    assert list(found) == expected
    encode(layout, {"x": found}, None)


def test_a_column_that_is_not_there_is_left_to_the_output() -> None:
    """It is refused there, by its name."""
    (found,) = emittable({"y": tf.constant([1])}, Schema.parse([("x", "INT")])).items()
    assert found == ("y", np.array([1]))
