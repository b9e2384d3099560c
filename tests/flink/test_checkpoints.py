"""Barriers go through the user's process, in line with the rows."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from pyflink.table import DataTypes, Table
from support.flink import Flink, insert, make_flink, program

pytestmark = pytest.mark.flink

X = [("x", DataTypes.BIGINT())]
XY = [("x", DataTypes.BIGINT()), ("y", DataTypes.BIGINT())]


@pytest.fixture
def flink(tmp_path: Path) -> Flink:
    """With a checkpoint every 200 ms, and one restart by Flink."""
    return make_flink(
        execution__checkpointing__interval="200 ms",
        execution__checkpointing__dir=f"file://{tmp_path}/checkpoints",
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__attempts="1",
        restart_strategy__fixed_delay__delay="100 ms",
    )


def slow_sequence(flink: Flink, rows: int, rows_a_second: int) -> Table:
    """x = 1 … rows, at a pace that checkpoints can keep up with."""
    flink.tables.execute_sql(f"""
        CREATE TEMPORARY TABLE numbers (x BIGINT) WITH (
            'connector' = 'datagen', 'rows-per-second' = '{rows_a_second}', 'fields.x.kind' = 'sequence',
            'fields.x.start' = '1', 'fields.x.end' = '{rows}', 'scan.parallelism' = '1'
        )""")
    return flink.tables.from_path("numbers")


def committed(folder: Path) -> list[tuple[int, ...]]:
    """The rows in the files that a filesystem sink has committed."""
    rows = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(("_", ".")):
            with path.open(newline="") as lines:
                rows += [tuple(map(int, line)) for line in csv.reader(lines)]
    return rows


def test_every_row_is_answered_exactly_once_across_a_failure(flink: Flink, tmp_path: Path) -> None:
    """After the third checkpoint a process fails; Flink goes on from the last one, and no row is lost or doubled."""
    table = flink.job.add_role(
        "worker",
        runner=program("fail_after_checkpoints", folder=str(tmp_path), checkpoints=3),
        parallelism=2,
        input=slow_sequence(flink, 2_500, 1_000),
        output=XY,
        max_rows=16,
    )
    client = insert(table, "filesystem", path=f"file://{tmp_path}/rows", format="csv")
    flink.job.wait(client)
    assert sorted(committed(tmp_path / "rows")) == [(x, x + 1) for x in range(1, 2_501)]
    first_rows = {path.name: int(path.read_text()) for path in tmp_path.glob("worker-*")}
    assert {name for name in first_rows if name.endswith("-1")} == {"worker-0-1", "worker-1-1"}
    assert min(first_rows["worker-0-1"], first_rows["worker-1-1"]) > 2  # it did not begin anew


def test_checkpoints_go_on_after_data_has_ended(flink: Flink, tmp_path: Path) -> None:
    """Roles whose data has ended, with and without output, and a serving role hold no checkpoint back."""
    folder = str(tmp_path)
    flink.job.add_role("ps", runner=program("serve_forever", folder=folder), kind="serves")
    flink.job.add_role("sink", runner=program("collect", folder=folder), parallelism=2, input=flink.sequence(10))
    table = flink.job.add_role(
        "map", runner=program("echo", folder=folder), parallelism=2, input=flink.sequence(10), output=X
    )
    flink.job.add_role("watcher", runner=program("await_checkpoints", folder=folder, checkpoints=3))
    client = insert(table)
    flink.job.wait(client)
    before, after = map(int, (tmp_path / "watcher").read_text().split())
    assert after >= before + 3
