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


def start(
    entrypoint: str,
    *,
    chief: bool = False,
    rows_in: Layout | None = None,
    rows_out: Layout | None = None,
    **params: Any,
) -> LocalCluster:
    """A parameter server, two workers, and perhaps a chief."""
    runner = TFRunner(f"parameter_server_programs:{entrypoint}", params, python_path=(HERE,))
    layouts = [None if layout is None else layout.to_json() for layout in (rows_in, rows_out)]
    roles = [
        LocalRole(RoleSpec("ps", 1, RoleKind.SERVES), Program(runner)),
        LocalRole(RoleSpec("worker", 2), Program(runner, *layouts)),
    ]
    if chief:
        roles.append(LocalRole(RoleSpec("chief"), Program(runner)))
    return LocalCluster(roles, restart=RestartPolicy(budget=0))


def stream(cluster: LocalCluster, index: int) -> FlinkEnd:
    """The task of a worker."""
    flink = cluster.nodes["worker", index].flink
    assert flink is not None
    return flink


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
    """A watermark and a checkpoint pass workers whose rows are done with, though nobody asks for more.

    When a worker is lost then, nobody takes over its steps; that the coordinator lost it is an echo.
    """
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
        started = cluster.nodes["worker", 1].wait_for("started", timeout_s=30)
        os.kill(started["pid"], signal.SIGKILL)
        result = cluster.wait()
    assert result.outcome == "failed"
    assert (result.cause or "").startswith("worker[1] attempt 0: killed by SIGKILL")


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
