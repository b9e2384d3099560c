"""What `encode` takes, what it refuses, and in which words."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from codec_tables import all_types, seen, tables
from hypothesis import given, settings

from ml_framework.codec import Schema, decode, encode, plan_layout
from ml_framework.errors import CodecError, EmitError

UTC = dt.UTC


def masked(values, dtype):
    """An array of two, of which the second is null."""
    return np.ma.array(np.array(values, dtype), mask=[False, True])


def layout_of(**types):
    return plan_layout(Schema.parse(types.items()))


@given(tables())
@settings(max_examples=100)
def test_whatever_is_emitted_is_seen(table):
    """For tables of any types and values, nulls included, decode gives what encode was given."""
    layout, values = table
    batch = decode(layout, memoryview(b"".join(encode(layout, values))))
    assert {name: seen(batch, name) for name in batch.names} == values


@pytest.mark.parametrize("not_null", [True, False])
def test_what_a_batch_holds_can_be_emitted(through_python, not_null):
    """A batch's own columns are taken by encode; NOT NULL columns come back from arrays alone."""
    layout, values = all_types(not_null=not_null)
    batch = through_python(layout, values)
    again = {
        name: np.ma.array(batch[name], mask=~batch.valid(name))
        if isinstance(batch[name], np.ndarray)
        else batch[name]
        for name in batch.names
    }
    copy = through_python(layout, again)
    assert {name: seen(copy, name) for name in copy.names} == values


def test_a_null_float_is_nan_and_any_other_null_is_zero(through_python):
    """The values beneath a null are as the frame's description says."""
    batch = through_python(layout_of(f="FLOAT", i="INT", b="BOOLEAN"), {name: [None] for name in "fib"})
    assert np.isnan(batch["f"][0])
    assert (batch["i"][0], batch["b"][0]) == (0, np.False_)
    assert [batch.valid(name).tolist() for name in "fib"] == [[False]] * 3


def test_nan_is_a_value(through_python):
    """NaN is not null, in lists and in arrays."""
    layout = layout_of(f="DOUBLE NOT NULL")
    for value in ([float("nan")], np.array([np.nan])):
        batch = through_python(layout, {"f": value})
        assert np.isnan(batch["f"]).all()
        assert batch.valid("f").all()


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("BIGINT", np.array([1, 2], np.int32), [1, 2]),
        ("BIGINT", np.array([1, 2], ">i8"), [1, 2]),
        ("BIGINT", np.array([1, None], object), [1, 0]),
        ("BIGINT", np.arange(6)[::3], [0, 3]),
        ("FLOAT", np.array([0.5, 1.5]), [0.5, 1.5]),
        ("FLOAT", [1, 0.5], [1.0, 0.5]),
        ("DOUBLE", np.array([1, 2], np.int32), [1.0, 2.0]),
        ("TINYINT", [127, True], [127, 1]),
        ("DATE", [dt.date(1970, 1, 2), dt.date(1969, 12, 31)], [1, -1]),
        ("DATE", np.array(["1970-01-03", "NaT"], "datetime64[D]"), [2, 0]),
        ("DATE", masked(["1970-01-03", "1970-01-04"], "datetime64[D]"), [2, 0]),
        ("TIMESTAMP(6)", masked([1, 2], "datetime64[ms]"), [1000, 0]),
        ("TIME(3)", [dt.time(0, 0, 1), dt.time(0, 0, 0, 2000)], [1000, 2]),
        ("TIMESTAMP(3)", [dt.datetime(1970, 1, 1, 0, 0, 1), 7], [1000, 7]),
        ("TIMESTAMP(6)", np.array([1, 2], "datetime64[ms]"), [1000, 2000]),
        ("TIMESTAMP(9) WITH LOCAL TIME ZONE", [dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 0], [10**9, 0]),
    ],
)
def test_arrays_and_lists_are_taken_where_no_value_changes(through_python, text, value, expected):
    """Safe casts, float to float, Python's dates and numpy's."""
    assert through_python(layout_of(a=text), {"a": value})["a"].tolist() == expected


def test_tensors_of_torch_are_taken(through_python):
    """A tensor with a gradient is taken as its values, for columns and groups."""
    torch = pytest.importorskip("torch")
    layout = plan_layout(Schema.parse([("a", "FLOAT"), ("v", "ARRAY<FLOAT>")]), {"v": 2})
    weight = torch.ones(3, requires_grad=True)
    batch = through_python(layout, {"a": weight * 2, "v": torch.zeros(3, 2)})
    assert batch["a"].tolist() == [2, 2, 2]
    assert batch["v"].shape == (3, 2)
    with pytest.raises(EmitError, match="numpy cannot read Tensor"):
        encode(layout, {"a": torch.zeros(3, dtype=torch.bfloat16), "v": torch.zeros(3, 2)})


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("BIGINT", np.array([1.0]), r"column 'a' \(BIGINT\) takes int64, float64 may not fit"),
        ("INT", np.array([1]), "takes int32, int64 may not fit"),
        ("BOOLEAN", np.array([1]), "takes bool, int64"),
        ("FLOAT", np.zeros((2, 1)), r"column 'a' has shape \(2, 1\), it must be \(rows,\)"),
        ("BIGINT", 3, "column 'a' is 3, give one value for each row"),
        ("STRING", "abc", "column 'a' is 'abc', give one value for each row"),
        ("DATE", np.array([0], "datetime64[ns]"), "counts D, datetime64.ns. is finer"),
    ],
)
def test_a_shape_or_dtype_that_does_not_fit_is_refused(text, value, message):
    """The error names the column, its type and what came."""
    with pytest.raises(EmitError, match=message):
        encode(layout_of(a=text), {"a": value})


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("TINYINT", [1, 128], "row 1: 128 does not fit"),
        ("BIGINT", [2**63, -1], "row 0: 9223372036854775808 does not fit"),
        ("BIGINT", [1, 2.5], "row 1: 2.5 does not fit"),
        ("BIGINT", ["x"], "row 0: 'x' does not fit"),
        ("BIGINT", [[1], [2]], r"row 0: \[1\] does not fit"),
        ("BIGINT", [1, [2]], r"row 1: \[2\] does not fit"),
        ("BOOLEAN", [True, 2], "row 1: 2 does not fit"),
        ("FLOAT", [0.0, 1e300], "1e.300 is beyond float32"),
        ("FLOAT", np.array([1e300]), "1e.300 is beyond float32"),
        ("INT NOT NULL", [1, None], "column 'a' is NOT NULL, row 1 is null"),
        ("STRING NOT NULL", [None], "column 'a' is NOT NULL, row 0 is null"),
        ("STRING", ["x", b"y"], "row 1: b'y' is bytes"),
        ("BYTES", ["x"], "row 0: 'x' is str"),
        ("STRING", ["\ud800"], "UTF-8 cannot spell"),
        ("DECIMAL(4, 2)", [Decimal("100")], "has more than 2 digits before the point"),
        ("DECIMAL(4, 2)", [Decimal("1.234")], "has more than 2 digits after the point"),
        ("DECIMAL(4, 2)", [Decimal("NaN")], r"row 0: Decimal\('NaN'\)"),
        ("DECIMAL(38, 0)", [10**38], "has more than 38 digits before the point"),
        ("DECIMAL(4, 2)", [1.5], "is float, not Decimal"),
        ("DATE", [dt.datetime(2020, 1, 1, tzinfo=UTC)], "is a datetime"),
        ("TIME(3)", [dt.time(0, 0, 0, 1)], "has microseconds, the column counts ms"),
        ("TIMESTAMP(3)", [dt.datetime(2020, 1, 1, tzinfo=UTC)], "has a time zone"),
        ("TIMESTAMP(3) WITH LOCAL TIME ZONE", [dt.datetime(2020, 1, 1)], "has no time zone"),
        ("TIMESTAMP(9)", [dt.datetime(9999, 1, 1)], "does not fit"),
        ("ARRAY<INT>", [[1], 2], r"column 'a\[\]': 2 is not an array"),
        ("ARRAY<INT NOT NULL>", [[1, None]], r"column 'a\[\]' is NOT NULL"),
        ("ARRAY<TINYINT>", [[1], [1000]], "1000 does not fit"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(text, value, message):
    """The error names the column, the row and the value."""
    with pytest.raises(CodecError, match=message):
        encode(layout_of(a=text), {"a": value})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"score": [1.0], "id": [1], "skore": [1]}, "no output column 'skore': did you mean 'score'"),
        ({"id": [1]}, "no value for output column 'score'"),
        ({"id": [1, 2], "score": [1.0]}, "'score' has 1 rows, 'id' has 2"),
    ],
)
def test_names_and_lengths_must_fit(values, message):
    """Unknown and missing columns and unequal lengths are told apart."""
    with pytest.raises(EmitError, match=message):
        encode(layout_of(id="BIGINT", score="FLOAT"), values)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.zeros((2, 3), np.int64), EmitError, r"group 'v' has shape \(2, 3\), it must be \(rows, 2\)"),
        (np.zeros((2, 2)), EmitError, "group 'v' takes int64, float64 may not fit"),
        ([[1, 2], [3]], EmitError, "its rows are not of one length"),
        ([[1, 2.5]], EmitError, "takes int64, its rows hold float64"),
        ([[2**63, 2**63]], CodecError, "9223372036854775808 is beyond int64"),
        (np.ma.array([[1, 2]], mask=[[True, False]]), CodecError, "holds a null"),
    ],
)
def test_a_tensor_must_fit_its_group(value, error, message):
    """The error names the group, its shape and its dtype."""
    layout = plan_layout(Schema.parse([("v", "ARRAY<BIGINT>")]), {"v": 2})
    with pytest.raises(error, match=message):
        encode(layout, {"v": value})


def test_lists_of_rows_make_a_tensor(through_python):
    """Rows may be lists or arrays; None is NaN in a float tensor."""
    layout = plan_layout(Schema.parse([("v", "ARRAY<FLOAT>")]), {"v": 2})
    assert through_python(layout, {"v": [[1, 2.5], np.ones(2)]})["v"].tolist() == [[1, 2.5], [1, 1]]
    assert np.isnan(through_python(layout, {"v": [[None, 1.0]]})["v"][0, 0])
    assert through_python(layout, {"v": []})["v"].shape == (0, 2)
