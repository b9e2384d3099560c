"""Clusters with parameter servers, in processes of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from ml_framework.byte_queue import FrameKind
from ml_framework.checkpoint import decode
from ml_framework.codec import NO_COLUMNS, Schema, plan_layout
from ml_framework.config import RestartPolicy
from ml_framework.runner import Program
from ml_framework.spec import RoleKind, RoleSpec
from ml_framework.testing.local_cluster import LocalCluster, LocalRole
from ml_framework.testing.waiting import eventually
from tf_integration import TFRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    servers: int = 1,
    rows_in: Layout | None = None,
    rows_out: Layout | None = None,
    restored: Mapping[tuple[str, int], Sequence[bytes]] | None = None,
    **params: Any,
) -> LocalCluster:
    """Parameter servers, two workers, and perhaps a chief, which has a state where the workers have rows."""
    runner = TFRunner(f"parameter_server_programs:{entrypoint}", params, python_path=(HERE,))
    layouts = [None if layout is None else layout.to_json() for layout in (rows_in, rows_out)]
    roles = [
        LocalRole(RoleSpec("ps", servers, RoleKind.SERVES), Program(runner)),
        LocalRole(RoleSpec("worker", 2), Program(runner, *layouts)),
    ]
    if chief:
        state = None if rows_in is None else NO_COLUMNS.to_json()
        roles.append(LocalRole(RoleSpec("chief"), Program(runner, state)))
    return LocalCluster(roles, restart=RestartPolicy(budget=0), restored=restored)


def stream(cluster: LocalCluster, index: int, role: str = "worker") -> FlinkEnd:
    """The task of a worker, or of the chief."""
    flink = cluster.nodes[role, index].flink
    assert flink is not None
    return flink


def test_worker_0_coordinates_where_there_is_no_chief(feed: Callable[..., None]) -> None:
    """It takes steps on its own rows all the same."""
    with start("streams", rows_in=INPUT, rows_out=OUTPUT, batch_size=None) as cluster:
        for index, rows in enumerate((range(300), range(300, 320))):
            feed(stream(cluster, index), rows, 50)
            stream(cluster, index).end(timeout_s=60)
        assert cluster.wait(100).outcome == "finished"
        emitted = [stream(cluster, index).rows()["id"] for index in range(2)]
        assert "rows 320 320 steps" in cluster.log("worker")
    assert emitted == [list(range(300)), list(range(300, 320))]


def test_a_checkpoint_waits_until_the_coordinator_asks_for_more(
    feed: Callable[..., None], tmp_path: Path
) -> None:
    """A watermark passes workers whose rows are done with meanwhile. Without `checkpointed` nothing is saved.

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
            heard(stream(cluster, index), FrameKind.WATERMARK, 99)
            kinds = [kind for kind, _ in stream(cluster, index)._answers]
            assert kinds == [FrameKind.BATCH, FrameKind.WATERMARK]
        (tmp_path / "go on").touch()
        for node in (stream(cluster, 0), stream(cluster, 1), stream(cluster, 0, "chief")):
            heard(node, FrameKind.CUT, 7)
            assert so_far(node, FrameKind.STATE) == []
        started = cluster.nodes["worker", 1].wait_for("started", timeout_s=30)
        os.kill(started["pid"], signal.SIGKILL)
        result = cluster.wait(100)
    assert result.outcome == "failed"
    assert (result.cause or "").startswith("worker[1] attempt 0: killed by SIGKILL")


def test_an_error_in_a_step_is_the_first_cause(feed: Callable[..., None]) -> None:
    """It names the coordinator and the line of the step."""
    with start("fails_in_a_step", rows_in=INPUT) as cluster:
        feed(stream(cluster, 1), range(90, 110), 10)
        result = cluster.wait(100)
        log = cluster.log("worker")
    assert result.outcome == "failed"
    summary = (result.cause or "").partition("\n")[0]
    assert summary.startswith("worker[0] attempt 0: ")
    assert "InvalidArgumentError: worker[1]: assertion failed: [no such id]" in summary
    assert "no such id" in log
    assert "in step" in log


def so_far(flink: FlinkEnd, kind: FrameKind) -> list[Any]:
    """What a node has sent of this kind: ids of rows, else contents."""
    found = [content for sent, content in list(flink._answers) if sent is kind]
    return [number for batch in found for number in batch["id"]] if kind is FrameKind.BATCH else found


def heard(flink: FlinkEnd, kind: FrameKind, number: int) -> None:
    """Wait for a control frame."""
    eventually(lambda: number in so_far(flink, kind), timeout_s=60)


def cut(answers: Sequence[Any], number: int) -> tuple[bytes, ...]:
    """The parts of the state of a checkpoint."""
    return _before(answers, answers.index((FrameKind.CUT, number)))


def final(answers: Sequence[Any]) -> tuple[bytes, ...]:
    """The parts of the state before the end."""
    return _before(answers, answers.index((FrameKind.END, None)))


def _before(answers: Sequence[Any], index: int) -> tuple[bytes, ...]:
    kind, parts = answers[index - 1]
    assert kind is FrameKind.STATE
    return tuple(parts)


def objects(parts: Sequence[bytes]) -> dict[str, Any]:
    """What is saved of the coordinator's objects."""
    saved = decode(parts[0])["objects"]
    return {name: value[""] if isinstance(value, dict) else value for name, value in saved.items()}


def emitted(flink: FlinkEnd, count: int) -> list[int]:
    """What a node has emitted, once that is this many rows."""
    eventually(lambda: len(so_far(flink, FrameKind.BATCH)) >= count, timeout_s=90)
    return so_far(flink, FrameKind.BATCH)


TOTALS = 225, sum(range(150)) + sum(range(1000, 1075))
AT_BARRIER = 98 + 49, sum(range(98)) + sum(range(1000, 1049))


@pytest.fixture(scope="module")
def answers(feed: Callable[..., None]) -> Sequence[Sequence[Any]]:
    """Of two workers, of which the first coordinates, to four checkpoints."""
    with start("counts", servers=2, rows_in=INPUT, rows_out=OUTPUT, batch_size=7) as cluster:
        first, second = stream(cluster, 0), stream(cluster, 1)
        feed(first, range(100), 10)
        first.send(FrameKind.CHECKPOINT, 1)
        feed(first, range(100, 150), 10)
        feed(second, range(1000, 1050), 10)
        assert emitted(second, 49) == list(range(1000, 1049))
        assert emitted(first, 98) == list(range(98))
        assert so_far(first, FrameKind.CUT) == []
        second.send(FrameKind.CHECKPOINT, 1)
        feed(second, range(1050, 1075), 10)
        assert emitted(first, 147)[98:] == list(range(98, 147))
        assert emitted(second, 70)[49:] == list(range(1049, 1070))
        # The second hears that there is no checkpoint 2 any more; then it comes to 4, and the first to 3.
        second.send(FrameKind.CHECKPOINT, 2)
        cluster.nodes["worker", 1].send({"aborted": 2})
        heard(second, FrameKind.ABORT, 2)
        first.send(FrameKind.CHECKPOINT, 3)
        second.send(FrameKind.CHECKPOINT, 4)
        heard(first, FrameKind.ABORT, 3)
        first.send(FrameKind.CHECKPOINT, 4)
        heard(second, FrameKind.CUT, 4)
        first.end()
        second.end()
        assert cluster.wait(100).outcome == "finished"
        assert "restored False 0 0 False" in cluster.log("worker")
        assert "counted {} {}".format(*TOTALS) in cluster.log("worker")
        return first.answers(), second.answers()


def test_the_state_at_a_barrier_is_that_of_the_rows_before_it(answers: Sequence[Sequence[Any]]) -> None:
    """Of those in full batches, on all workers; what waits to fill one is saved with it."""
    first, second = answers
    kinds = [kind for kind, _ in first if kind in (FrameKind.CUT, FrameKind.ABORT, FrameKind.END)]
    assert kinds == [FrameKind.CUT, FrameKind.ABORT, FrameKind.CUT, FrameKind.END]
    rows, total = AT_BARRIER
    assert objects(cut(first, 1)) == {"rows": rows, "total": total, "loops": ANY}
    assert objects(cut(first, 4))["rows"] == 147 + 70
    assert objects(final(first))["rows"] == 225
    assert [len(cut(first, 1)), len(cut(second, 1)), len(cut(second, 4))] == [2, 1, 1]


def test_another_cluster_goes_on_where_one_was(
    answers: Sequence[Sequence[Any]], feed: Callable[..., None]
) -> None:
    """A chief takes over what came to a worker. No row is missing or doubled, also of those that waited."""
    first_before, second_before = (cut(of_worker, 1) for of_worker in answers)
    with start(
        "counts",
        chief=True,
        rows_in=INPUT,
        rows_out=OUTPUT,
        batch_size=7,
        restored={("worker", 0): second_before, ("worker", 1): first_before},
    ) as cluster:
        first, second, chief = stream(cluster, 0), stream(cluster, 1), stream(cluster, 0, "chief")
        feed(first, range(1050, 1075), 10)
        first.send(FrameKind.CHECKPOINT, 5)
        first.end()
        feed(second, range(100, 150), 10)
        second.end()
        assert emitted(second, 52) == list(range(98, 150))
        second.send(FrameKind.CHECKPOINT, 5)
        heard(chief, FrameKind.CUT, 5)
        assert cluster.wait(100).outcome == "finished"
        assert "restored True {} {} True".format(*AT_BARRIER) in cluster.log("chief")
        assert "counted {} {}".format(*TOTALS) in cluster.log("chief")
        assert first.rows()["id"] == list(range(1049, 1075))
        at_barrier = cut(chief.answers(), 5)
    assert len(at_barrier) == 1
    assert objects(at_barrier)["rows"] == 98 + 49 + 21 + 52
