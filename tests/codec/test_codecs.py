"""Codecs above the columns."""

from __future__ import annotations

import pytest

from ml_framework.codec import Codec, Schema, decode, encode, find, plan_layout, register
from ml_framework.errors import CodecError, PlanError

TEXT = Schema.parse([("line", "STRING")])
BYTES = Schema.parse([("line", "BYTES")])


def through(codec, schema, values):
    codec.validate(schema)
    layout = plan_layout(schema)
    return codec.decode(decode(layout, memoryview(b"".join(encode(layout, codec.encode(values, schema))))))


@pytest.mark.parametrize(
    ("name", "schema", "values"),
    [
        ("raw", BYTES, [b"", b"\0\xff", None]),
        ("raw", TEXT, ["é".encode(), b""]),
        ("json", TEXT, [{"a": [1, None, "é"]}, 3, None]),
        ("json", BYTES, [[], "x"]),
        ("pickle", BYTES, [{1, 2}, (3,), None]),
    ],
)
def test_objects_come_back(name, schema, values):
    """One object a row, None for null."""
    assert through(find(name), schema, values) == values


def test_the_columns_codec_changes_nothing():
    """Batches and values pass as they are."""
    values = {"line": ["x"]}
    assert find("columns").encode(values, TEXT) is values
    batch = decode(plan_layout(TEXT), memoryview(b"".join(encode(plan_layout(TEXT), values))))
    assert find("columns").decode(batch) is batch


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("raw", Schema.parse([("a", "INT")])),
        ("json", Schema.parse([("a", "STRING"), ("b", "STRING")])),
        ("pickle", TEXT),
    ],
)
def test_a_codec_names_the_schema_that_it_does_not_take(name, schema):
    """The plan fails with the codec, what it takes, and what it got."""
    with pytest.raises(PlanError, match=f"codec '{name}' takes one .* column, the table has: (a|line) "):
        find(name).validate(schema)


def test_a_value_without_a_form_names_column_and_codec():
    """Sets are no JSON."""
    with pytest.raises(CodecError, match=r"column 'line': codec 'json' cannot write \{1\}"):
        find("json").encode([{1}], TEXT)


class Upper(Codec):
    """Text in capitals."""

    name = "upper"

    def validate(self, schema):
        pass

    def decode(self, batch):
        return [value.upper() for value in batch["line"]]

    def encode(self, values, schema):
        return {"line": values}


def test_codecs_are_found_by_object_name_or_path(monkeypatch):
    """An object passes, a registered one has its name, another is imported."""
    monkeypatch.setattr("ml_framework.codec.base._codecs", {})
    codec = Upper()
    assert find(codec) is codec
    with pytest.raises(PlanError, match="there is no codec 'upper'"):
        find("upper")
    register(codec)
    register(codec)
    assert find("upper") is codec
    with pytest.raises(PlanError, match="there is a codec 'upper' already"):
        register(Upper())
    monkeypatch.setattr("ml_framework.codec.layout.UPPER", codec, raising=False)
    assert through(find("ml_framework.codec.layout:UPPER"), TEXT, ["x"]) == ["X"]
    with pytest.raises(PlanError, match="cannot be imported"):
        find("ml_framework.codec.layout:LOWER")
    with pytest.raises(PlanError, match="it must be a Codec"):
        find("ml_framework.codec.layout:Layout")
