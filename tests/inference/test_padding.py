"""Arrays of different lengths as one tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml_framework.codec import Schema, decode, encode, plan_layout
from ml_framework.errors import PlanError
from ml_framework.inference import Padding

if TYPE_CHECKING:
    from ml_framework.codec import Arrays


def arrays(kind: str, *values: list[object] | None) -> Arrays:
    layout = plan_layout(Schema.parse([("a", f"ARRAY<{kind}>")]))
    found: Arrays = decode(layout, memoryview(b"".join(encode(layout, {"a": list(values)}))))["a"]
    return found


def test_arrays_are_filled_up() -> None:
    """To the longest, or to a length; also a null, and an element that is null."""
    found = arrays("INT", [1, 2, 3], None, [4, None], [])
    expected = [[1, 2, 3], [9, 9, 9], [4, 9, 9], [9, 9, 9]]
    assert found.padded(9).tolist() == expected
    assert found.padded(9).dtype == np.int32
    assert found.padded(9, 4).tolist() == [[*row, 9] for row in expected]
    assert found[2:].padded().tolist() == [[4, 0], [0, 0]]


def test_what_cannot_be_filled_up_is_told() -> None:
    """An array that is longer, elements that are no numbers."""
    with pytest.raises(ValueError, match="an array has 3 elements, more than 2"):
        arrays("INT", [1, 2, 3]).padded(length=2)
    with pytest.raises(ValueError, match=r"an ARRAY of VARCHAR.* cannot be padded, its elements are no num"):
        arrays("STRING", ["word"]).padded()


def test_rows_go_to_the_least_bucket_that_they_fit_into() -> None:
    """Longer ones together, with the length of the longest."""
    parts = [
        (rows.tolist(), length)
        for rows, length in Padding(buckets=(2, 4)).parts(np.array([4, 7, 0, 2, 5, 3]))
    ]
    assert parts == [([2, 3], 2), ([0, 5], 4), ([1, 4], 7)]
    assert [(rows.tolist(), length) for rows, length in Padding().parts(np.array([4, 7]))] == [([0, 1], 7)]


@pytest.mark.parametrize("buckets", [(4, 2), (2, 2), (0, 2), (-1,)])
def test_buckets_ascend(buckets: tuple[int, ...]) -> None:
    with pytest.raises(PlanError, match=r"buckets are \(.*\): name positive lengths in ascending order"):
        Padding(buckets=buckets)
