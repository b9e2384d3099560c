"""Event time goes through the user's process: timestamps with the rows, watermarks behind them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import torch
from pyflink.common import Types
from pyflink.table import DataTypes, Schema, Table
from support.flink import Flink, cancel, collect, make_flink, program

from ml_framework.inference import publish
from torch_integration import inference

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.flink

START = datetime(2024, 1, 1)
STEP = timedelta(milliseconds=100)


@pytest.fixture
def flink() -> Flink:
    """With a watermark every 5 ms at most, and rows in order up to the role."""
    return make_flink(parallelism=1, pipeline__auto_watermark_interval="5 ms", table__local_time_zone="UTC")


def time_of(x: int) -> datetime:
    """The event time of row x."""
    return START + x * STEP


def timed(flink: Flink, rows: int, rows_a_second: int = 1_000_000) -> Table:
    """Rows 1 … `rows` with a time attribute, one each 100 ms; the watermark is as tight as can be."""
    flink.tables.execute_sql(f"""
        CREATE TEMPORARY TABLE events (
            x BIGINT,
            ts AS TIMESTAMPADD(SECOND, CAST(x / 10 AS INT), TIMESTAMP '{START}.000')
                + CAST(MOD(x, 10) AS INT) * INTERVAL '0.1' SECOND,
            WATERMARK FOR ts AS ts
        ) WITH (
            'connector' = 'datagen', 'rows-per-second' = '{rows_a_second}', 'fields.x.kind' = 'sequence',
            'fields.x.start' = '1', 'fields.x.end' = '{rows}'
        )""")
    return flink.tables.from_path("events")


def test_rowtime_drives_windows_behind_the_role(flink: Flink) -> None:
    """Every row falls into its window: none is late, none is counted twice."""
    table = flink.job.add_role(
        "worker",
        runner=program("echo"),
        parallelism=2,
        input=timed(flink, 20_000),
        output=[("x", DataTypes.BIGINT()), ("ts", DataTypes.TIMESTAMP(3))],
        rowtime="ts",
    )
    flink.tables.create_temporary_view("answers", table)
    windows = collect(
        flink.tables.sql_query("""
            SELECT window_start, COUNT(*), SUM(x)
            FROM TABLE(TUMBLE(TABLE answers, DESCRIPTOR(ts), INTERVAL '10' MINUTE))
            GROUP BY window_start, window_end""")
    )
    expected = [(START + timedelta(minutes=10) * k, window_rows(k)) for k in range(4)]
    assert sorted(windows) == [(start, len(rows), sum(rows)) for start, rows in expected]


def window_rows(k: int) -> range:
    """The rows in the k-th ten minutes."""
    return range(max(1, k * 6_000), min(20_000, k * 6_000 + 5_999) + 1)


def assert_none_is_late(rows: Iterable[tuple[datetime, datetime | None]]) -> None:
    """Each row came before the watermark that covers it, and watermarks did come meanwhile."""
    seen = list(rows)
    assert [row for row in seen if row[1] is not None and row[0] <= row[1]] == []
    assert len({mark for _, mark in seen}) > 2


def test_a_row_without_rowtime_carries_the_time_of_its_batch(flink: Flink) -> None:
    """The largest time of the seven rows last handed out; rows that are carried hold the watermark back."""
    stream = flink.job.add_role(
        "worker",
        runner=program("watermark_probe"),
        input=timed(flink, 1_503, 1_000),
        max_rows=64,
        output=Types.ROW_NAMED(["x"], [Types.LONG()]),
    )
    schema = (
        Schema.new_builder()
        .column("x", "BIGINT")
        .column_by_metadata("ts", "TIMESTAMP_LTZ(3)", "rowtime")
        .watermark("ts", "SOURCE_WATERMARK()")
        .build()
    )
    flink.tables.create_temporary_view("answers", flink.tables.from_data_stream(stream, schema))
    rows: list[Any] = collect(
        flink.tables.sql_query(
            "SELECT x, CAST(ts AS TIMESTAMP(3)), CAST(CURRENT_WATERMARK(ts) AS TIMESTAMP(3)) FROM answers"
        )
    )
    assert [row[:2] for row in rows] == [(x, time_of(min(-(-x // 7) * 7, 1_503))) for x in range(1, 1_504)]
    assert_none_is_late(row[1:] for row in rows)


def test_watermarks_stay_behind_the_rows_of_two_nodes(flink: Flink) -> None:
    """With a rowtime column as well."""
    table = flink.job.add_role(
        "worker",
        runner=program("echo_in_sevens"),
        parallelism=2,
        input=timed(flink, 1_500, 1_000),
        output=[("x", DataTypes.BIGINT()), ("ts", DataTypes.TIMESTAMP(3))],
        rowtime="ts",
    )
    flink.tables.create_temporary_view("answers", table)
    rows: list[Any] = collect(flink.tables.sql_query("SELECT x, ts, CURRENT_WATERMARK(ts) FROM answers"))
    assert sorted(row[:2] for row in rows) == [(x, time_of(x)) for x in range(1, 1_501)]
    assert_none_is_late(row[1:] for row in rows)


def test_a_control_stream_without_time_holds_no_window_back(flink: Flink, tmp_path: Path) -> None:
    """Though it never ends, and has no watermark of its own."""
    torch.save({}, tmp_path / "identity.pt")
    publish(tmp_path / "identity.pt", tmp_path / "models")
    flink.tables.execute_sql("""
        CREATE TEMPORARY TABLE control (number INT) WITH (
            'connector' = 'datagen', 'rows-per-second' = '1',
            'fields.number.min' = '1', 'fields.number.max' = '1'
        )""")
    scored = inference(
        flink.job,
        timed(flink, 30_000, rows_a_second=10_000),
        tmp_path / "models",
        inputs=["x"],
        factory=torch.nn.Identity,
        output=[("y", DataTypes.BIGINT())],
        carry=["x", "ts"],
        rowtime="ts",
        control=flink.tables.from_path("control"),
        parallelism=2,
    )
    flink.tables.create_temporary_view("answers", scored.rows)
    result = flink.tables.sql_query("""
        SELECT window_start, COUNT(*), SUM(y)
        FROM TABLE(TUMBLE(TABLE answers, DESCRIPTOR(ts), INTERVAL '10' MINUTE))
        GROUP BY window_start, window_end""").execute()
    with result.collect() as windows:
        found = [tuple(next(windows)) for _ in range(2)]
    cancel(result.get_job_client())
    expected = [(START + timedelta(minutes=10) * k, window_rows(k)) for k in range(2)]
    assert found == [(start, len(rows), sum(rows)) for start, rows in expected]
