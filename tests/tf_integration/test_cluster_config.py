"""`TFClusterConfig`: which roles it adds to a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ml_framework.errors import PlanError
from tf_integration import TensorBoardRunner, TFClusterConfig, TFRunner

TRAIN, EVALUATE = TFRunner("train:main"), TFRunner("evaluate:main")


class Job:
    """Takes roles down, as `MLJob` does."""

    def __init__(self) -> None:
        self.roles: dict[str, dict[str, Any]] = {}

    def add_role(self, name: str, **role: Any) -> str | None:
        self.roles[name] = role
        return f"rows of {name}" if role.get("output") else None


def added(config: TFClusterConfig, **options: Any) -> tuple[dict[str, dict[str, Any]], Any]:
    """The roles, and what came back."""
    job: Any = Job()
    rows = config.add_to(job, runner=TRAIN, **options)
    return job.roles, rows


def test_workers_alone_drive_the_job_and_return_their_rows() -> None:
    """Options are passed on as they are."""
    roles, rows = added(TFClusterConfig(workers=3), input="rows", output="columns", max_rows=7)
    assert list(roles) == ["worker"]
    assert roles["worker"] == {
        "runner": TRAIN,
        "parallelism": 3,
        "input": "rows",
        "output": "columns",
        "max_rows": 7,
    }
    assert rows == "rows of worker"


def test_every_role_has_its_kind() -> None:
    """Servers serve, evaluator and TensorBoard stand aside, and all run under the same interpreter."""
    board = TensorBoardRunner("/logs")
    config = TFClusterConfig(workers=2, ps=2, chief=True, evaluator=EVALUATE, tensorboard=board)
    roles, _ = added(config, input="rows", python="/bin/python")
    assert {name: role.get("kind", "drives") for name, role in roles.items()} == {
        "ps": "serves",
        "chief": "drives",
        "worker": "drives",
        "evaluator": "side",
        "tensorboard": "side",
    }
    runners = [roles[name]["runner"] for name in ("ps", "worker", "evaluator", "tensorboard")]
    assert runners == [TRAIN, TRAIN, EVALUATE, board]
    assert roles["ps"]["parallelism"] == 2
    assert [name for name, role in roles.items() if role.get("input")] == ["worker"]
    assert {role["python"] for role in roles.values()} == {"/bin/python"}


def test_a_chief_is_part_of_checkpoints_where_its_workers_have_rows() -> None:
    """And what it runs stays what it was, though it be a callable of this process."""
    runner = TFRunner(lambda _ctx: None, {"a": 1}, threads=1)
    for rows in ("rows", None):
        job: Any = Job()
        TFClusterConfig(ps=1, chief=True).add_to(job, runner=runner, input=rows)
        chief = job.roles["chief"]["runner"]
        assert chief.answers_checkpoints is (rows is not None)
        assert not job.roles["worker"]["runner"].answers_checkpoints
        assert (chief.pickled, chief.params, chief.threads) == (runner.pickled, {"a": 1}, 1)


def test_a_job_takes_them_all(gateway: None) -> None:
    """As it plans them: kinds and parallelism of each role."""
    from pyflink.datastream import StreamExecutionEnvironment  # noqa: PLC0415 - only this test needs a JVM

    from ml_operator import MLJob  # noqa: PLC0415

    here = (str(Path(__file__).parent),)
    train = TFRunner("tf_programs:trains", python_path=here)
    job = MLJob(StreamExecutionEnvironment.get_execution_environment(), "job")
    job.add_am_role()
    board = TensorBoardRunner("/logs")
    config = TFClusterConfig(workers=2, ps=1, chief=True, evaluator=train, tensorboard=board)
    assert config.add_to(job, runner=train) is None
    assert [(role.spec.name, role.spec.parallelism, str(role.spec.kind)) for role in job.plan().roles] == [
        ("ps", 1, "serves"),
        ("chief", 1, "drives"),
        ("worker", 2, "drives"),
        ("evaluator", 1, "side"),
        ("tensorboard", 1, "side"),
    ]


def test_a_chief_without_rows_cannot_train_with_workers_that_have_some() -> None:
    """It would wait for none; the error tells the remedy."""
    with pytest.raises(PlanError, match="leave chief= out, and worker 0 leads"):
        added(TFClusterConfig(chief=True), input="rows")
    assert list(added(TFClusterConfig(chief=True))[0]) == ["chief", "worker"]


@pytest.mark.parametrize(("numbers", "message"), [({"workers": 0}, "workers is 0"), ({"ps": -1}, "ps is -1")])
def test_numbers_are_in_range(numbers: dict[str, int], message: str) -> None:
    """The error tells the number."""
    with pytest.raises(PlanError, match=message):
        TFClusterConfig(**numbers)  # type: ignore[arg-type]
