"""SQL's door: what `ML_PREDICT` answers is right, once, in order, however large."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from pyflink.table import DataTypes
from support.flink import by_subtask, collect, make_flink
from support.sql import make_sql

from benchmarks.scoring import flights, models
from torch_integration import inference

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.flink

ROOT = str(Path(__file__).parents[2])
FLIGHTS = {"STRING": DataTypes.STRING(), "INT": DataTypes.INT(), "FLOAT": DataTypes.FLOAT()}


def bits(scores: Iterable[tuple[int, float]]) -> dict[int, int]:
    """By id, the score as its 32 bits."""
    return {number: int(np.float32(score).view(np.uint32)) for number, score in scores}


def test_both_doors_score_the_flights_alike(tmp_path: Path) -> None:
    """Bit for bit, with nulls: the model of the demo, by its weights, a factory and a preprocess.

    In batches of one row, for another number of rows adds up in another order, and how many come together
    is chance at either door.
    """
    weights, count = tmp_path / "flights.pt", 2000
    torch.save(models.flight_model().state_dict(), weights)
    columns = {name: FLIGHTS[kind] for name, kind in flights.FEATURES}
    distinct = list(zip(*flights.features().values(), strict=True))
    rows = [(*distinct[number % len(distinct)], number) for number in range(count)]

    types = DataTypes.ROW(
        [DataTypes.FIELD(name, kind) for name, kind in {**columns, "id": DataTypes.BIGINT()}.items()]
    )
    flink, sql = make_flink(parallelism=1), make_sql(tmp_path)
    scored = inference(
        flink.job,
        flink.tables.from_elements(rows, types),
        weights,
        factory=models.flight_model,
        preprocess=models.encode,
        groups=models.GROUPS,
        output=[("score", DataTypes.FLOAT())],
        carry=["id"],
        threads=1,
        max_batch=1,
    )
    sql.tables.create_temporary_view("numbers", sql.tables.from_elements(rows, types))
    sql.model(
        weights,
        columns=", ".join(f"`{name}` {kind}" for name, kind in flights.FEATURES),
        output="score FLOAT",
        format="state-dict",
        factory="benchmarks.scoring.models:flight_model",
        preprocess="benchmarks.scoring.models:encode",
        groups="; ".join(f"{name}={','.join(names)}" for name, names in models.GROUPS.items()),
        python_path=ROOT,
        threads="1",
        max_batch="1",
    )
    names = ", ".join(f"`{name}`" for name in columns)
    found = bits(collect(sql.query("id, score", columns=names)))
    assert sorted(found) == list(range(count))
    assert len(set(found.values())) > len(distinct) / 2
    assert found == bits(collect(scored.rows))


def test_every_row_is_answered_once_and_in_order(tmp_path: Path, line: Path) -> None:
    """By two subtasks, each with a process of its own."""
    count = 40_000
    sql = make_sql(tmp_path, parallelism=2)
    sql.sequence(count)
    sql.model(line)
    sql.insert("id, CAST(y AS BIGINT)", "id BIGINT, y BIGINT", tmp_path / "rows").wait()
    subtasks = by_subtask(tmp_path / "rows")
    assert len(subtasks) == 2
    assert all(rows == sorted(rows) for rows in subtasks)
    found = sorted(row for rows in subtasks for row in rows)
    assert found == [(number, 3 * number) for number in range(1, count + 1)]


def test_rows_wait_for_their_batch_and_come_out_at_the_end(tmp_path: Path, line: Path) -> None:
    sql = make_sql(tmp_path)
    sql.sequence(20)
    sql.model(
        line,
        output="y FLOAT, batch BIGINT",
        postprocess="sql_programs:with_rows",
        max_batch="8",
        max_delay="3 s",
    )
    found = collect(sql.query("id, y, batch"))
    assert found == [(number, 3.0 * number, 8 if number <= 16 else 4) for number in range(1, 21)]


def test_a_row_that_is_larger_than_the_queues_passes_both_ways(tmp_path: Path, line: Path) -> None:
    """A word of 24 MB, between short ones."""
    sql = make_sql(tmp_path)
    sql.rows("(1, 2), (2, 24000000), (3, 4)")
    sql.tables.execute_sql(
        "CREATE TEMPORARY VIEW words AS SELECT id, REPEAT('ab', CAST(x AS INT) / 2) AS word FROM numbers"
    )
    sql.model(
        line,
        columns="word STRING",
        output="same STRING",
        preprocess="sql_programs:aside",
        postprocess="sql_programs:again",
    )
    query = sql.query("id, CHAR_LENGTH(same), same = CONCAT(word, '!')", table="words", columns="word")
    assert collect(query) == [(1, 3, True), (2, 24_000_001, True), (3, 5, True)]
