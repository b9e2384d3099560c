"""Python and Java read and write the same bytes: frames go to Java, through Flink's serializers, and back."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from codec_tables import all_types, seen, tables, times
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ml_framework.codec import Schema, decode, plan_layout
from ml_framework.errors import ProtocolError


def test_every_type_comes_back_bit_for_bit(java, frame_of):
    """All types, null or not, at the ends of their ranges, with timestamps; and frames without rows."""
    cases = []
    for not_null in (True, False):
        layout, values = all_types(not_null=not_null)
        rows = len(values["INT"])
        none = {name: [] for name in values}
        some = {name: column[3:5] for name, column in values.items()}  # some columns have no null here
        frames = [
            frame_of(layout, values, times(rows)),
            frame_of(layout, none, []),
            frame_of(layout, some, [1, 2]),
        ]
        cases.append((layout, frames))
    answers = java(*cases)
    sent = [frame for _, frames in cases for frame in frames]
    assert answers[0::2] == sent
    assert answers[1::2] == sent
    layout, values = all_types(not_null=False)
    batch = decode(layout, memoryview(answers[6]))
    assert {name: seen(batch, name) for name in batch.names} == values


def test_groups_come_back_bit_for_bit(java, frame_of):
    """Matrices and vectors of every number type, with columns of the same type outside them."""
    numbers = ["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE"]
    types = [(f"{text}{index}", text) for text in numbers for index in range(4)]
    types += [(f"v_{text}", f"ARRAY<{text}>") for text in numbers]
    groups = {f"m_{text}": [f"{text}2", f"{text}0", f"{text}3"] for text in numbers}
    layout = plan_layout(Schema.parse(types), {**groups, **{f"v_{text}": 5 for text in numbers}})
    random = np.random.default_rng(7)
    shapes = {f"m_{text}": 3 for text in numbers} | {f"v_{text}": 5 for text in numbers}
    dtypes = dict(zip(numbers, ["bool", "i1", "i2", "i4", "i8", "f4", "f8"], strict=True))
    values = {
        name: random.integers(-9, 9, (33, width)).astype(dtypes[name[2:]]) for name, width in shapes.items()
    }
    values |= {f"{text}1": random.integers(0, 2, 33).astype(dtypes[text]) for text in numbers}
    values["m_FLOAT"][0, 0] = values["v_DOUBLE"][1, 1] = np.nan
    sent = frame_of(layout, values)
    assert java((layout, [sent])) == [sent, sent]


def test_random_tables_come_back_bit_for_bit(java, frame_of):
    """Many small tables of random types and values, in one run of the JVM."""
    cases = []

    @settings(
        max_examples=60, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(tables(), st.booleans())
    def collect(table, stamped):
        layout, values = table
        rows = len(next(iter(values.values())))
        layout = type(layout)(layout.schema, layout.blocks, stamped, layout.max_rows)
        cases.append((layout, [frame_of(layout, values, times(rows) if stamped else None)]))

    collect()
    answers = java(*cases)
    assert answers == [frame for _, frames in cases for frame in frames for _ in range(2)]


def test_a_frame_is_full_by_its_rows_or_its_bytes(java, frame_of):
    """Java ends a frame after `max_rows` rows, or a mebibyte of strings and arrays."""
    schema = Schema.parse([("a", "INT"), ("s", "STRING")])
    layout = plan_layout(schema, max_rows=10)
    many = frame_of(layout, {"a": range(25), "s": ["x"] * 25})
    large = frame_of(layout, {"a": range(5), "s": ["x" * 400_000] * 5})
    answers = [decode(layout, memoryview(answer)) for answer in java((layout, [many, large]))]
    assert [batch.rows for batch in answers] == [10, 10, 5] * 2 + [3, 2] * 2
    assert [value for batch in answers[:3] for value in batch["a"].tolist()] == list(range(25))


def test_a_broken_frame_is_refused_at_both_ends(java, frame_of):
    """A frame that does not follow its layout is an error, not garbage."""
    layout = plan_layout(Schema.parse([("a", "INT NOT NULL"), ("s", "STRING NOT NULL")]))
    sound = frame_of(layout, {"a": [1, 2], "s": ["x", "y" * 70]})
    offsets = 128  # after the header and the values of a
    assert struct.unpack_from("<3I", sound, offsets) == (0, 1, 71)
    broken = {
        "has no header": sound[:8],
        "its layout has 4": sound[:8] + struct.pack("<I", 9) + sound[12:],
        "should have 320 bytes": struct.pack("<I", 70) + sound[4:],
        "cannot have 2147483647 rows": struct.pack("<I", 2**31 - 1) + sound[4:],
        "should have 71 bytes": sound[:-64],
        "do not grow from 0": sound[: offsets + 4] + struct.pack("<I", 99) + sound[offsets + 8 :],
    }
    answers = java((layout, list(broken.values())))
    for answer, message in zip(answers, broken, strict=True):
        assert message in answer.decode()
    for frame in broken.values():
        with pytest.raises(ProtocolError):
            decode(layout, memoryview(frame))


def test_java_names_the_column_that_a_tensor_cannot_hold(java, frame_of):
    """Nulls in integer groups and arrays of another width name column and remedy; a null float is NaN."""
    schema = Schema.parse([("a", "BIGINT"), ("f", "FLOAT"), ("v", "ARRAY<INT>"), ("t", "TIMESTAMP(9)")])
    plain = plan_layout(schema)
    sent = {"a": [None], "f": [None], "v": [[1, None]], "t": [0]}
    cases = {
        "'a' is null": (plan_layout(schema, {"m": ["a"]}), sent),
        "'v' has an array of 2 elements": (plan_layout(schema, {"v": 3}), sent),
        "'v' has a null element": (plan_layout(schema, {"v": 2}), sent),
        "'v' is null": (plan_layout(schema, {"v": 2}), {**sent, "v": [None]}),
    }
    for message, (grouped, values) in cases.items():
        answers = java((plain, [frame_of(plain, values)]), write_as=grouped)
        assert message in answers[0].decode(), answers
    floats = plan_layout(schema, {"m": ["f"]})
    copied, _ = java((plain, [frame_of(plain, sent)]), write_as=floats)
    assert np.isnan(decode(floats, memoryview(copied))["m"]).all()
