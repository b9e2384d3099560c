"""Planning: what is added to the graph, and what is refused with a sentence. Nothing runs here."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import pytest
from pyflink.common import Configuration, Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes, StreamTableEnvironment

from ml_framework.runner import PythonRunner
from ml_operator import AMConfig, JobConfig, MLJob, PlanError, RoleKind
from ml_operator.bridge import Bridge, environment_options
from ml_operator.translate import Translation
from torch_integration import inference

HAPPY = PythonRunner("ml_framework.testing.programs:happy")


def environment(**options: str) -> tuple[StreamExecutionEnvironment, StreamTableEnvironment]:
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name.replace("__", ".").replace("_", "-"), value)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    return env, StreamTableEnvironment.create(env)


@pytest.fixture
def job() -> tuple[MLJob, StreamExecutionEnvironment, StreamTableEnvironment]:
    env, tables = environment()
    planned = MLJob(env, "test-job", table_env=tables)
    planned.add_am_role()
    return planned, env, tables


def numbers(tables: StreamTableEnvironment) -> Any:
    return tables.from_elements(
        [(1, 1.5, "a")],
        DataTypes.ROW(
            [
                DataTypes.FIELD("x", DataTypes.BIGINT()),
                DataTypes.FIELD("f", DataTypes.FLOAT()),
                DataTypes.FIELD("s", DataTypes.STRING()),
            ]
        ),
    )


def operators(env: StreamExecutionEnvironment) -> int:
    return len(env._j_stream_execution_environment.getTransformations())


def graph(env: StreamExecutionEnvironment) -> dict[str, dict[str, Any]]:
    return {node["type"]: node for node in json.loads(env.get_execution_plan())["nodes"]}


def test_graph_has_one_operator_a_role_with_its_parallelism(job) -> None:
    planned, env, tables = job
    planned.add_role("ps", runner=HAPPY, parallelism=2, kind="serves")
    output = planned.add_role(
        "worker", runner=HAPPY, parallelism=3, input=numbers(tables), output=[("y", DataTypes.BIGINT())]
    )
    tables.to_data_stream(output).print()
    nodes = graph(env)
    assert nodes["application master"]["parallelism"] == 1
    assert nodes["Source: ps"]["parallelism"] == 2
    assert nodes["worker"]["parallelism"] == nodes["worker input"]["parallelism"] == 3
    master = nodes["application master"]["id"]
    control = {edge["id"]: edge["ship_strategy"] for edge in nodes["worker"]["predecessors"]}
    assert control[master] == "BROADCAST"
    assert sorted(control.values()) == ["BROADCAST", "BROADCAST", "FORWARD"]  # the AM, ps, and its own input
    (rows,) = nodes["worker input"]["predecessors"]
    assert rows["ship_strategy"] == "REBALANCE"


def test_rows_of_one_subtask_reach_a_single_node_without_a_network_edge(job) -> None:
    planned, env, tables = job
    env.set_parallelism(1)
    planned.add_role("worker", runner=HAPPY, input=numbers(tables))
    (rows,) = graph(env)["worker input"]["predecessors"]
    assert rows["ship_strategy"] == "FORWARD"


def test_partition_by_sends_rows_by_the_hash_of_a_column(job) -> None:
    planned, env, tables = job
    planned.add_role("worker", runner=HAPPY, parallelism=2, input=numbers(tables), partition_by="s")
    (rows,) = graph(env)["worker input"]["predecessors"]
    assert rows["ship_strategy"] == "HASH"


def test_plan_is_frozen_and_says_what_was_added(job) -> None:
    planned, _, tables = job
    before = planned.plan()
    planned.add_role("worker", runner=HAPPY, parallelism=2, input=numbers(tables), max_delay=timedelta(0))
    assert before.roles == ()
    (role,) = planned.plan().roles
    assert (role.name, role.spec.parallelism, role.spec.kind) == ("worker", 2, RoleKind.DRIVES)
    assert role.spec.restartable
    assert role.input is not None
    assert [str(column.type) for column in role.input.schema.columns] == [
        "BIGINT",
        "FLOAT",
        "VARCHAR(2147483647)",
    ]
    assert role.program.max_delay_s == 0


def test_render_shows_roles_and_columns(job) -> None:
    planned, _, tables = job
    planned.add_role(
        "worker", runner=HAPPY, parallelism=2, input=numbers(tables), output=[("y", DataTypes.INT())]
    )
    text = planned.render()
    assert "worker × 2, drives, runs ml_framework.testing.programs:happy" in text
    assert "in   x BIGINT, f FLOAT, s VARCHAR(2147483647) (spread)" in text
    assert "out  y INT" in text
    assert 'worker["worker × 2<br/>drives"]' in planned.render("mermaid")


def test_a_style_that_there_is_not_is_refused(job) -> None:
    with pytest.raises(PlanError, match="there is no style 'svg': there are 'text', 'drawing', 'mermaid'"):
        job[0].render("svg")


DRAWN = """\
application master
 ┊
 ├╌ ps × 6, serves
 ┊                                   ┌──────┐
 ┊                                   │ ps/0 │
 ┊                                   │ ps/1 │
 ┊                                   │ …    │
 ┊                                   │ ps/5 │
 ┊                                   └──────┘
 ┊
 └╌ worker × 2, drives
                                     ┌──────────┐
     a, b, c and 1 more (spread) ──▶ │ worker/0 │ ──▶ y
                                     │ worker/1 │
                                     └──────────┘"""


def test_a_drawing_shows_nodes_and_where_rows_go(job) -> None:
    """Of many nodes and columns the first, so that it fits a terminal."""
    planned, _, tables = job
    planned.add_role("ps", runner=HAPPY, parallelism=6, kind="serves")
    wide = tables.from_elements([(1, 2, 3, 4)], ["a", "b", "c", "d"])
    planned.add_role("worker", runner=HAPPY, parallelism=2, input=wide, output=[("y", DataTypes.INT())])
    assert planned.render("drawing") == DRAWN


def test_aliases_of_the_original_design() -> None:
    env, tables = environment()
    planned = MLJob(env, "test-job", table_env=tables)
    planned.addAMRole(AMConfig())
    planned.addRole("worker", runner=HAPPY)
    assert [role.name for role in planned.plan().roles] == ["worker"]


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


def test_data_stream_in_data_stream_out_keeps_the_element_type(job) -> None:
    planned, env, _ = job
    stream = env.from_collection(
        [("a", 1)], type_info=Types.ROW_NAMED(["name", "n"], [Types.STRING(), Types.INT()])
    )
    output = planned.add_role(
        "worker", runner=HAPPY, input=stream, output=Types.ROW_NAMED(["n"], [Types.LONG()])
    )
    assert output.get_type() == Types.ROW_NAMED(["n"], [Types.LONG()])


def integers(env: StreamExecutionEnvironment) -> Any:
    return env.from_collection([(1,)], type_info=Types.ROW_NAMED(["n"], [Types.INT()]))


def test_an_output_is_of_the_table_environment_of_its_input_also_after_a_role_of_streams() -> None:
    env, tables = environment()
    planned = MLJob(env, "test-job")
    planned.add_am_role()
    planned.add_role("first", runner=HAPPY, input=integers(env), output=Types.ROW([Types.INT()]))
    output = planned.add_role(
        "second", runner=HAPPY, input=numbers(tables), output=[("y", DataTypes.BIGINT())]
    )
    tables.create_temporary_view("answers", output)
    assert tables.sql_query("SELECT y FROM answers").get_schema().get_field_names() == ["y"]


def test_a_control_table_tells_of_its_environment() -> None:
    env, tables = environment()
    planned = MLJob(env, "test-job")
    planned.add_am_role()
    control = tables.sql_query("SELECT n FROM (VALUES (7)) AS versions (n)")
    inference(planned, integers(env), "m.pt2", inputs=["n"], output=[("y", Types.FLOAT())], control=control)
    output = planned.add_role("second", runner=HAPPY, output=[("y", DataTypes.BIGINT())])
    tables.create_temporary_view("answers", output)
    assert tables.list_temporary_views() == ["answers"]


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


def test_agents_import_from_next_to_the_main_script_and_from_what_it_has_put_before(
    monkeypatch, tmp_path
) -> None:
    script = type(sys)("__main__")
    script.__file__, script.__spec__ = str(tmp_path / "job.py"), None
    monkeypatch.setitem(sys.modules, "__main__", script)
    monkeypatch.setattr(sys, "path", ["/elsewhere", *sys.path])
    monkeypatch.chdir("/")
    env, _ = environment()
    settings = Translation(env, Bridge(env), "test-job", JobConfig())._common_settings()
    assert settings["python_path"] == f"/elsewhere:{tmp_path}:/"


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


def test_an_embedded_cluster_tells_metrics_of_this_second() -> None:
    name = "metrics.fetcher.update-interval"
    env, tables = environment()
    MLJob(env, "test-job", table_env=tables).add_am_role()
    assert environment_options(env).get_string(name, "") == "1 s"
    env, tables = environment()
    environment_options(env).set_string(name, "5 s")
    MLJob(env, "test-job", table_env=tables).add_am_role()
    assert environment_options(env).get_string(name, "") == "5 s"


def test_a_job_is_planned_over_whichever_connection_to_the_jvm_is_free() -> None:
    connections = get_gateway()._gateway_client.deque
    taken = connections.pop()  # as by another thread, whose call takes long
    plans = [MLJob(environment()[0], "job")]  # over a second connection
    connections.append(taken)
    for _ in range(2):
        plans.append(MLJob(environment()[0], "job"))
        connections.rotate()
    for planned in plans:
        planned.add_am_role()
        planned.add_role("worker", runner=HAPPY)
        assert [role.spec.name for role in planned.plan().roles] == ["worker"]


def scored(job, **options: Any) -> Any:
    planned, _, tables = job
    settings = {"inputs": ["x"], "output": [("y", DataTypes.FLOAT())]}
    return inference(planned, numbers(tables), "/models/m.pt2", **{**settings, **options})


def test_a_scored_table_has_what_was_carried_and_the_answers(job) -> None:
    found = scored(job, version="model_version", carry=["s", "x"], parallelism=3)
    assert found.rows.get_schema().get_field_names() == ["s", "x", "y", "model_version"]
    assert found.refused.get_schema().get_field_names() == ["s", "x", "model_version", "error"]
    role = job[0].plan().roles[-1]
    assert (role.name, role.spec.parallelism, role.program.max_delay_s) == ("inference", 3, 0)


def test_points_in_time_are_carried_with_their_precision(job) -> None:
    planned, _, tables = job
    table = tables.sql_query(
        "SELECT CAST(NULL AS TIMESTAMP(6)) AS t, CAST(NULL AS TIMESTAMP_LTZ(9)) AS l, 1.0 AS x"
    )
    found = inference(planned, table, "m.pt", inputs=["x"], output=[("y", DataTypes.FLOAT())])
    columns = found.rows._j_table.getResolvedSchema().getColumnDataTypes()
    assert [str(j_type) for j_type in columns][:2] == ["TIMESTAMP(6)", "TIMESTAMP_LTZ(9)"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": []}, r"role 'inference': say what the model gets: by inputs="),
        ({"preprocess": len}, r"role 'inference': say what the model gets: by inputs="),
        ({"inputs": ["z"]}, r"role 'inference': inputs names 'z', there is none: there are 'x', 'f', 's'$"),
        ({"carry": ["z"]}, r"role 'inference': carry names 'z', there is none: there are 'x', 'f', 's'$"),
        (
            {"inputs": ["ss"]},
            r"inputs names 'ss', there is none: did you mean 's'\?$",
        ),
        ({"groups": {"g": ["f"]}, "carry": ["f"]}, r"carry names 'f', there is none: there are 'x', 's'$"),
        (
            {"groups": {"g": ["f"]}, "inputs": ["f"]},
            r"inputs names 'f', .*: there are 'x', 's', 'g'$",
        ),
        ({"version": "y"}, r"'y' would be there twice in the output \(x, f, s, y, y, error\): name"),
        ({"output": [("x", DataTypes.FLOAT())]}, r"'x' would be there twice in the output"),
        ({"output": []}, r"role 'inference': output names no answer"),
        ({"output": [("y", Types.FLOAT())]}, r"the type of the answer 'y' is Float; a Table takes py"),
        ({"control": "versions"}, r"role 'inference': control is a str, it must be a Table or a DataStream"),
        ({"inputs": "x"}, r"role 'inference': inputs is 'x', it must be a list of names"),
        ({"inputs": [1]}, r"role 'inference': inputs is \[1\], it must be a list of names"),
        ({"carry": "sx"}, r"role 'inference': carry is 'sx', it must be a list of names"),
        ({"max_batch": 0}, r"role 'inference': max_batch is 0, it must be at least 1"),
        ({"max_batch": 1.5}, r"role 'inference': max_batch is 1\.5, it must be an integer"),
        ({"threads": 0}, r"role 'inference': threads is 0, it must be at least 1"),
    ],
)
def test_inference_that_cannot_run_is_refused(job, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        scored(job, **options)


@pytest.mark.parametrize("rows", ["flights", None])
def test_only_tables_and_streams_have_rows(job, rows: Any) -> None:
    planned, env, _ = job
    kind = type(rows).__name__
    with pytest.raises(PlanError, match=f"role 'inference': rows is a {kind}, it must be a Table or a Data"):
        inference(planned, rows, "m.pt2", inputs=["x"], output=[("y", DataTypes.FLOAT())])
    before = operators(env)
    with pytest.raises(
        PlanError, match=r"role 'worker': input is a list, it must be a Table or a DataStream"
    ):
        planned.add_role("worker", runner=HAPPY, input=[1, 2])
    assert operators(env) == before


def test_a_control_table_only_grows(job) -> None:
    tables = job[2]
    tables.create_temporary_view("numbers", numbers(tables))
    counts = tables.sql_query("SELECT COUNT(*) AS n FROM numbers")
    with pytest.raises(PlanError, match=r"role 'inference': control: its input is an updating table"):
        scored(job, control=counts)


def test_a_control_stream_is_one_integer(job) -> None:
    with pytest.raises(
        PlanError, match=r"role 'inference': control has the columns x BIGINT, f FLOAT.*; it must have one"
    ):
        scored(job, control=numbers(job[2]))


def test_a_scored_stream_takes_types_of_streams(job) -> None:
    planned, env, _ = job
    info = Types.ROW_NAMED(["x", "s"], [Types.FLOAT(), Types.STRING()])
    rows = env.from_collection([], info)
    found = inference(planned, rows, "m.pt2", inputs=["x"], output=[("y", Types.FLOAT())], version="version")
    assert found.rows.get_type().get_field_names() == ["x", "s", "y", "version"]
    assert found.refused.get_type().get_field_names() == ["x", "s", "version", "error"]
    with pytest.raises(PlanError, match=r"role 'other': the type of the answer 'y' is FLOAT; a Table takes"):
        inference(planned, rows, "m.pt2", name="other", inputs=["x"], output=[("y", DataTypes.FLOAT())])
    untyped = env.from_collection([1.0])
    with pytest.raises(
        PlanError, match=r"role 'other': the type of its input is not known: say output_type="
    ):
        inference(planned, untyped, "m.pt2", name="other", inputs=["x"], output=[("y", Types.FLOAT())])


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
