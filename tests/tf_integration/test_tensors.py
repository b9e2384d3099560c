"""What a training loop emits, as the columns of a table take it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ml_framework.codec import Schema, decode, encode, plan_layout
from tf_integration.batch import Batch
from tf_integration.tensors import emittable, specs, values


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


def test_columns_and_nulls_are_as_specified() -> None:
    """A column is asked for by its name, which comes where it may in the schema."""
    layout = plan_layout(Schema.parse([("z", "INT"), ("a", "BIGINT NOT NULL"), ("m", "STRING")]))
    rows = {"z": [0, None, 2], "a": [1, 2, 3], "m": [None, "", "m"]}
    found = values(decode(layout, memoryview(b"".join(encode(layout, rows)))))
    for spec, value in zip(tf.nest.flatten(specs(layout)), tf.nest.flatten(found), strict=True):
        assert spec.is_compatible_with(tf.convert_to_tensor(value))
    batch = Batch(found, 3, 1)
    assert {name: batch.valid(name).numpy().tolist() for name in batch} == {
        "z": [True, False, True],
        "a": [True, True, True],
        "m": [False, True, True],
    }
    with pytest.raises(KeyError, match="there is no column 'mm': did you mean 'm'"):
        batch.valid("mm")
