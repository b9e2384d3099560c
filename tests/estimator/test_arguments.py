"""What a model is called with, and what its answers are compared with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ml_framework.errors import ModelError
from ml_framework.estimator import Arguments, is_value

GROUPS: dict[str, tuple[str, ...] | int] = {"pair": ("a", "b"), "vector": 3, "unused": ("z",)}


def arranged(arguments: Arguments, *values: Any) -> list[Any]:
    """As arrays."""
    return list(
        arguments.arranged(
            [np.array(value) for value in values],
            cast=lambda array, dtype: array.astype(dtype),
            stack=lambda arrays: np.stack(arrays, axis=1),
        )
    )


def test_columns_become_arguments_in_order() -> None:
    """A column may be in a group and beside it; a vector is one column."""
    arguments = Arguments(("x", "pair", "vector", "a"), GROUPS)
    assert arguments.columns == ("x", "a", "b", "vector", "a")
    assert arguments.vectors == {"vector": 3}
    found = arranged(arguments, [1, 2], [3, 4], [5, 6], [[1, 2, 3], [4, 5, 6]], [3, 4])
    assert [values.tolist() for values in found] == [
        [1, 2],
        [[3, 5], [4, 6]],
        [[1, 2, 3], [4, 5, 6]],
        [3, 4],
    ]


@pytest.mark.parametrize(("dtype", "expected"), [("float32", "float32"), (None, "int8")])
def test_everything_is_cast_or_nothing(dtype: str | None, expected: str) -> None:
    """Columns of several types become one tensor of one."""
    (single, pair) = arranged(
        Arguments(("x", "pair"), GROUPS, dtype), np.int8([1]), np.array([True]), np.int8([2])
    )
    assert single.dtype == expected
    assert pair.dtype == expected
    assert pair.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("answer", "label", "dtype", "expected"),
    [
        ((), (), "float64", True),
        ((1,), (), "int32", True),
        ((), (1,), "bool", True),
        ((3,), (3,), "float32", True),
        ((3,), (), "int64", False),
        ((5, 7), (7,), "int8", False),
    ],
)
def test_a_label_is_a_value_or_the_number_of_a_class(
    answer: tuple[int, ...], label: tuple[int, ...], dtype: str, *, expected: bool
) -> None:
    assert is_value(answer, label, np.dtype(dtype)) is expected


@pytest.mark.parametrize(
    ("answer", "label", "dtype", "shapes"),
    [
        ((3,), (), "float32", r"\(rows, 3\) to a label of \(rows,\) float32"),
        ((), (3,), "int64", r"\(rows,\) to a label of \(rows, 3\) int64"),
        ((2,), (3,), "float32", r"\(rows, 2\) to a label of \(rows, 3\) float32"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(
    answer: tuple[int, ...], label: tuple[int, ...], dtype: str, shapes: str
) -> None:
    with pytest.raises(ModelError, match=f"the model answers {shapes}: it has to answer"):
        is_value(answer, label, np.dtype(dtype))
