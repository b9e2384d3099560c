"""Schemas and layouts: what is read, planned and refused."""

from __future__ import annotations

import json

import pytest
from codec_tables import TYPES

from ml_framework.codec import Column, ColumnType, Layout, Schema, plan_layout
from ml_framework.errors import PlanError

SCHEMA = Schema.parse(
    [
        ("label", "BIGINT NOT NULL"),
        ("price", "FLOAT"),
        ("name", "STRING"),
        ("amount", "FLOAT NOT NULL"),
        ("emb", "ARRAY<FLOAT NOT NULL>"),
        ("at", "TIMESTAMP(3)"),
        ("cost", "DECIMAL(10, 2)"),
        ("tags", "ARRAY<VARCHAR(2147483647)> NOT NULL"),
        ("clicks", "BIGINT"),
    ]
)


@pytest.mark.parametrize("end", ["", " NOT NULL"])
@pytest.mark.parametrize("text", TYPES)
def test_a_type_string_is_read_and_written_alike(text, end):
    """Flink's serializable string of every supported type survives, and so does its JSON."""
    kind = ColumnType.parse(text + end)
    assert str(kind) == text + end
    assert kind.nullable is not bool(end)
    assert ColumnType.from_json(json.loads(json.dumps(kind.to_json()))) == kind


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("DATE", "D"),
        ("TIME(3)", "ms"),
        ("BIGINT", None),
        *((f"TIMESTAMP({precision})", "ms") for precision in range(4)),
        *((f"TIMESTAMP({precision})", "us") for precision in range(4, 7)),
        *((f"TIMESTAMP({precision}) WITH LOCAL TIME ZONE", "ns") for precision in range(7, 10)),
    ],
)
def test_the_unit_of_a_temporal_column_follows_its_precision(text, unit):
    """Days, milliseconds, microseconds or nanoseconds."""
    assert ColumnType.parse(text).unit == unit


@pytest.mark.parametrize(
    "text",
    [
        "ROW<`a` INT>",
        "MAP<INT, INT>",
        "MULTISET<INT>",
        "INTERVAL DAY TO SECOND(3)",
        "RAW('java.lang.Object', '')",
        "ARRAY<ARRAY<INT>>",
        "ARRAY<ROW<`a` INT>>",
        "TIMESTAMP(3) WITH TIME ZONE",
        "INT(3)",
        "NULL",
    ],
)
def test_an_unsupported_type_is_refused_with_column_type_and_remedy(text):
    """The message holds all that is needed to change the query."""
    with pytest.raises(PlanError) as caught:
        Column.parse("payload", text)
    assert "column 'payload'" in str(caught.value)
    assert "flatten it in SQL" in str(caught.value)
    assert text.removeprefix("ARRAY<").removesuffix(">") in str(caught.value)


def test_two_columns_of_one_name_are_refused():
    """Columns are addressed by name."""
    with pytest.raises(PlanError, match="column 'a' is there twice"):
        Schema.parse([("a", "INT"), ("a", "INT")])


def test_columns_of_one_physical_type_lie_together():
    """Blocks gather columns that need not be neighbours; names keep the order of the schema."""
    layout = plan_layout(SCHEMA, {"money": ["amount", "price"], "emb": 16}, timestamps=True, max_rows=7)
    assert [(block.kind.value, block.storage, block.fields, block.width) for block in layout.blocks] == [
        ("matrix", "float32", (3, 1), 2),
        ("vector", "float32", (4,), 16),
        ("columns", "int64", (0, 8), 1),
        ("columns", "int64", (5,), 1),
        ("columns", "int64", (6,), 1),
        ("bytes", "bytes", (2,), 1),
        ("list", "bytes", (7,), 1),
    ]
    assert tuple(layout.index) == ("label", "name", "money", "emb", "at", "cost", "tags", "clicks")
    assert layout.buffers == 1 + 1 + 2 + 2 + 2 + 3 + 5
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"g": ["label", "price"]}, "'label' is BIGINT NOT NULL but 'price' is FLOAT: CAST them to one type"),
        ({"g": ["prize"]}, "group 'g': there is no column 'prize': did you mean 'price'"),
        ({"g": ["at"]}, r"column 'at' is TIMESTAMP\(3\), a matrix takes BOOLEAN"),
        ({"g": ["name"]}, r"column 'name' is VARCHAR\(2147483647\)"),
        ({"g": ["price"], "h": ["price"]}, "column 'price' is in two groups"),
        ({"g": ["price", "price"]}, "names a column twice"),
        ({"g": []}, "give a list of columns"),
        ({"g": "price"}, "give a list of columns"),
        ({"g": 1.5}, "group 'g' is 1.5: give a list of columns"),
        (["price"], r"groups is \['price'\], it must be a mapping, as {'dense': \['a', 'b'\]}"),
        ({"label": ["price"]}, "group 'label' has the name of a column outside it"),
        ({"emb": 0}, "its width is 0, it must be at least 1"),
        ({"price": 3}, "column 'price' is FLOAT, a width is for an ARRAY"),
        ({"tags": 3}, "a width is for an ARRAY of BOOLEAN"),
        ({"enb": 3}, "there is no column 'enb': did you mean 'emb'"),
    ],
)
def test_a_group_that_does_not_fit_is_refused(groups, message):
    """The message names the group, the column and the remedy."""
    with pytest.raises(PlanError, match=message):
        plan_layout(SCHEMA, groups)


def test_a_table_needs_a_column_and_a_frame_a_row():
    """Empty plans are refused."""
    with pytest.raises(PlanError, match="without columns"):
        plan_layout(Schema(()))
    with pytest.raises(PlanError, match="max_rows is 0"):
        plan_layout(SCHEMA, max_rows=0)
