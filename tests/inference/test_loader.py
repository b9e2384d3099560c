"""What is the same for the models of all frameworks, shown by one whose tensors are arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ml_framework.codec import Schema, decode, encode, plan_layout
from ml_framework.context import Batch
from ml_framework.errors import ModelError
from ml_framework.inference import Padding, Scorer
from ml_framework.inference.loader import ModelLoader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

LAYOUT = plan_layout(Schema.parse([("a", "ARRAY<FLOAT>")]))


class Arrays(ModelLoader):
    """Its models are functions, which no file holds."""

    def load(self, path: Path) -> Callable[..., Any]:
        raise NotImplementedError

    def array(self, values: Any) -> NDArray[Any]:
        return np.asarray(values)


def scored(function: Callable[..., Any], *lengths: int) -> list[Any]:
    """The answers `y` to rows of arrays of ones, in buckets of up to two elements and of more."""
    rows: Any = {"a": [[1.0] * length for length in lengths]}
    records = decode(LAYOUT, memoryview(b"".join(encode(LAYOUT, rows))))
    loader = Arrays(inputs=("a",), outputs=("y",), padding=Padding(buckets=(2,)))
    batch = Batch(records, records.rows)
    return list(Scorer(["y"]).answer(lambda part: loader.answered(function, part), batch))


@pytest.mark.parametrize(
    ("answer", "shape"),
    [(lambda a: a.sum(), r"\(\)"), (lambda a: a.sum()[None], r"\(1,\)"), (lambda a: a[:1], r"\(1, 2\)")],
)
def test_one_answer_is_not_that_of_a_whole_bucket(answer: Callable[[Any], Any], shape: str) -> None:
    """It is refused as without padding, and stands for no other row."""
    with pytest.raises(ModelError, match=f"the model answers 'y' with shape {shape} to 2 rows: answer each"):
        scored(answer, 1, 4, 2)


def test_all_buckets_are_answered_by_the_same_names() -> None:
    """A column that one of them lacks would have rows of nothing."""
    with pytest.raises(ModelError, match="the model answers z, and the output has y"):
        scored(lambda a: {"y" if a.shape[1] <= 2 else "z": a.sum(1)}, 1, 4, 2)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda a: a.sum(1).astype(int) if a.shape[1] <= 2 else a.sum(1) / 8, [0.5, 1.0, 2.0, 0.625]),
        (lambda a: np.array(["x" * int(total) for total in a.sum(1)]), ["xxxx", "x", "xx", "xxxxx"]),
    ],
)
def test_a_later_bucket_keeps_its_type(answer: Callable[[Any], Any], expected: list[Any]) -> None:
    """Where it answers what the type of the first one cannot hold: fractions, longer texts."""
    (whole,) = scored(answer, 4, 1, 2, 5)
    assert whole.columns["y"].tolist() == expected
