"""Which rows of a batch a model answers, and why it does not answer the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_framework.errors import ModelError
from ml_framework.inference import Answer, Refused, Scorer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.context import Batch

    Make = Callable[..., Batch]


def half(batch: Batch) -> dict[str, Any]:
    """Half of x; takes no batch with a number above 99, and does not know half of a negative one."""
    x = np.asarray(batch["x"])
    if (x > 99).any():
        raise OverflowError(f"{x.max():g} is too much")
    return {"y": np.where(x < 0, np.nan, x / 2)}


def told(parts: Any) -> list[Any]:
    """Each row's answer, or why it has none."""
    found: list[Any] = []
    for part in parts:
        assert part.start == len(found)
        found += part.columns["y"].tolist() if isinstance(part, Answer) else [part.error]
        assert part.stop == len(found)
    return found


def test_a_batch_is_answered_as_a_whole(batch: Make) -> None:
    """There is one answer where there is nothing to refuse."""
    (part,) = Scorer(["y"]).answer(half, batch(2.0, 4.0))
    assert isinstance(part, Answer)
    assert (part.start, part.stop, part.columns["y"].tolist()) == (0, 2, [1.0, 2.0])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.sampled_from([None, -1.0, 0.0, 2.0, 8.0, 100.0, 200.0]), min_size=1, max_size=40))
def test_each_row_is_answered_or_refused_with_its_own_error(batch: Make, values: list[float | None]) -> None:
    """Whatever its neighbours are."""
    expected = {
        None: "x is null",
        -1.0: "the answer y is NaN",
        100.0: "OverflowError: 100 is too much",
        200.0: "OverflowError: 200 is too much",
    }
    found = told(Scorer(["y"], required=["x"]).answer(half, batch(*values)))
    assert found == [expected.get(value, value and value / 2) for value in values]


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: device-side assert triggered",
        "[ONNXRuntimeError] : 1 : FAIL : CUDA failure 700: an illegal memory access was encountered",
        "INTERNAL: failed to synchronize: CUDA_ERROR_ILLEGAL_ADDRESS",
    ],
)
def test_a_gpu_that_fails_is_no_fault_of_rows(batch: Make, text: str) -> None:
    """Every row to come would be refused for it."""

    def broken(_: Batch) -> dict[str, Any]:
        raise RuntimeError(text)

    with pytest.raises(ModelError, match=f"cannot use its GPU any more: RuntimeError: {re.escape(text)}"):
        list(Scorer(["y"]).answer(broken, batch(1.0, 2.0)))


def test_a_gpu_without_room_takes_smaller_batches(batch: Make) -> None:
    def small(part: Batch) -> dict[str, Any]:
        if part.rows > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return half(part)

    assert told(Scorer(["y"]).answer(small, batch(*[2.0] * 7))) == [1.0] * 7


def test_a_model_is_asked_seldom_where_one_row_is_bad(batch: Make) -> None:
    """The batch is halved: not every row costs a call."""
    calls = []

    def counted(part: Batch) -> dict[str, Any]:
        calls.append(part.rows)
        return half(part)

    parts = list(Scorer(["y"]).answer(counted, batch(*[1.0] * 700, 100.0, *[1.0] * 323)))
    assert [part.start for part in parts if isinstance(part, Refused)] == [700]
    assert len(calls) == 2 * 10 + 1


def test_a_null_is_a_value_where_it_is_not_refused(batch: Make) -> None:
    """A null number is NaN for a model that knows what to do with one."""
    (part,) = Scorer(["y"]).answer(lambda rows: {"y": np.isnan(rows["x"])}, batch(None, 1.0))
    assert isinstance(part, Answer)
    assert part.columns["y"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"z": np.zeros(2)}, "the model answers z, and the output has y: name the answers so"),
        ({}, "the model answers nothing, and the output has y"),
        ({"y": np.zeros(1)}, r"answers 'y' with shape \(1,\) to 2 rows"),
        ({"y": np.float64(1)}, r"answers 'y' with shape \(\) to 2 rows"),
    ],
)
def test_an_answer_of_another_form_is_an_error(batch: Make, answers: Any, message: str) -> None:
    """No row is to blame for it."""
    with pytest.raises(ModelError, match=message):
        list(Scorer(["y"]).answer(lambda _: answers, batch(1.0, 2.0)))
