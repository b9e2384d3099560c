"""Clusters with parameter servers, in processes of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_framework.byte_queue import FrameKind
from ml_framework.codec import Schema, plan_layout
from ml_framework.config import RestartPolicy
from ml_framework.runner import Program
from ml_framework.spec import RoleKind, RoleSpec
from ml_framework.testing.local_cluster import LocalCluster, LocalRole
from ml_framework.testing.waiting import eventually
from tf_integration import TFRunner

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.codec import Layout
    from ml_framework.testing.flink_end import FlinkEnd

HERE = str(Path(__file__).parent)
INPUT = plan_layout(
    Schema.parse([("id", "BIGINT NOT NULL"), ("a", "DOUBLE"), ("b", "DOUBLE")]),
    {"x": ["a", "b"]},
    max_rows=64,
)
OUTPUT = plan_layout(Schema.parse([("id", "BIGINT NOT NULL"), ("step", "BIGINT")]))
FEW, MANY = range(10), range(10, 10_010)


def start(
    entrypoint: str,
    *,
    chief: bool = False,
    rows_in: Layout | None = None,
    rows_out: Layout | None = None,
    restart: RestartPolicy | None = None,
    **params: Any,
) -> LocalCluster:
    """A parameter server, two workers, and perhaps a chief."""
    runner = TFRunner(f"parameter_server_programs:{entrypoint}", params, python_path=(HERE,))
    layouts = [None if layout is None else layout.to_json() for layout in (rows_in, rows_out)]
    again = restart is not None
    roles = [
        LocalRole(RoleSpec("ps", 1, RoleKind.SERVES, again), Program(runner, restartable=again)),
        LocalRole(RoleSpec("worker", 2, restartable=again), Program(runner, *layouts, restartable=again)),
    ]
    if chief:
        roles.append(LocalRole(RoleSpec("chief", restartable=again), Program(runner, restartable=again)))
    return LocalCluster(roles, restart=restart or RestartPolicy(budget=0))


def stream(cluster: LocalCluster, index: int) -> FlinkEnd:
    """The task of a worker."""
    flink = cluster.nodes["worker", index].flink
    assert flink is not None
    return flink


def kill(cluster: LocalCluster, index: int) -> None:
    """Kill a worker's process."""
    started = cluster.nodes["worker", index].wait_for("started", timeout_s=30)
    os.kill(started["pid"], signal.SIGKILL)


def test_uneven_streams_are_trained_on_row_by_row(feed: Callable[..., None]) -> None:
    """Workers with 10 and 10,000 rows: each row is in one step, and in one only, and nothing is left over."""
    with start("streams", chief=True, rows_in=INPUT, rows_out=OUTPUT, batch_size=64) as cluster:
        for index, rows in enumerate((FEW, MANY)):
            feed(stream(cluster, index), rows, 500)
            stream(cluster, index).end(timeout_s=60)
        assert cluster.wait().outcome == "finished"
        emitted = [stream(cluster, index).rows() for index in range(2)]
        told = cluster.log("chief").split()
    assert [own["id"] for own in emitted] == [list(FEW), list(MANY)]
    steps = [step for own in emitted for step in dict.fromkeys(own["step"])]
    assert sorted(steps) == list(range(1, 159))  # 1 of 10 rows, 156 of 64 and one of 16
    assert [emitted[1]["step"].count(step) for step in dict.fromkeys(emitted[1]["step"])] == [64] * 156 + [16]
    told = told[told.index("rows") :]
    assert told[:5] == ["rows", "10010", "10010", "steps", "158"]
    assert float(told[6]) < 1e-3


def test_worker_0_coordinates_where_there_is_no_chief(feed: Callable[..., None]) -> None:
    """It takes steps on its own rows all the same."""
    with start("streams", rows_in=INPUT, rows_out=OUTPUT, batch_size=None) as cluster:
        for index, rows in enumerate((range(300), range(300, 320))):
            feed(stream(cluster, index), rows, 50)
            stream(cluster, index).end(timeout_s=60)
        assert cluster.wait().outcome == "finished"
        emitted = [stream(cluster, index).rows()["id"] for index in range(2)]
        assert "rows 320 320 steps" in cluster.log("worker")
    assert emitted == [list(range(300)), list(range(300, 320))]


def test_flink_is_answered_while_the_coordinator_does_something_else(
    feed: Callable[..., None], tmp_path: Path
) -> None:
    """A watermark and a checkpoint pass workers whose rows are done with, though nobody asks for more."""
    with start(
        "does_something_else", chief=True, rows_in=INPUT, rows_out=OUTPUT, folder=str(tmp_path)
    ) as cluster:
        for index in range(2):
            feed(stream(cluster, index), range(5), 5)
        eventually((tmp_path / "read").exists, timeout_s=60)
        for index in range(2):
            stream(cluster, index).send(FrameKind.WATERMARK, 99)
            stream(cluster, index).send(FrameKind.CHECKPOINT, 7)
            collected = stream(cluster, index)._answers
            eventually(lambda so_far=collected: (FrameKind.CUT, 7) in so_far)
            assert [kind for kind, _ in collected] == [FrameKind.BATCH, FrameKind.WATERMARK, FrameKind.CUT]
        (tmp_path / "go on").touch()
        for index in range(2):
            stream(cluster, index).end()
        assert cluster.wait().outcome == "finished"
        assert [stream(cluster, index).rows()["id"] for index in range(2)] == [list(range(5))] * 2


def test_an_error_in_a_step_is_the_first_cause(feed: Callable[..., None]) -> None:
    """It names the coordinator and the line of the step."""
    with start("fails_in_a_step", rows_in=INPUT) as cluster:
        feed(stream(cluster, 1), range(90, 110), 10)
        result = cluster.wait()
        log = cluster.log("worker")
    assert result.outcome == "failed"
    summary = (result.cause or "").partition("\n")[0]
    assert summary.startswith("worker[0] attempt 0: ")
    assert "InvalidArgumentError: worker[1]: assertion failed: [no such id]" in summary
    assert "no such id" in log
    assert "in step" in log


def test_a_lost_worker_with_rows_is_a_failure(feed: Callable[..., None], tmp_path: Path) -> None:
    """Nobody takes over its steps; that the coordinator lost it is an echo."""
    with start(
        "does_something_else", chief=True, rows_in=INPUT, rows_out=OUTPUT, folder=str(tmp_path)
    ) as cluster:
        (tmp_path / "go on").touch()
        feed(stream(cluster, 1), range(5), 5)
        eventually((tmp_path / "read").exists, timeout_s=60)
        kill(cluster, 1)
        result = cluster.wait()
    assert result.outcome == "failed"
    assert (result.cause or "").startswith("worker[1] attempt 0: killed by SIGKILL")


def test_scheduled_steps_find_the_optimum_and_servers_end_with_them() -> None:
    """Without rows it is TensorFlow as its users know it; the parameter server would serve for ever."""
    with start("schedules", chief=True, steps=100) as cluster:
        assert cluster.wait().outcome == "finished"
        assert "steps 100 line 3.0 -2.0" in cluster.log("chief")


def test_a_killed_worker_comes_back_without_rows(tmp_path: Path) -> None:
    """It is restarted in place, at the address it had, and hears of the end as the others do."""
    again = RestartPolicy(budget=1, scope="failed")
    with start("schedules", chief=True, restart=again, steps=100, folder=str(tmp_path)) as cluster:
        eventually((tmp_path / "half").exists, timeout_s=60)
        kill(cluster, 1)
        (tmp_path / "go on").touch()
        assert cluster.wait(100).outcome == "finished"
        assert "line 3.0 -2.0" in cluster.log("chief")
        assert "worker[1] serves" in cluster.log("worker", 1, attempt=1)
