"""One checkpoint for the stream and the model: whatever is killed, training ends as if nothing had been."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes
from support.flink import PROGRAMS, Flink, committed, make_flink, program

from ml_framework.errors import JobFailed
from ml_framework.testing.waiting import eventually
from ml_operator import JobConfig, Resources
from torch_integration import TorchRunner

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from pyflink.common import JobClient

pytestmark = pytest.mark.flink

X = [("x", DataTypes.BIGINT())]
ENDLESS = 10**12


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the workers run."""
    monkeypatch.syspath_prepend(PROGRAMS)
    return importlib.import_module("training_programs")


LITTLE_ROOM = JobConfig(queue_bytes=1 << 14)


def checkpointed(folder: Path, config: JobConfig = LITTLE_ROOM, **options: str) -> Flink:
    """With a checkpoint every 200 ms, as many restarts as it takes, and little room for rows on their way."""
    options.setdefault("execution__checkpointing__interval", "200 ms")
    options.setdefault("restart_strategy__fixed_delay__attempts", "10")
    return make_flink(
        config,
        parallelism=1,
        execution__checkpointing__dir=f"file://{folder}/checkpoints",
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__delay="100 ms",
        taskmanager__memory__segment_size="4 kb",
        **options,
    )


def add_workers(flink: Flink, entrypoint: str, rows: int, parallelism: int = 1, **options: Any) -> Any:
    """The role of these workers, fed with 1 … rows."""
    params = options.pop("params")
    return flink.job.add_role(
        "worker",
        runner=TorchRunner(f"training_programs:{entrypoint}", params, python_path=(PROGRAMS,), threads=1),
        parallelism=parallelism,
        input=flink.sequence(rows, uid="numbers"),
        max_rows=64,
        **options,
    )


def test_a_killed_worker_ends_with_the_very_same_weights(tmp_path: Path, programs: ModuleType) -> None:
    """Bit for bit those of a loop that nobody killed: model, momenta, schedule, dropout, carried rows."""
    import torch  # noqa: PLC0415 - 3 s

    rows = 32 * 800 + 5
    flink = checkpointed(tmp_path)
    add_workers(flink, "learn_and_die", rows, params={"folder": str(tmp_path)})
    flink.run()
    found = torch.load(tmp_path / "learned.pt")
    learner = programs.Learner()
    for x in torch.arange(1, rows + 1).split(32):
        learner.learn(x)
    assert found["attempt"] == 1
    assert found["batches"] == learner.batches == 801
    expected = learner.model.state_dict()
    assert {name: values.tolist() for name, values in found["model"].items()} == {
        name: values.tolist() for name, values in expected.items()
    }


def test_ranks_count_every_row_once_across_kills(tmp_path: Path) -> None:
    """The sums of all ranks are those of the input, and a transactional sink has each row once."""
    rows = 40_000
    flink = checkpointed(tmp_path)
    params = {"folder": str(tmp_path), "kills": 1, "batch_size": 50, "emits": True}
    table = add_workers(flink, "count_and_die", rows, parallelism=2, output=X, params=params)
    flink.job.wait(flink.insert(table, "filesystem", path=f"file://{tmp_path}/rows", format="csv"))
    assert read_counts(tmp_path) == counts_of(rows)
    assert sorted(committed(tmp_path / "rows")) == [(x,) for x in range(1, rows + 1)]


def test_a_job_goes_on_from_a_savepoint_with_more_and_fewer_ranks(tmp_path: Path) -> None:
    """Two ranks, three in slots of their own, one: exactly, with the rows that waited for their batch."""
    rows, savepoint = 100_000, None
    for ranks, resources in ((2, None), (3, Resources()), (1, None)):
        recovery = {} if savepoint is None else {"execution__state_recovery__path": savepoint}
        flink = checkpointed(tmp_path, **recovery)
        params = {"folder": str(tmp_path), "kills": 0, "batch_size": 50, "emits": False}
        add_workers(flink, "count_and_die", rows, parallelism=ranks, params=params, resources=resources)
        client = flink.submit()
        if ranks > 1:
            eventually(lambda: list(tmp_path.glob("checkpoints/*/chk-*/_metadata")), timeout_s=60)
            savepoint = stopped(client, tmp_path)
        flink.job.wait(client)
    assert read_counts(tmp_path) == counts_of(rows)


def test_what_follows_the_loop_happens_once(tmp_path: Path) -> None:
    """Both workers had returned when the checkpoint was taken: neither is called again, nor sends its sum."""
    flink = checkpointed(tmp_path)
    params = {"folder": str(tmp_path)}
    flink.job.add_role("late", runner=program("fail_behind_the_end", **params))
    table = flink.job.add_role(
        "worker", runner=program("add_up", **params), parallelism=2, input=flink.sequence(1_000), output=X
    )
    flink.job.wait(flink.insert(table, "filesystem", path=f"file://{tmp_path}/rows", format="csv"))
    assert sorted(path.name for path in tmp_path.glob("*-?-?")) == ["late-0-1", "worker-0-0", "worker-1-0"]
    rows = [x for (x,) in committed(tmp_path / "rows")]
    assert sum(rows) == 2 * sum(range(1, 1_001))
    assert len(rows) == 1_002


def test_a_final_checkpoint_that_fails_again_and_again_ends_the_job(tmp_path: Path) -> None:
    """As often as it may be restarted the job is; then its error says that a checkpoint failed, and why."""
    flink = checkpointed(tmp_path, restart_strategy__fixed_delay__attempts="2")
    flink.job.add_role(
        "worker", runner=program("lose_storage_at_the_end", folder=str(tmp_path)), input=flink.sequence(1_000)
    )
    with pytest.raises(JobFailed, match=r"The latest checkpoint failed due to .* IO-problem detected"):
        flink.run()


def test_a_standby_takes_over(tmp_path: Path) -> None:
    """Flink restarts the job: the agent has stayed, and with it a process that becomes the next attempt."""
    rows = 500_000
    flink = checkpointed(tmp_path, JobConfig(queue_bytes=1 << 14, standby=True))
    table = flink.job.add_role(
        "worker",
        runner=program("die_when_another_is_ready", folder=str(tmp_path), kills=1),
        input=flink.sequence(rows),
        output=X,
        max_rows=64,
    )
    flink.job.wait(flink.insert(table, "filesystem", path=f"file://{tmp_path}/rows", format="csv"))
    starts = [(tmp_path / f"start-{attempt}").read_text().split() for attempt in range(2)]
    assert [standby for _, standby in starts] == ["False", "True"]
    assert starts[0][0] == starts[1][0]
    assert sorted(committed(tmp_path / "rows")) == [(x,) for x in range(1, rows + 1)]


def stopped(client: JobClient, folder: Path) -> str:
    """The savepoint with which the job was stopped."""
    jvm = get_gateway().jvm
    format_type = jvm.org.apache.flink.core.execution.SavepointFormatType.DEFAULT
    stopping = client._j_job_client.stopWithSavepoint(
        False,  # noqa: FBT003 - Java's
        f"file://{folder}/savepoints",
        format_type,
    )
    return str(stopping.get(60, jvm.java.util.concurrent.TimeUnit.SECONDS))


def read_counts(folder: Path) -> list[int]:
    """What rank 0 has counted."""
    return [int(number) for number in (folder / "counts").read_text().split()]


def counts_of(rows: int) -> list[int]:
    """What there is to count in 1 … rows."""
    numbers = range(1, rows + 1)
    return [rows, sum(numbers), sum(x * x for x in numbers)]
