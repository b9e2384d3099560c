"""Record batches: views, copies, and the columns that numpy has no dtype for."""

from __future__ import annotations

import sys
from decimal import Decimal

import numpy as np
import pytest
from codec_tables import all_types, seen, tables, times
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_framework.codec import Schema, Strings, concat, decode, empty, encode, plan_layout, sequences


@given(tables(), st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=60)
def test_slices_hold_the_rows_and_concat_joins_them(table, start, stop):
    """A slice is the same rows, and the parts of a batch make the whole again."""
    layout, values = table
    batch = decode(layout, memoryview(b"".join(encode(layout, values))))
    part = batch.slice(start, stop)
    assert {name: seen(part, name) for name in part.names} == {n: v[start:stop] for n, v in values.items()}
    cut = min(start, batch.rows)
    whole = concat([batch.slice(0, cut), empty(layout), batch.slice(cut, batch.rows)])
    assert whole.rows == batch.rows
    assert {name: seen(whole, name) for name in whole.names} == values
    again = decode(layout, memoryview(b"".join(encode(layout, {n: part[n] for n in part.names}))))
    assert again.rows == part.rows


def test_a_batch_is_a_view_and_a_copy_is_not(frame_of):
    """Slices and columns share the frame's memory; `copy` outlives it."""
    layout = plan_layout(Schema.parse([("a", "INT"), ("s", "STRING")]), timestamps=True)
    frame = bytearray(frame_of(layout, {"a": [1, 2, 3], "s": ["x", None, "z"]}, [7, 8, 9]))
    batch = decode(layout, memoryview(frame))
    part, copy = batch.slice(1, 3), batch.slice(1, 3).copy()
    frame[64:] = bytes(len(frame) - 64)
    assert part["a"].tolist() == [0, 0]
    assert copy["a"].tolist() == [2, 3]
    assert copy["s"].tolist() == [None, "z"]
    assert copy.timestamps.tolist() == [8, 9]


def test_every_type_survives_a_copy(through_python):
    """Including nulls and timestamps."""
    layout, values = all_types(not_null=False)
    batch = through_python(layout, values, times(70))
    copy = concat([batch.slice(0, 9), batch.slice(9, 70)])
    assert {name: seen(copy, name) for name in copy.names} == values
    assert copy.timestamps.tolist() == times(70).tolist()


def test_an_empty_batch_has_the_dtypes_and_shapes_of_its_layout(through_python):
    """So that code which looks at them needs no special case."""
    layout, values = all_types(not_null=True)
    nothing, something = empty(layout), through_python(layout, values)
    assert nothing.rows == len(nothing) == 0
    for name in layout.index:
        assert type(nothing[name]) is type(something[name])
        assert len(nothing[name]) == len(nothing.valid(name)) == 0
        if isinstance(nothing[name], np.ndarray):
            assert nothing[name].dtype == something[name].dtype
    tensors = plan_layout(Schema.parse([("a", "INT"), ("v", "ARRAY<DOUBLE>")]), {"m": ["a"], "v": 4})
    assert empty(tensors)["m"].shape == (0, 1)
    assert empty(tensors)["v"].shape == (0, 4)


def test_blocks_are_the_columns_that_lie_together(through_python):
    """Whole blocks can be converted at once; their rows are the columns."""
    layout = plan_layout(
        Schema.parse([("a", "BIGINT"), ("d", "DECIMAL(4, 2)"), ("f", "FLOAT"), ("b", "BIGINT")])
    )
    batch = through_python(layout, {"a": [1, 2], "d": [None, 1], "f": [0.5, 1.5], "b": [3, 4]})
    blocks = {names: values.tolist() for names, values in batch.blocks()}
    assert blocks == {("a", "b"): [[1, 2], [3, 4]], ("f",): [[0.5, 1.5]]}
    with pytest.raises(KeyError, match="there is no column 'c'"):
        batch["c"]


def test_decimals_keep_their_scale(through_python):
    """1 in a DECIMAL(4, 2) column is 1.00."""
    column = through_python(
        plan_layout(Schema.parse([("d", "DECIMAL(4, 2)")])), {"d": [1, None, Decimal("-0.5")]}
    )["d"]
    assert [str(value) for value in column] == ["1.00", "None", "-0.50"]
    assert column[1:].tolist() == [None, Decimal("-0.50")]


def test_arrays_are_arrays(through_python):
    """Numbers are numpy arrays, masked where they hold nulls; strings are lazy."""
    layout = plan_layout(Schema.parse([("n", "ARRAY<INT>"), ("s", "ARRAY<STRING>")]))
    batch = through_python(layout, {"n": [[1, None], [2], None], "s": [["a"], [], None]})
    assert batch["n"][0].tolist() == [1, None]
    assert batch["n"][1].dtype == np.int32
    assert batch["n"].lengths.tolist() == [2, 1, 0]
    assert isinstance(batch["s"][0], Strings)
    assert batch["s"].tolist() == [["a"], [], None]


@pytest.fixture(params=["pyarrow", "plain"])
def arrow(request, monkeypatch):
    """With pyarrow, and as if it were not installed."""
    sequences._pyarrow.cache_clear()
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    else:
        pytest.importorskip("pyarrow")
    yield
    sequences._pyarrow.cache_clear()


@pytest.mark.usefixtures("arrow")
@pytest.mark.parametrize(
    "values",
    [["b", None, "a", "b", ""], ["é", "b", None], ["b", "a"], [None, None], [], ["é", None, "b"] * 100],
    ids=lambda values: repr(values[:5]),
)
def test_strings_are_lists_codes_and_dictionaries(values):
    """The same with and without pyarrow, for slices too; null is -1."""
    for column, expected in [(Strings.of(values), values), (Strings.of(["x", *values, "y"])[1:-1], values)]:
        distinct = list(dict.fromkeys(value for value in expected if value is not None))
        assert column.tolist() == expected == list(column)
        assert column.lengths.tolist() == [len((value or "").encode()) for value in expected]
        codes, found = column.dictionary()
        assert found == distinct
        assert codes.dtype == np.int64
        assert codes.tolist() == [-1 if value is None else distinct.index(value) for value in expected]
        known = {"a": 5, "b": 7}
        assert column.codes(known).tolist() == [known.get(value, -1) for value in expected]
        assert column.codes(["b"], unknown=9).tolist() == [0 if value == "b" else 9 for value in expected]
        large = {**{str(code): code for code in range(400)}, "é": 400}
        assert column.codes(large).tolist() == [400 if value == "é" else -1 for value in expected]


def test_a_lazy_column_is_a_sequence():
    """Indexes from both ends, slices with steps, and a short repr."""
    column = Strings.of(["a", None, "c", "d"])
    assert (column[0], column[1], column[-1]) == ("a", None, "d")
    assert column[::-1] == ["d", "c", None, "a"]
    assert column[3:1].tolist() == []
    assert repr(column) == "Strings(['a', None, 'c', 'd'], rows=4)"
    with pytest.raises(IndexError):
        column[4]
