"""TensorFlow inside a Flink job."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pyflink.table import DataTypes
from support.flink import PROGRAMS, Flink, collect, committed, make_flink, processes

from ml_framework.testing.waiting import eventually
from ml_operator import JobConfig, JobFailed, RestartPolicy
from tf_integration import TensorBoardRunner, TFClusterConfig, TFRunner

if TYPE_CHECKING:
    from pathlib import Path

    import psutil
    from pyflink.table import Table

    from ml_framework.rpc.wire import ClusterStatus

pytestmark = pytest.mark.flink

FEW, MANY = 10, 10_000
STEP = [("id", DataTypes.BIGINT()), ("name", DataTypes.STRING()), ("step", DataTypes.BIGINT())]


def program(name: str, folder: Path, **params: int) -> TFRunner:
    """Runs a function of `tensorflow_programs`."""
    return TFRunner(f"tensorflow_programs:{name}", {"folder": str(folder), **params}, python_path=(PROGRAMS,))


def tasks() -> dict[str, psutil.Process]:
    """The user processes by the task that TensorFlow knows; TensorBoard is none."""
    found = {}
    for process in processes("ml_framework.runner.bootstrap"):
        task = json.loads(process.environ().get("TF_CONFIG", "{}")).get("task")
        found[f"{task['type']}-{task['index']}" if task else "tensorboard"] = process
    return found


def test_servers_train_to_the_end_whatever_dies_beside_them(tmp_path: Path) -> None:
    """The parameter server would serve for ever; TensorBoard is killed, and so is a worker, which rejoins.

    Each of the steps is taken once, to the known optimum, and the evaluator sees the last checkpoint.
    """
    flink = make_flink(JobConfig(restart=RestartPolicy(budget=1, scope="failed")))
    cluster = TFClusterConfig(
        workers=2,
        ps=1,
        chief=True,
        evaluator=program("evaluate", tmp_path),
        tensorboard=TensorBoardRunner(tmp_path),
    )
    cluster.add_to(flink.job, runner=program("fit_a_line", tmp_path, steps=100))
    client = flink.submit()
    eventually(lambda: (tmp_path / "half").exists() and (tmp_path / "evaluates").exists(), timeout_s=90)
    before = tasks()
    for name in ("tensorboard", "worker-1"):
        before[name].kill()
    (tmp_path / "go on").touch()
    statuses: list[ClusterStatus] = []
    flink.job.wait(client, statuses.append)
    assert (tmp_path / "evaluated").read_text() == "100 steps: 3.00 x -2.00"
    attempts = {str(node.node): node.token.attempt for node in statuses[-1].nodes}
    assert attempts == {
        "ps[0]": 0,
        "chief[0]": 0,
        "worker[0]": 0,
        "worker[1]": 1,
        "evaluator[0]": 0,
        "tensorboard[0]": 0,
    }


def points(flink: Flink, count: int) -> Table:
    """Rows of id, name, and two numbers that follow from the id."""
    flink.tables.create_temporary_view("numbers", flink.sequence(count))
    return flink.tables.sql_query(
        f"SELECT x AS id, IF(x <= {FEW}, 'few', 'many') AS name, SIN(x) AS a, COS(3 * x) AS b FROM numbers"
    )


def test_servers_train_on_uneven_streams(flink: Flink, tmp_path: Path) -> None:
    """One worker gets 10 rows, the other 10,000: each is in one step, and comes back once, before the end."""
    answers = TFClusterConfig(workers=2, ps=1, chief=True).add_to(
        flink.job,
        runner=program("stream_to_servers", tmp_path),
        input=points(flink, FEW + MANY),
        groups={"x": ["a", "b"]},
        partition_by="name",
        output=STEP,
    )
    sink = tmp_path / "answers"
    flink.job.wait(flink.insert(answers, "filesystem", path=str(sink), format="csv"))
    rows = [row for path in sink.iterdir() for row in csv.reader(path.read_text().splitlines())]
    assert sorted(int(number) for number, *_ in rows) == list(range(1, FEW + MANY + 1))
    steps: dict[int, list[str]] = defaultdict(list)
    for number, name, step in rows:
        assert name == ("few" if int(number) <= FEW else "many")
        steps[int(step)].append(name)
    assert sorted(steps) == list(range(1, 159))
    assert sorted((*set(names), len(names)) for names in steps.values()) == [
        ("few", 10),
        ("many", 16),
        *[("many", 64)] * 156,
    ]
    *counts, away = (tmp_path / "chief").read_text().split()
    assert counts == ["10010", "10010", "158"]
    assert float(away) < 1e-3


def test_servers_count_every_row_once_across_a_kill(tmp_path: Path) -> None:
    """What is on the servers goes on where its rows do; also those that wait in workers are kept."""
    count = 40_001
    flink = make_flink(
        JobConfig(queue_bytes=1 << 14),
        execution__checkpointing__interval="300 ms",
        execution__checkpointing__dir=f"file://{tmp_path}/checkpoints",
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__attempts="1",
        restart_strategy__fixed_delay__delay="100 ms",
        taskmanager__memory__segment_size="4 kb",
    )
    answers = TFClusterConfig(workers=2, ps=1, chief=True).add_to(
        flink.job,
        runner=program("count_on_servers", tmp_path),
        input=flink.sequence(count),
        output=[("x", DataTypes.BIGINT())],
        max_rows=64,
    )
    client = flink.insert(answers, "filesystem", path=f"file://{tmp_path}/rows", format="csv")
    eventually(lambda: len(list(tmp_path.glob("checkpoints/*/chk-*/_metadata"))) > 0, timeout_s=90)
    eventually(lambda: committed(tmp_path / "rows") != [], timeout_s=30)
    tasks()["worker-1"].kill()
    flink.job.wait(client)
    numbers = range(1, count + 1)
    assert (tmp_path / "counted").read_text() == f"True {count} {count} {sum(numbers)}"
    assert sorted(committed(tmp_path / "rows")) == [(x,) for x in numbers]


def test_workers_train_together_on_a_stream(flink: Flink, tmp_path: Path) -> None:
    """Each row comes back once, with its text; in each step there are as many as all workers were told."""
    count = 2_000
    answers = TFClusterConfig(workers=2).add_to(
        flink.job,
        runner=program("stream_to_workers", tmp_path),
        input=points(flink, count),
        groups={"x": ["a", "b"]},
        output=[*STEP, ("global_rows", DataTypes.BIGINT())],
        max_delay=timedelta(seconds=1),
    )
    rows = collect(answers)
    assert sorted(row[:2] for row in rows) == [
        (i, "few" if i <= FEW else "many") for i in range(1, count + 1)
    ]
    steps: dict[int, list[int]] = defaultdict(list)
    for _, _, step, global_rows in rows:
        steps[step].append(global_rows)
    assert sorted(steps) == list(range(len(steps)))
    assert all(told == [len(told)] * len(told) for told in steps.values())
    assert max(len(told) for told in steps.values()) > 64
    away = [(tmp_path / f"worker-{index}").read_text() for index in range(2)]
    assert away[0] == away[1]
    assert float(away[0]) < 0.5


@pytest.mark.parametrize("budget", [1, 0])
def test_workers_are_restarted_in_place_as_often_as_the_budget_says(tmp_path: Path, budget: int) -> None:
    """Worker 1 raises at attempt 0; that worker 0 loses it is an echo. Both keep their addresses."""
    flink = make_flink(JobConfig(restart=RestartPolicy(budget=budget)))
    TFClusterConfig(workers=2).add_to(flink.job, runner=program("fail_until", tmp_path, until=1))
    if budget:
        flink.run()
        assert [(tmp_path / f"sum-{index}").read_text() for index in range(2)] == ["3", "3"]
    else:
        with pytest.raises(JobFailed) as failed:
            flink.run()
        first, *_, last = failed.value.cause.strip().split("\n")
        assert first == "worker[1] attempt 0: ValueError: attempt 0 is meant to fail"
        assert last == "ValueError: attempt 0 is meant to fail"
        assert "in fail_until" in failed.value.cause
    for index in range(2):
        found = {path.name: path.read_text() for path in tmp_path.glob(f"worker-{index}-*")}
        assert sorted(found) == [f"worker-{index}-{attempt}" for attempt in range(budget + 1)]
        assert len(set(found.values())) == 1
