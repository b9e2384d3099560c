"""Every supported type, with hypothesis strategies for its values (as a user would emit and read them)."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ml_framework.codec import Schema, plan_layout

_FLOAT = st.floats(width=32, allow_nan=False)
_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


def _integers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _decimals(precision: int, scale: int) -> st.SearchStrategy[decimal.Decimal]:
    limit = 10**precision - 1
    context = decimal.Context(prec=60)
    return st.integers(-limit, limit).map(lambda number: context.scaleb(decimal.Decimal(number), -scale))


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "BOOLEAN": st.booleans(),
    "TINYINT": _integers(8),
    "SMALLINT": _integers(16),
    "INT": _integers(32),
    "BIGINT": _integers(64),
    "FLOAT": _FLOAT,
    "DOUBLE": st.floats(allow_nan=False),
    "DECIMAL(1, 0)": _decimals(1, 0),
    "DECIMAL(18, 5)": _decimals(18, 5),
    "DECIMAL(19, 0)": _decimals(19, 0),
    "DECIMAL(38, 18)": _decimals(38, 18),
    "CHAR(4)": _TEXT,
    "VARCHAR(2147483647)": _TEXT,
    "BINARY(3)": st.binary(max_size=9),
    "VARBINARY(2147483647)": st.binary(max_size=9),
    "DATE": st.integers(-(10**6), 10**6),
    "TIME(0)": st.integers(0, 86_399_999),
    "TIMESTAMP(0)": st.integers(-(2**40), 2**45),
    "TIMESTAMP(3)": st.integers(-(2**40), 2**45),
    "TIMESTAMP(6)": st.integers(-(2**55), 2**55),
    "TIMESTAMP(9)": _integers(64),
    "TIMESTAMP(3) WITH LOCAL TIME ZONE": st.integers(-(2**40), 2**45),
    "TIMESTAMP(9) WITH LOCAL TIME ZONE": _integers(64),
}
TYPES = (*VALUES, *(f"ARRAY<{name}>" for name in VALUES))


def values_of(text: str) -> st.SearchStrategy[Any]:
    """Values of a type, None among them where it may be null."""
    if text.startswith("ARRAY<"):
        values: st.SearchStrategy[Any] = st.lists(values_of(text[6 : text.rindex(">")]), max_size=4)
    else:
        values = VALUES[text.removesuffix(" NOT NULL")]
    return values if text.endswith(" NOT NULL") else st.one_of(st.none(), values)


@st.composite
def tables(draw: st.DrawFn, max_columns: int = 5, max_rows: int = 20) -> tuple[Any, dict[str, list[Any]]]:
    """A layout and rows for it, as lists by column."""
    ends = st.sampled_from(["", " NOT NULL"])
    types = draw(
        st.lists(st.tuples(st.sampled_from(TYPES), ends).map("".join), min_size=1, max_size=max_columns)
    )
    rows = draw(st.integers(0, max_rows))
    names = [f"c{index}" for index in range(len(types))]
    values = {
        name: draw(st.lists(values_of(text), min_size=rows, max_size=rows))
        for name, text in zip(names, types, strict=True)
    }
    return plan_layout(Schema.parse(zip(names, types, strict=True))), values


def seen(batch: Any, name: str) -> list[Any]:
    """What a batch holds for a column, as the list that was emitted."""
    column = batch[name]
    valid = batch.valid(name).tolist()
    values = column.tolist()
    assert len(values) == len(valid)
    return [value if there else None for value, there in zip(values, valid, strict=True)]


def all_types(*, not_null: bool) -> tuple[Any, dict[str, list[Any]]]:
    """One table of every type, with the values at the ends of its range, nulls, unicode, and emptiness."""
    examples: dict[str, list[Any]] = {
        "BOOLEAN": [True, False],
        "FLOAT": [1.5, -0.0, float("inf"), 2.0**127],
        "DOUBLE": [1e300, -0.0, float("-inf")],
        "VARCHAR(2147483647)": ["", "ascii", "snö 雪 🌨", "a\0b", "x" * 300],
        "CHAR(4)": ["", "four"],
        "VARBINARY(2147483647)": [b"", b"\0\xff", bytes(range(256))],
        "BINARY(3)": [b"", b"abc"],
        "DATE": [0, -1, 19_000],
        "TIME(0)": [0, 86_399_999],
        "DECIMAL(1, 0)": [decimal.Decimal(-9), decimal.Decimal(9)],
        "DECIMAL(18, 5)": [decimal.Decimal("-9999999999999.99999"), decimal.Decimal("0.00001")],
        "DECIMAL(19, 0)": [decimal.Decimal(10**19 - 1), decimal.Decimal(-(10**19) + 1), decimal.Decimal(-1)],
        "DECIMAL(38, 18)": [
            decimal.Decimal("-99999999999999999999.999999999999999999"),
            decimal.Decimal("0E-18"),
        ],
        "TINYINT": [-128, 127],
        "SMALLINT": [-(2**15), 2**15 - 1],
        "INT": [-(2**31), 2**31 - 1],
    }
    extremes = [-(2**63), 2**63 - 1, -1, 0]
    milliseconds = [-62_135_596_800_000, -1, 0, 253_402_300_799_999]
    values: dict[str, list[Any]] = {}
    types: list[tuple[str, str]] = []
    for name in VALUES:
        small = name.startswith("TIMESTAMP") and name[10] in "03"
        scalars = examples.get(name, milliseconds if small else extremes)
        if name == "TIMESTAMP(6)":
            scalars = [value * 1000 + 1 for value in milliseconds]
        arrays = [scalars, [], scalars[:1]]
        if not not_null:
            scalars, arrays = [None, *scalars, None], [None, [None], [scalars[0], None], *arrays]
        end = " NOT NULL" if not_null else ""
        types += [(name, f"{name}{end}"), (f"{name}[]", f"ARRAY<{name}{end}>{end}")]
        values |= {name: scalars, f"{name}[]": arrays}
    rows = 70  # more than a line of the cache, and no multiple of one
    repeated = {name: [column[row % len(column)] for row in range(rows)] for name, column in values.items()}
    return plan_layout(Schema.parse(types), timestamps=True), repeated


def times(rows: int) -> np.ndarray[Any, Any]:
    """Timestamps of rows, one of them absent."""
    stamps = np.arange(rows, dtype=np.int64) * 1000
    stamps[:1] = np.iinfo(np.int64).min
    return stamps
