"""The rows that are scored: in a file for the generator in Java, and as a batch for the bare loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.rows import PERIOD
from benchmarks.scoring.models import GROUPS, RANGES, SCALES, VOCABULARIES
from ml_framework.codec import RecordBatch, Schema, decode, encode, plan_layout
from torch_integration.batches import Batch

if TYPE_CHECKING:
    from pathlib import Path

FEATURES = (
    *((name, "STRING") for name in VOCABULARIES),
    *((name, "INT") for name in RANGES),
    *((name, "FLOAT") for name in SCALES),
)
COLUMNS = (*FEATURES, ("id", "BIGINT"))
"""`id` comes back: the number of the row, or the time at which it was due."""
_NULLS = dict.fromkeys(SCALES, 0.02) | {"distance": 0.0, "wind_gust": 0.75}
"""Share of rows in which a number is not known, about as in the demo's data."""


def features() -> dict[str, list[Any]]:
    """The columns of the `PERIOD` distinct rows, always the same; None where a number is not known."""
    random = np.random.default_rng(0)
    words = {name: random.choice(words, PERIOD).tolist() for name, words in VOCABULARIES.items()}
    integers = {name: random.integers(1, bound, PERIOD).tolist() for name, bound in RANGES.items()}
    return {**words, **integers, **{name: _numbers(random, name) for name in SCALES}}


def _numbers(random: np.random.Generator, name: str) -> list[float | None]:
    values = random.normal(*SCALES[name], PERIOD).round(2).tolist()
    missing = random.random(PERIOD) < _NULLS[name]
    return [None if null else value for value, null in zip(values, missing, strict=True)]


def write(file: Path) -> None:
    """Leave the rows as `PreparedRows.java` reads them; `id` is 0."""
    rows = zip(*features().values(), strict=True)
    file.write_text(
        "".join("\t".join([*("" if value is None else str(value) for value in row), "0\n"]) for row in rows)
    )


def batch(rows: int) -> Batch:
    """So many rows as our worker gets them, in memory of their own."""
    layout = plan_layout(Schema.parse(FEATURES), GROUPS, timestamps=False, max_rows=rows)
    turns = -(-rows // PERIOD)
    columns: dict[str, Any] = {name: (values * turns)[:rows] for name, values in features().items()}
    for group, names in GROUPS.items():
        columns[group] = np.array(
            [columns.pop(name) for name in names], "f4" if group == "numbers" else "i4"
        ).T
    records: RecordBatch = decode(layout, memoryview(bytearray(b"".join(encode(layout, columns)))))
    return Batch(records, rows, world_size=1)
