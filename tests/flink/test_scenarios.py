"""What users do with a cluster inside a Flink job, and what they get for it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from pyflink.common import Types
from pyflink.table import DataTypes
from pyflink.table.expressions import col
from support.flink import Flink, collect, make_flink, program

from ml_operator import JobConfig, JobFailed, MLJob, RestartPolicy

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.flink

X = [("x", DataTypes.BIGINT())]
XY = [("x", DataTypes.BIGINT()), ("y", DataTypes.BIGINT())]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_node_of_roles_without_input_runs_exactly_once(flink: Flink, tmp_path: Path) -> None:
    """The drivers end, then the serving role is stopped, then the job is done."""
    flink.job.add_role(
        "ps", runner=program("serve_forever", folder=str(tmp_path)), parallelism=2, kind="serves"
    )
    worker = program("mark", folder=str(tmp_path), after=["ps-0-0", "ps-1-0"])
    flink.job.add_role("worker", runner=worker, parallelism=2)
    flink.run()
    assert files(tmp_path) == ["ps-0-0", "ps-1-0", "worker-0-0", "worker-1-0"]


@pytest.mark.parametrize("first", ["ps", "worker"])
def test_running_a_table_runs_the_whole_cluster(flink: Flink, tmp_path: Path, first: str) -> None:
    """Also roles without output, whichever was added first: Flink alone runs what leads to the table."""

    def add_ps() -> None:
        runner = program("serve_forever", folder=str(tmp_path))
        flink.job.add_role("ps", runner=runner, parallelism=2, kind="serves")

    if first == "ps":
        add_ps()
    worker = program("plus_one", folder=str(tmp_path), after=["ps-0-0", "ps-1-0"])
    table = flink.job.add_role("worker", runner=worker, input=flink.sequence(10), output=XY)
    if first == "worker":
        add_ps()
    assert sorted(collect(table)) == [(x, x + 1) for x in range(1, 11)]
    assert files(tmp_path) == ["ps-0-0", "ps-1-0"]


def test_source_roles_emit_rows(flink: Flink) -> None:
    table = flink.job.add_role(
        "worker",
        runner=program("emit_pairs"),
        parallelism=2,
        output=[("name", DataTypes.STRING()), ("number", DataTypes.INT())],
    )
    assert sorted(collect(table)) == [(f"{n}-{i}", 10 * n + i) for n in range(2) for i in range(5)]


def test_a_role_without_output_sees_every_row_once(flink: Flink, tmp_path: Path) -> None:
    flink.job.add_role(
        "worker", runner=program("collect", folder=str(tmp_path)), parallelism=2, input=flink.sequence(10_000)
    )
    flink.run()
    seen = [int(line) for path in tmp_path.iterdir() for line in path.read_text().split()]
    assert len(list(tmp_path.iterdir())) == 2
    assert sorted(seen) == list(range(1, 10_001))


def test_strings_and_numbers_there_and_back(flink: Flink) -> None:
    names = ["", "plain", "a,b", "ünïcode ✓", "x" * 5000, None]
    rows = flink.rows(
        {"name": DataTypes.STRING(), "number": DataTypes.INT()},
        [(name, 3 * i) for i, name in enumerate(names)],
    )
    table = flink.job.add_role(
        "worker",
        runner=program("score_names"),
        input=rows,
        output=[("name", DataTypes.STRING()), ("score", DataTypes.DOUBLE())],
    )
    assert Counter(collect(table)) == Counter((name, 3 * i / 4) for i, name in enumerate(names))


def test_every_input_of_three_workers_is_answered_once(flink: Flink) -> None:
    table = flink.job.add_role(
        "worker", runner=program("plus_one"), parallelism=3, input=flink.sequence(3_000), output=XY
    )
    assert sorted(collect(table)) == [(x, x + 1) for x in range(1, 3_001)]


def test_data_stream_in_and_out(flink: Flink) -> None:
    stream = flink.env.from_collection(list(range(100)), type_info=Types.LONG())
    output = flink.job.add_role(
        "worker", runner=program("echo_f0"), parallelism=2, input=stream, output=Types.LONG()
    )
    with output.execute_and_collect("test") as results:
        assert sorted(results) == list(range(100))


def test_partition_by_keeps_a_key_on_one_node(flink: Flink) -> None:
    rows = flink.rows({"key": DataTypes.STRING()}, [(f"k{i % 10}",) for i in range(1000)])
    table = flink.job.add_role(
        "worker",
        runner=program("tag_with_rank"),
        parallelism=2,
        input=rows,
        partition_by="key",
        output=[("key", DataTypes.STRING()), ("node", DataTypes.INT())],
    )
    seen = collect(table)
    assert len(seen) == 1000
    assert len(set(seen)) == 10
    assert {node for _, node in seen} == {0, 1}


def test_early_return_ends_the_job(flink: Flink) -> None:
    """Rows that come after the user's function has returned are dropped, and the job ends well."""
    table = flink.job.add_role(
        "worker", runner=program("one_epoch_then_return"), input=flink.sequence(200_000), output=XY
    )
    answered = collect(table)
    assert 0 < len(answered) < 200_000


@pytest.mark.parametrize("codec", ["raw", "json"])
def test_codecs_there_and_back(codec: str) -> None:
    """Empty, unicode, and larger than the queue."""
    flink = make_flink(JobConfig(queue_bytes=1 << 16))
    values = ['""', '"ünïcode ✓"', '{"a": [1, 2, null]}', '"' + "y" * 300_000 + '"']
    table = flink.job.add_role(
        "worker",
        runner=program("echo_objects"),
        input=flink.rows({"value": DataTypes.STRING()}, [(value,) for value in values]),
        output=[("value", DataTypes.STRING())],
        codec=codec,
    )
    assert Counter(value for (value,) in collect(table)) == Counter(values)


def test_restarts_in_place_until_it_succeeds(tmp_path: Path) -> None:
    flink = make_flink()
    flink.job.add_role("worker", runner=program("fail_until", folder=str(tmp_path), until=2))
    flink.run()
    assert files(tmp_path) == ["worker-0-0", "worker-0-1", "worker-0-2"]


def test_a_spent_budget_fails_the_job_with_the_traceback(tmp_path: Path) -> None:
    flink = make_flink(JobConfig(restart=RestartPolicy(budget=1)))
    flink.job.add_role("worker", runner=program("fail_until", folder=str(tmp_path), until=2))
    with pytest.raises(JobFailed) as failure:
        flink.run()
    assert failure.value.cause.startswith("worker[0] attempt 1: RuntimeError: attempt 1 is meant to fail")
    assert "in fail_until" in failure.value.cause
    assert files(tmp_path) == ["worker-0-0", "worker-0-1"]


def test_a_restarted_node_goes_on_where_its_input_was(tmp_path: Path) -> None:
    """The batch at hand at the failure comes again; nothing before it does, nothing after it is lost."""
    flink = make_flink()
    flink.job.add_role(
        "worker", runner=program("collect_flaky", folder=str(tmp_path)), input=flink.sequence(20_000)
    )
    flink.run()
    assert files(tmp_path) == ["worker-0-0", "worker-0-1"]
    seen = [int(line) for path in tmp_path.iterdir() for line in path.read_text().split()]
    assert sorted(seen) == list(range(1, 20_001))


def test_a_node_that_fails_after_its_input_has_ended_is_restarted_to_an_end(tmp_path: Path) -> None:
    """The next attempt finds no rows and the end, and the job finishes."""
    flink = make_flink()
    runner = program("fail_after_the_end", folder=str(tmp_path))
    flink.job.add_role("worker", runner=runner, input=flink.sequence(100))
    flink.run()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "worker-0-0": "100",
        "worker-0-1": "0",
    }


def test_two_clusters_in_one_job_do_not_meet(flink: Flink) -> None:
    """Each has an application master of its own, and roles of the same name."""
    other = MLJob(flink.env, "other", table_env=flink.tables)
    other.add_am_role()
    once = flink.job.add_role("worker", runner=program("plus_one"), input=flink.sequence(100), output=XY)
    twice = other.add_role(
        "worker",
        runner=program("plus_one"),
        input=once.select(col("y").alias("x")),
        output=XY,
    )
    assert sorted(collect(twice)) == [(x + 1, x + 2) for x in range(1, 101)]
