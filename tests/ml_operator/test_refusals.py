"""What cannot run is refused with a sentence, and leaves nothing behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes
from support.planning import HAPPY, environment, graph, integers, numbers, operators

from ml_framework.runner import PythonRunner
from ml_operator import AMConfig, MLJob, PlanError


def test_a_style_that_there_is_not_is_refused(job) -> None:
    with pytest.raises(PlanError, match="there is no style 'svg': there are 'text', 'drawing', 'mermaid'"):
        job[0].render("svg")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"page": "everywhere"}, r"AMConfig\.page is 'everywhere', it must be one of \('loopback', 'adv"),
        ({"page_port": 65_536}, r"AMConfig\.page_port is 65536, it must be 0 to 65535"),
        ({"port": 65_536}, r"AMConfig\.port is 65536, it must be 0 to 65535"),
        ({"port": -1}, r"AMConfig\.port is -1, it must be 0 to 65535"),
    ],
)
def test_an_application_master_that_cannot_be_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PlanError, match=complaint):
        AMConfig(**options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parallelism": 0}, r"role 'worker': parallelism is 0, it must be at least 1"),
        ({"kind": "boss"}, r"role 'worker': kind is 'boss', it must be one of drives, serves, side"),
        ({"output": []}, r"role 'worker': output has no columns"),
        (
            {"partition_by": "nope"},
            r"role 'worker': partition_by='nope' names no column: there are 'x', 'f'",
        ),
        ({"rowtime": "x"}, r"role 'worker': rowtime='x' names an output column, declare output= too"),
        ({"groups": {"g": ["x", "nope"]}}, r"role 'worker': group 'g': there is no column 'nope'"),
        ({"codec": "xml"}, r"role 'worker': there is no codec 'xml'"),
        ({"codec": "json"}, r"role 'worker': codec 'json' takes one BYTES or STRING column"),
        ({"max_delay": timedelta(seconds=-1)}, r"role 'worker': max_delay is .*, it must be zero or more"),
        ({"python": "/no/such/python"}, r"role 'worker': python='/no/such/python' is no program"),
        (
            {"output": [("m", DataTypes.MAP(DataTypes.INT(), DataTypes.INT()))]},
            r"role 'worker': column 'm': .*flatten it in SQL",
        ),
        (
            {"output": [("t", DataTypes.TIMESTAMP(6))], "rowtime": "t"},
            r"role 'worker': rowtime column 't' is TIMESTAMP\(6\): a time attribute is TIMESTAMP or",
        ),
        ({"runner": PythonRunner("no_such_module:main")}, r"role 'worker': .*no_such_module"),
    ],
)
def test_a_role_that_cannot_run_is_refused_with_role_and_remedy(
    job, change: dict[str, Any], message: str
) -> None:
    """And leaves nothing in the job: the name and the uids are free for another try."""
    planned, env, tables = job
    before = operators(env)
    with pytest.raises(PlanError, match=message):
        planned.add_role("worker", **{"runner": HAPPY, "input": numbers(tables), **change})
    assert planned.plan().roles == ()
    assert operators(env) == before
    planned.add_role("worker", runner=HAPPY, input=numbers(tables))
    assert graph(env)["worker"]["parallelism"] == 1


def test_a_refused_role_with_a_stream_leaves_its_uids_free(job) -> None:
    planned, env, _ = job
    stream = integers(env)
    before = operators(env)
    with pytest.raises(PlanError, match="there is no codec 'xml'"):
        planned.add_role("worker", runner=HAPPY, input=stream, codec="xml")
    assert operators(env) == before
    planned.add_role("worker", runner=HAPPY, input=stream)
    assert graph(env)["worker"]["parallelism"] == 1


def test_roles_need_an_application_master_first() -> None:
    env, _ = environment()
    with pytest.raises(
        PlanError, match=r"role 'worker': job 'test-job' has no application master yet: call add_am_role"
    ):
        MLJob(env, "test-job").add_role("worker", runner=HAPPY)


def test_two_application_masters_are_refused(job) -> None:
    planned, *_ = job
    with pytest.raises(PlanError, match="has an application master already"):
        planned.add_am_role()


def test_two_roles_of_one_name_are_refused(job) -> None:
    planned, *_ = job
    planned.add_role("worker", runner=HAPPY)
    with pytest.raises(PlanError, match="role 'worker' is there already"):
        planned.add_role("worker", runner=HAPPY)


@pytest.mark.parametrize("mode", ["BATCH", "AUTOMATIC"])
def test_batch_runtime_mode_is_refused(mode: str) -> None:
    configuration = Configuration()
    configuration.set_string("execution.runtime-mode", mode)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    with pytest.raises(PlanError, match=f"execution.runtime-mode is {mode}"):
        MLJob(env, "test-job").add_am_role()


def test_an_updating_table_is_refused_with_the_remedy(job) -> None:
    planned, _, tables = job
    tables.create_temporary_view("numbers", numbers(tables))
    counts = tables.sql_query("SELECT s, COUNT(*) AS n FROM numbers GROUP BY s")
    with pytest.raises(PlanError, match=r"role 'worker': its input is an updating table.*interval join"):
        planned.add_role("worker", runner=HAPPY, input=counts)


def test_an_unsupported_column_type_is_named(job) -> None:
    planned, _, tables = job
    nested = tables.sql_query("SELECT MAP['a', 1] AS m")
    with pytest.raises(PlanError, match=r"role 'worker': column 'm': .*flatten it in SQL"):
        planned.add_role("worker", runner=HAPPY, input=nested)


def test_a_role_does_not_wait_for_another_of_its_cluster(job) -> None:
    planned, env, tables = job
    first = planned.add_role("first", runner=HAPPY, input=numbers(tables), output=[("y", DataTypes.FLOAT())])
    tables.create_temporary_view("answers", first)
    table = tables.sql_query("SELECT y + 1 AS z FROM answers WHERE y > 0")
    with pytest.raises(
        PlanError, match=r"role 'second': its input comes from another role of the same cluster"
    ):
        planned.add_role("second", runner=HAPPY, input=table)
    assert [role.name for role in planned.plan().roles] == ["first"]
    other = MLJob(env, "other", table_env=tables)
    other.add_am_role()
    other.add_role("second", runner=HAPPY, input=table)
