"""What is wrong is told to who has asked: the model, the column or option, and the remedy."""

from __future__ import annotations

import operator
import sys
from typing import TYPE_CHECKING, Any

import pytest
from py4j.protocol import Py4JJavaError
from pyflink.util.exceptions import TableException
from support.flink import collect
from support.sql import Sql, make_sql

from ml_operator.rest import OWN_FAILURE

if TYPE_CHECKING:
    from pathlib import Path

    from pyflink.table import Table

pytestmark = pytest.mark.flink

ROWS = "(1, 1.5), (2, -1.0), (3, CAST(NULL AS FLOAT)), (4, 2.5)"

REMEDY = (
    ". To have such rows answered with null, add a STRING column to OUTPUT and name it by 'error-column'."
)
NO_PLACE = "column 'b' is null, a matrix holds null only as the NaN of FLOAT and DOUBLE: use COALESCE in SQL"


@pytest.fixture
def sql(tmp_path: Path) -> Sql:
    return make_sql(tmp_path / "logs")


def by_id(table: Table) -> list[tuple[Any, ...]]:
    """The rows of `table`: Flink reads VALUES with a CAST as one source for each row, in any order."""
    return sorted(collect(table), key=operator.itemgetter(0))


def why(sql: Sql, **options: Any) -> str:
    """The causes that a query is told of, when it runs, without Java's frames.

    Nor with the class, which Flink puts before the message where it has the exception only as a text.
    """
    with pytest.raises((Py4JJavaError, TableException)) as raised:
        collect(sql.query(**options))
    rows = str(raised.value).replace(f"Caused by: {OWN_FAILURE}: ", "Caused by: ").splitlines()
    return "\n".join(row for row in rows if not row.startswith("\tat "))


# ------------------------------------------------------------------------------------------ while it runs


def test_refused_rows_come_with_nulls_and_the_reason(sql: Sql, line: Path) -> None:
    sql.rows(ROWS)
    sql.model(line, output="y FLOAT, why STRING", error_column="why", preprocess="sql_programs:positive")
    assert by_id(sql.query("id, y, why")) == [
        (1, 4.5, None),
        (2, None, "ValueError: -1.0 is below zero"),
        (3, None, "the answer y is NaN"),
        (4, 7.5, None),
    ]


def test_a_row_that_does_not_fit_its_group_is_refused_alone(sql: Sql, line: Path) -> None:
    """A matrix of integers has no place for a null; nothing of that row goes to the process."""
    sql.tables.execute_sql(
        "CREATE TEMPORARY VIEW pairs AS SELECT id, CAST(v AS INT) AS a, CAST(w AS INT) AS b "
        "FROM (VALUES (1, 1, 2), (2, 3, CAST(NULL AS INT)), (3, 4, 5)) AS rows_(id, v, w)"
    )
    options = {"groups": "f=a,b", "preprocess": "sql_programs:summed"}
    sql.model(line, columns="a INT, b INT", output="y FLOAT, why STRING", error_column="why", **options)
    assert by_id(sql.query("id, y, why", table="pairs", columns="a, b")) == [
        (1, 9.0, None),
        (
            2,
            None,
            NO_PLACE,
        ),
        (3, 27.0, None),
    ]
    sql.name = "strict"
    sql.model(line, columns="a INT, b INT", **options)
    told = why(sql, table="pairs", columns="a, b")
    assert f"Caused by: model strict cannot take a row: {NO_PLACE}{REMEDY}" in told


@pytest.mark.parametrize(
    ("points", "name"), [("TIMESTAMP(9)", "points"), ("ARRAY<TIMESTAMP(9)>", "points[]")]
)
def test_a_point_in_time_out_of_reach_is_refused_alone(sql: Sql, line: Path, points: str, name: str) -> None:
    """Nothing of that row goes to the process: every other row has its own answer, and its own text."""
    value = "CAST(v AS TIMESTAMP(9))" if points == "TIMESTAMP(9)" else "ARRAY[CAST(v AS TIMESTAMP(9))]"
    values = ", ".join(
        f"({id_}, 'row {id_}', TIMESTAMP '{9999 if id_ % 3 == 0 else 2000}-12-31 00:00:00')"
        for id_ in range(1, 8)
    )
    sql.tables.execute_sql(
        f"CREATE TEMPORARY VIEW moments AS SELECT id, CAST(id AS FLOAT) AS x, name, {value} AS points "
        f"FROM (VALUES {values}) AS rows_(id, name, v)"
    )
    sql.model(
        line,
        columns=f"x FLOAT, name STRING, points {points}",
        output="y FLOAT, why STRING",
        error_column="why",
        preprocess="sql_programs:named",
    )
    found = by_id(sql.query("id, y, why", table="moments", columns="x, name, points"))
    out = (
        f"column '{name}' is TIMESTAMP(9), the count of its units since 1970 does not fit 64 bits for "
        "9999-12-31T00:00: CAST it to a smaller precision in SQL"
    )
    assert found == [(id_, None, out) if id_ % 3 == 0 else (id_, 3.0 * id_, None) for id_ in range(1, 8)]


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        ("(1, 1.5), (2, -1.0)", {"preprocess": "sql_programs:positive"}, "ValueError: -1.0 is below zero"),
        ("(1, 1.5), (2, CAST(NULL AS FLOAT))", {}, "x is null"),
        ("(1, 1.5)", {"preprocess": "sql_programs:failing"}, "RuntimeError: the user's own words"),
    ],
)
def test_without_a_column_for_the_reason_a_row_that_is_refused_ends_the_job(
    sql: Sql, line: Path, rows: str, options: dict[str, str], told: str
) -> None:
    sql.rows(rows)
    sql.model(line, **options)
    told_in_flink = why(sql)
    assert f"Caused by: model line cannot take a row: {told}{REMEDY}" in told_in_flink


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"output": "y INT"},
            "EmitError: column 'y' (INT) takes int32, float32 may not fit: convert it to int32, or declare",
        ),
        (
            {"output": "y FLOAT, z FLOAT"},
            "ModelError: the model answers 1 tensors, the output has y, z: declare a column for each of them",
        ),
        (
            {"postprocess": "sql_programs:called_z"},
            "ModelError: the model answers z, and the output has y: name the answers so in postprocess",
        ),
        (
            {"path": "/nowhere.onnx"},
            "ModelError: there is no model at /nowhere.onnx: it has to be there on every machine that scores",
        ),
    ],
)
def test_a_model_that_does_not_fit_ends_the_job(
    sql: Sql, line: Path, options: dict[str, str], told: str
) -> None:
    """Whatever the rows: the user's traceback is there, too."""
    sql.rows("(1, 1.5)")
    sql.model(**{"path": str(line), **options})
    told_in_flink = why(sql)
    assert f"Caused by: model line: model[0] attempt 0: ml_framework.errors.{told}" in told_in_flink
    assert "Traceback (most recent call last)" in told_in_flink


@pytest.mark.parametrize(
    ("columns", "column", "told"),
    [
        ("x DOUBLE", "x", "INPUT declares 'x' as DOUBLE, and gets Float"),
        (
            "price DECIMAL(12, 4)",
            "price",
            "INPUT declares 'price' as DECIMAL(12, 4), and gets DecimalData of scale 2",
        ),
    ],
)
def test_a_column_of_another_type_than_input_declares_ends_the_job(
    sql: Sql, line: Path, columns: str, column: str, told: str
) -> None:
    """Flink lets it by, for it could be cast, and does not cast it: a price would be a hundredth."""
    sql.rows("(1, CAST(NULL AS FLOAT)), (2, 1.5)")
    sql.tables.execute_sql(
        "CREATE TEMPORARY VIEW prices AS SELECT id, x, CAST(x AS DECIMAL(10, 2)) AS price FROM numbers"
    )
    sql.model(
        line,
        columns=columns,
        preprocess="sql_programs:positive",
        output="y FLOAT, why STRING",
        error_column="why",
    )
    told_in_flink = why(sql, table="prices", columns=column)
    assert f"Caused by: model line: {told}, which Flink does not cast: CAST it in the query" in told_in_flink


# --------------------------------------------------------------------------------------- when it is planned


def refused(sql: Sql, **options: str) -> str:
    """Why a query cannot be planned."""
    with pytest.raises((Py4JJavaError, TableException)) as raised:
        sql.query(**options)
    return str(raised.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_bach": "3"}, "Unsupported options:\n\nmax-bach\n\nSupported options:"),
        ({"format": None}, "Missing required options are:\n\nformat"),
        ({"format": "onyx"}, "model line: there is no 'format' 'onyx': did you mean 'onnx'?"),
        ({"max_batch": "0"}, "model line: 'max-batch' is 0, it must be at least 1"),
        ({"processes": "0"}, "model line: 'processes' is 0, it must be at least 1"),
        ({"threads": "0"}, "model line: threads is 0, it must be at least 1"),
        ({"max_delay": "soon"}, "Could not parse value 'soon' for key 'max-delay'"),
        ({"error_column": "z"}, "model line: 'error-column' is 'z', which is no column of OUTPUT: there are"),
        ({"error_column": "y"}, "model line: 'error-column' is 'y', which is FLOAT: declare it in OUTPUT as"),
        ({"preprocess": "sql_programs:positiv"}, "defines no 'positiv'; did you mean 'positive'?"),
        (
            {"preprocess": "no_module:any"},
            "there is no module 'no_module': put its folder into 'python-path'",
        ),
        ({"inputs": "y"}, "model line: 'inputs' names 'y', there is none"),
        (
            {"python": "/nowhere"},
            'model line: its interpreter cannot be started: Cannot run program "/nowhere"',
        ),
        (
            {"python": "/bin/true"},
            "model line: '/bin/true -m ml_framework.sql' says nothing. Planning it takes",
        ),
    ],
)
def test_a_model_that_cannot_be_planned_says_why(
    sql: Sql, line: Path, options: dict[str, Any], told: str
) -> None:
    """Before anything runs."""
    sql.rows("(1, 1.5)")
    sql.model(line, output="y FLOAT, why STRING", **options)
    assert told in refused(sql)


def test_a_python_without_the_package_says_which_one_it_takes(sql: Sql, line: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    sql.rows("(1, 1.5)")
    sql.model(line, python=str(python))
    told = refused(sql)
    assert f"'{python} -m ml_framework.sql' says: " in told
    assert (
        "No module named 'ml_framework'). Planning it takes a Python 3.11 with ml-on-flink: name its" in told
    )


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ("x STRING", "column 'x' type FLOAT NOT NULL cannot be assigned to model input type STRING"),
        ("x FLOAT, z FLOAT", "Number of descriptor columns (1) does not match model input size (2)."),
    ],
)
def test_flink_tells_of_input_that_does_not_fit(sql: Sql, line: Path, columns: str, told: str) -> None:
    sql.rows("(1, 1.5)")
    sql.model(line, columns=columns)
    assert told in refused(sql)


def test_flink_tells_of_rows_that_are_updated(sql: Sql, line: Path) -> None:
    """And of a query that asks for one row at a time; it asks no provider."""
    sql.rows("(1, 1.5), (1, 2.5)")
    sql.tables.execute_sql("CREATE TEMPORARY VIEW highest AS SELECT id, MAX(x) AS x FROM numbers GROUP BY id")
    sql.model(line)
    assert "doesn't support consuming update changes which is produced by node GroupAggregate" in why(
        sql, table="highest"
    )
    assert "Require sync mode, but model provider" in why(sql, config={"async": "false"})


def test_answers_go_to_a_table_with_a_primary_key(sql: Sql, line: Path) -> None:
    """Rows that only come are upserts, too."""
    sql.rows("(1, 1.5)")
    sql.model(line)
    sql.tables.execute_sql(
        "CREATE TEMPORARY TABLE latest (id INT, y FLOAT, PRIMARY KEY (id) NOT ENFORCED) "
        "WITH ('connector' = 'blackhole')"
    )
    sql.tables.execute_sql(f"INSERT INTO latest {sql.scored('id, y')}").wait()
