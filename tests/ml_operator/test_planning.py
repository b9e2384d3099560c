"""Planning: what is added to the graph. Nothing runs here."""

from __future__ import annotations

import sys
from datetime import timedelta

from pyflink.common import Types
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes
from support.planning import HAPPY, environment, graph, integers, numbers

from ml_operator import AMConfig, JobConfig, MLJob, RoleKind
from ml_operator.bridge import Bridge, environment_options
from ml_operator.translate import Translation


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


def test_roles_are_planned_on_any_thread_of_the_jvm(job) -> None:
    """Python's calls arrive on another one where a finalizer in another thread uses the connection."""
    planned, env, tables = job
    rows = numbers(tables)
    connections = get_gateway()._gateway_client.deque
    others = [connections.pop() for _ in range(len(connections))]
    try:
        planned.add_role("worker", runner=HAPPY, parallelism=2, input=rows, partition_by="s")
    finally:
        connections.extend(others)
    (edge,) = graph(env)["worker input"]["predecessors"]
    assert edge["ship_strategy"] == "HASH"


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


def test_data_stream_in_data_stream_out_keeps_the_element_type(job) -> None:
    planned, env, _ = job
    stream = env.from_collection(
        [("a", 1)], type_info=Types.ROW_NAMED(["name", "n"], [Types.STRING(), Types.INT()])
    )
    output = planned.add_role(
        "worker", runner=HAPPY, input=stream, output=Types.ROW_NAMED(["n"], [Types.LONG()])
    )
    assert output.get_type() == Types.ROW_NAMED(["n"], [Types.LONG()])


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
