"""Barriers go through the user's process, in line with the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes
from support.flink import committed, make_flink, program

from ml_framework.testing.waiting import eventually
from ml_operator import JobConfig

if TYPE_CHECKING:
    from pathlib import Path

    from support.flink import Flink

pytestmark = pytest.mark.flink

X = [("x", DataTypes.BIGINT())]
XY = [("x", DataTypes.BIGINT()), ("y", DataTypes.BIGINT())]
ROWS = 300_000
ENDLESS = 10**12


def checkpointed(folder: Path, parallelism: int = 2, **options: str) -> Flink:
    """With a checkpoint every 100 ms, one restart by Flink, and little room for rows on their way."""
    return make_flink(
        JobConfig(queue_bytes=1 << 16),
        parallelism,
        execution__checkpointing__interval="100 ms",
        taskmanager__memory__segment_size="4 kb",
        execution__checkpointing__dir=f"file://{folder}/checkpoints",
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__attempts="1",
        restart_strategy__fixed_delay__delay="100 ms",
        **options,
    )


@pytest.mark.parametrize(
    ("nodes", "unaligned"),
    [
        pytest.param(2, "false", id="behind a network edge"),
        pytest.param(2, "true", id="barriers overtake rows"),
        pytest.param(1, "false", id="chained to the source"),
    ],
)
def test_every_row_is_answered_exactly_once_across_a_failure(
    tmp_path: Path, nodes: int, unaligned: str
) -> None:
    """A process fails after the second checkpoint, Flink goes on from the last: nothing lost or doubled."""
    flink = checkpointed(tmp_path, nodes, execution__checkpointing__unaligned__enabled=unaligned)
    table = flink.job.add_role(
        "worker",
        runner=program("fail_after_checkpoints", folder=str(tmp_path), checkpoints=2),
        parallelism=nodes,
        input=flink.sequence(ROWS),
        output=XY,
        max_rows=64,
    )
    client = flink.insert(table, "filesystem", path=f"file://{tmp_path}/rows", format="csv")
    flink.job.wait(client)
    assert sorted(committed(tmp_path / "rows")) == [(x, x + 1) for x in range(1, ROWS + 1)]
    seen = {path.name: int(path.read_text()) for path in tmp_path.glob("worker-*")}
    assert set(seen) == {f"worker-{index}-1" for index in range(nodes)}
    assert sum(seen.values()) < ROWS  # it did not begin anew


def test_checkpoints_go_on_after_data_has_ended(tmp_path: Path) -> None:
    """Roles whose data has ended, with and without output, and a serving role hold no checkpoint back."""
    flink = checkpointed(tmp_path)
    folder = str(tmp_path)
    flink.job.add_role("ps", runner=program("serve_forever", folder=folder), kind="serves")
    flink.job.add_role(
        "sink", runner=program("collect", folder=folder), parallelism=2, input=flink.sequence(10)
    )
    table = flink.job.add_role(
        "map", runner=program("echo", folder=folder), parallelism=2, input=flink.sequence(10), output=X
    )
    flink.job.add_role("watcher", runner=program("await_checkpoints", folder=folder, checkpoints=3))
    client = flink.insert(table)
    flink.job.wait(client)
    before, after = map(int, (tmp_path / "watcher").read_text().split())
    assert after >= before + 3


@pytest.mark.parametrize("drain", [False, True], ids=["stopped", "drained"])
def test_a_job_that_is_stopped_answers_what_is_on_its_way(tmp_path: Path, *, drain: bool) -> None:
    """`flink stop`, of an input without an end: rows up to the savepoint are there, each once, and soon."""
    flink = checkpointed(tmp_path, 1)
    table = flink.job.add_role(
        "worker",
        runner=program("fail_after_checkpoints", folder=str(tmp_path), checkpoints=ENDLESS),
        input=flink.sequence(ENDLESS),
        output=XY,
        max_rows=64,
    )
    client = flink.insert(table, "filesystem", path=f"file://{tmp_path}/rows", format="csv")
    eventually(lambda: committed(tmp_path / "rows") != [], timeout_s=60)
    formats = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType
    stopping = client._j_job_client.stopWithSavepoint(drain, f"file://{tmp_path}/end", formats.DEFAULT)
    stopping.get(20, get_gateway().jvm.java.util.concurrent.TimeUnit.SECONDS)
    flink.job.wait(client)
    answered = sorted(committed(tmp_path / "rows"))
    assert answered == [(x, x + 1) for x in range(1, len(answered) + 1)]
