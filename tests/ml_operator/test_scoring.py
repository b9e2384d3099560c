"""Planning of roles that score: their columns, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pyflink.common import Types
from pyflink.table import DataTypes
from support.planning import HAPPY, environment, integers, numbers, operators

from ml_operator import MLJob, PlanError
from torch_integration import inference


def test_a_control_table_tells_of_its_environment() -> None:
    env, tables = environment()
    planned = MLJob(env, "test-job")
    planned.add_am_role()
    control = tables.sql_query("SELECT n FROM (VALUES (7)) AS versions (n)")
    inference(planned, integers(env), "m.pt2", inputs=["n"], output=[("y", Types.FLOAT())], control=control)
    output = planned.add_role("second", runner=HAPPY, output=[("y", DataTypes.BIGINT())])
    tables.create_temporary_view("answers", output)
    assert tables.list_temporary_views() == ["answers"]


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
