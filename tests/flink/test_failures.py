"""What a user reads when something fails, and how soon."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from py4j.protocol import Py4JJavaError
from pyflink.table import DataTypes, Table
from support.flink import PROGRAMS, Flink, make_flink, processes, program

from ml_framework.runner import PythonRunner
from ml_framework.testing.waiting import eventually
from ml_operator import JobConfig, JobFailed, RestartPolicy, Timeouts
from ml_operator.rest import OWN_FAILURE

if TYPE_CHECKING:
    from pathlib import Path

    from pyflink.common import JobClient

pytestmark = pytest.mark.flink

XY = [("x", DataTypes.BIGINT()), ("y", DataTypes.BIGINT())]
SEEN_WITHIN_S = 10.0


def failure(flink: Flink, client: JobClient) -> str:
    """What the user reads of a job that fails."""
    with pytest.raises(JobFailed) as failed:
        flink.job.wait(client)
    assert str(failed.value) == failed.value.cause
    assert "\tat " not in failed.value.cause
    return failed.value.cause


def two_workers(flink: Flink, name: str, folder: Path, source: Table | None = None) -> Table:
    """The output of two workers that run a toy program on 20,000 rows, or on `source`."""
    return flink.job.add_role(
        "worker",
        runner=program(name, folder=str(folder)),
        parallelism=2,
        input=flink.sequence(20_000) if source is None else source,
        output=XY,
    )


# The user's code


@pytest.mark.parametrize(
    ("name", "first_line", "last_line"),
    [
        (
            "wrong_column",
            r"worker\[[01]\] attempt 0: KeyError: 'no_such_column'",
            "KeyError: 'no_such_column'",
        ),
        (
            "fail_in_third_batch",
            r"worker\[1\] attempt 0: ZeroDivisionError: third batch",
            "ZeroDivisionError: third batch",
        ),
        ("exit_three", r"worker\[[01]\] attempt 0: sys\.exit\(3\)", "SystemExit: 3"),
        ("segfault", r"worker\[[01]\] attempt 0: killed by SIGSEGV.*", ".*"),
    ],
    ids=["wrong column", "exception", "sys.exit", "segfault"],
)
def test_the_end_of_a_process_fails_the_job_at_once(
    flink: Flink, tmp_path: Path, name: str, first_line: str, last_line: str
) -> None:
    """Node, attempt and what happened, then the user's traceback, and no frame of Java's."""
    cause = failure(flink, flink.insert(two_workers(flink, name, tmp_path)))
    ended_s = time.time()
    lines = cause.strip().split("\n")
    assert re.fullmatch(first_line, lines[0])
    assert re.fullmatch(last_line, lines[-1])
    assert f"in {name}" in cause
    assert ended_s - min(path.stat().st_mtime for path in tmp_path.iterdir()) < SEEN_WITHIN_S


def test_a_module_that_cannot_be_imported_is_named(flink: Flink) -> None:
    """The traceback leads to the line of the import."""
    runner = PythonRunner("broken_module:main", python_path=(PROGRAMS,))
    table = flink.job.add_role("worker", runner=runner, input=flink.sequence(10), output=XY)
    cause = failure(flink, flink.insert(table))
    assert cause.startswith(
        "worker[0] attempt 0: ModuleNotFoundError: No module named 'a_package_that_is_not_there'"
    )
    assert "broken_module.py" in cause


def test_a_plain_execute_shows_the_same_cause_last(tmp_path: Path) -> None:
    """Who does not use `MLJob.wait` finds the user's traceback at the end of PyFlink's own error."""
    flink = make_flink(JobConfig(restart=RestartPolicy(budget=0)))
    runner = program("fail_until", folder=str(tmp_path), until=1)
    flink.job.add_role("worker", runner=runner)
    with pytest.raises(Py4JJavaError) as failed:
        flink.env.execute("test")
    last = str(failed.value).rpartition("Caused by: ")[2].removeprefix(f"{OWN_FAILURE}: ")
    assert last.startswith("worker[0] attempt 0: RuntimeError: attempt 0 is meant to fail\n")
    assert "in fail_until" in last
    assert "\tat " not in last


# Processes that are killed


@pytest.mark.parametrize(
    ("module", "cause"),
    [
        ("ml_framework.master", r"the application master died \(.*9\)"),
        ("ml_framework.node", r"worker\[[01]\].*agent (died|went away).*"),
        ("ml_framework.runner.bootstrap", r"worker\[[01]\] attempt 0: killed by SIGKILL.*"),
    ],
    ids=["master", "agent", "process"],
)
def test_a_killed_process_is_named(tmp_path: Path, module: str, cause: str) -> None:
    """`kill -9` of any one process of the cluster fails the job, which says whose it was."""
    flink = make_flink(JobConfig(restart=RestartPolicy(budget=0)))
    flink.job.add_role("worker", runner=program("wait_for_stop", folder=str(tmp_path)), parallelism=2)
    client = flink.submit()
    eventually(lambda: len(list(tmp_path.iterdir())) == 2, timeout_s=60)
    killed_s = time.monotonic()
    processes(module)[0].kill()
    assert re.fullmatch(cause, failure(flink, client).split("\n")[0])
    assert time.monotonic() - killed_s < SEEN_WITHIN_S


# Flink's own restarts


def test_flink_restarts_a_role_with_output(tmp_path: Path) -> None:
    """A restart strategy of the user's starts every node anew; user code sees the next attempt."""
    flink = make_flink(
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__attempts="2",
        restart_strategy__fixed_delay__delay="100 ms",
    )
    table = flink.job.add_role(
        "worker", runner=program("fail_until", folder=str(tmp_path), until=2), output=XY
    )
    flink.job.wait(flink.insert(table))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker-0-0", "worker-0-1", "worker-0-2"]


def test_a_restart_may_be_put_off_for_longer_than_slots_take(tmp_path: Path) -> None:
    """While Flink waits before it starts the job again, nobody waits for slots."""
    config = JobConfig(Timeouts(slots=timedelta(seconds=10)), RestartPolicy(budget=0))
    flink = make_flink(
        config,
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__attempts="1",
        restart_strategy__fixed_delay__delay="12 s",
    )
    flink.job.add_role("worker", runner=program("fail_until", folder=str(tmp_path), until=1))
    flink.job.wait(flink.submit())
    first, second = (tmp_path / f"worker-0-{attempt}" for attempt in (0, 1))
    assert second.stat().st_mtime - first.stat().st_mtime > 12


# Failures of Flink, which are not the cluster's


def test_an_error_downstream_is_reported_as_itself(flink: Flink, tmp_path: Path) -> None:
    """A division by zero behind the role, not the loss of a node that it takes with it."""
    table = two_workers(flink, "plus_one", tmp_path)
    flink.tables.create_temporary_view("answers", table)
    client = flink.insert(flink.tables.sql_query("SELECT 10 / (y - 5000) AS z FROM answers"))
    assert failure(flink, client) == "java.lang.ArithmeticException: / by zero"


def test_an_error_upstream_is_reported_as_itself(flink: Flink, tmp_path: Path) -> None:
    """The same before the role."""
    flink.tables.create_temporary_view("numbers", flink.sequence(20_000))
    source = flink.tables.sql_query("SELECT 10 / (x - 5000) AS x FROM numbers")
    client = flink.insert(two_workers(flink, "plus_one", tmp_path, source))
    assert failure(flink, client) == "java.lang.ArithmeticException: / by zero"


@pytest.mark.parametrize(
    ("columns", "groups", "words"),
    [
        ("CAST(NULLIF(x, 7) AS INT) AS a, CAST(x AS INT) AS b", {"ids": ["a", "b"]}, ["'a'", "null"]),
        ("TIMESTAMP '3000-01-01 00:00:00.000000001' AS a", None, ["'a'", "3000-01-01"]),
        ("ARRAY[x, x] AS a", {"a": 3}, ["'a'", "3"]),
    ],
    ids=["null in a group", "year 3000 in nanoseconds", "array of another length"],
)
def test_a_value_that_does_not_fit_is_named(
    flink: Flink, tmp_path: Path, columns: str, groups: dict[str, list[str] | int] | None, words: list[str]
) -> None:
    """The failure is the column and the value that cannot be sent, not the loss of the node."""
    flink.tables.create_temporary_view("numbers", flink.sequence(10))
    flink.job.add_role(
        "worker",
        runner=program("sleepy", folder=str(tmp_path)),
        input=flink.tables.sql_query(f"SELECT {columns} FROM numbers"),
        groups=groups,
    )
    cause = failure(flink, flink.submit())
    assert "lost" not in cause
    assert [word for word in words if word not in cause] == []
