"""Frames of columns: the rows of a table as they pass between the JVM and the user's process.

A `Schema` is read from Flink's types. `plan_layout` decides once, at planning, how its columns lie in a
frame; both ends execute that `Layout`. `decode` shows a frame as a `RecordBatch` in place, `encode` makes the
parts of a frame, and a `Codec` above the columns decides what user code sees.

>>> schema = Schema.parse([("id", "BIGINT NOT NULL"), ("name", "VARCHAR(2147483647)")])
>>> layout = plan_layout(schema)
>>> frame = b"".join(encode(layout, {"id": [1, 2], "name": ["Ada", None]}))
>>> batch = decode(layout, memoryview(frame))
>>> batch["id"], batch["name"].tolist()
(array([1, 2]), ['Ada', None])
"""

from ml_framework.codec.base import Codec, check_one_column, find, register
from ml_framework.codec.batch import RecordBatch, concat, empty
from ml_framework.codec.blocks import Arrays
from ml_framework.codec.columns import decode, encode, encode_batch
from ml_framework.codec.layout import NO_COLUMNS, Layout, plan_layout
from ml_framework.codec.schema import Column, ColumnType, Schema
from ml_framework.codec.sequences import Binary, Decimals, Strings

__all__ = [
    "NO_COLUMNS",
    "Arrays",
    "Binary",
    "Codec",
    "Column",
    "ColumnType",
    "Decimals",
    "Layout",
    "RecordBatch",
    "Schema",
    "Strings",
    "check_one_column",
    "concat",
    "decode",
    "empty",
    "encode",
    "encode_batch",
    "find",
    "plan_layout",
    "register",
]
