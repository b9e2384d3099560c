"""Every supported SQL type goes through the user's process and comes back as it was."""

from __future__ import annotations

import pytest
from pyflink.table import DataTypes, Table
from pyflink.table.types import DataType, _to_java_data_type
from support.flink import Flink, collect, make_flink, program

pytestmark = pytest.mark.flink

TYPES: dict[str, tuple[DataType, list[str], list[str]]] = {
    "boolean": (DataTypes.BOOLEAN(), ["TRUE", "FALSE"], ["TRUE", "FALSE"]),
    "tinyint": (DataTypes.TINYINT(), ["-128", "127"], ["-128", "127"]),
    "smallint": (DataTypes.SMALLINT(), ["-32768", "32767"], ["-32768", "32767"]),
    "int": (DataTypes.INT(), ["-2147483648", "2147483647"], ["-2147483648", "2147483647"]),
    "bigint": (
        DataTypes.BIGINT(),
        ["-9223372036854775807", "9223372036854775807"],
        ["-9223372036854775807", "9223372036854775807"],
    ),
    "float": (DataTypes.FLOAT(), ["-1.5E30", "0.1"], ["-1.5E30", "0.1"]),
    "double": (DataTypes.DOUBLE(), ["-1.5E300", "0.1"], ["-1.5E300", "0.1"]),
    "decimal": (DataTypes.DECIMAL(5, 2), ["-999.99", "0.01"], ["-999.99", "0.01"]),
    "decimal_18": (DataTypes.DECIMAL(18, 0), ["-999999999999999999", "1"], ["-999999999999999999", "1"]),
    "decimal_38": (
        DataTypes.DECIMAL(38, 18),
        ["'-99999999999999999999.999999999999999999'", "'0.000000000000000001'"],
        ["-99999999999999999999.999999999999999999", "0.000000000000000001"],
    ),
    "char": (DataTypes.CHAR(5), ["'abcde'", "'ü'"], ["abcde", "ü    "]),
    "varchar": (DataTypes.VARCHAR(9), ["''", "'ünïcode ✓'"], ["", "ünïcode ✓"]),
    "string": (DataTypes.STRING(), ["'a,b'", "REPEAT('x', 70000)"], ["a,b", "x" * 70_000]),
    "binary": (DataTypes.BINARY(2), ["X'6162'", "X'0020'"], ["ab", "\0 "]),
    "varbinary": (DataTypes.VARBINARY(4), ["X''", "X'616263'"], ["", "abc"]),
    "bytes": (DataTypes.BYTES(), ["X'00'", "X'7a7a'"], ["\0", "zz"]),
    "date": (DataTypes.DATE(), ["DATE '1900-02-28'", "DATE '9999-12-31'"], ["1900-02-28", "9999-12-31"]),
    "time_0": (DataTypes.TIME(0), ["TIME '00:00:00'", "TIME '23:59:59'"], ["00:00:00", "23:59:59"]),
    "time_3": (
        DataTypes.TIME(3),
        ["TIME '00:00:00.001'", "TIME '23:59:59.999'"],
        ["00:00:00.001", "23:59:59.999"],
    ),
    "timestamp_0": (
        DataTypes.TIMESTAMP(0),
        ["TIMESTAMP '1969-12-31 23:59:59'", "TIMESTAMP '9999-12-31 23:59:59'"],
        ["1969-12-31 23:59:59", "9999-12-31 23:59:59"],
    ),
    "timestamp_3": (
        DataTypes.TIMESTAMP(3),
        ["TIMESTAMP '1969-12-31 23:59:59.999'", "TIMESTAMP '2024-02-29 12:00:00.001'"],
        ["1969-12-31 23:59:59.999", "2024-02-29 12:00:00.001"],
    ),
    "timestamp_6": (
        DataTypes.TIMESTAMP(6),
        ["TIMESTAMP '1969-12-31 23:59:59.999999'", "TIMESTAMP '2024-02-29 12:00:00.000001'"],
        ["1969-12-31 23:59:59.999999", "2024-02-29 12:00:00.000001"],
    ),
    "timestamp_9": (
        DataTypes.TIMESTAMP(9),
        ["TIMESTAMP '1677-09-22 00:00:00.999999999'", "TIMESTAMP '2262-04-11 00:00:00.000000001'"],
        ["1677-09-22 00:00:00.999999999", "2262-04-11 00:00:00.000000001"],
    ),
    "ltz_3": (
        DataTypes.TIMESTAMP_LTZ(3),
        ["TO_TIMESTAMP_LTZ(-1, 3)", "TO_TIMESTAMP_LTZ(1709208000001, 3)"],
        ["1969-12-31 23:59:59.999", "2024-02-29 12:00:00.001"],
    ),
    "ltz_9": (
        DataTypes.TIMESTAMP_LTZ(9),
        ["TO_TIMESTAMP_LTZ(-1, 3)", "TO_TIMESTAMP_LTZ(1709208000001, 3)"],
        ["1969-12-31 23:59:59.999000000", "2024-02-29 12:00:00.001000000"],
    ),
    "array_int": (
        DataTypes.ARRAY(DataTypes.INT()),
        ["ARRAY[1, CAST(NULL AS INT), 3]", "ARRAY[-2147483648]"],
        ["[1, NULL, 3]", "[-2147483648]"],
    ),
    "array_string": (
        DataTypes.ARRAY(DataTypes.STRING()),
        ["ARRAY['a', CAST(NULL AS STRING), '']", "ARRAY['✓']"],
        ["[a, NULL, ]", "[✓]"],
    ),
    "array_double": (
        DataTypes.ARRAY(DataTypes.DOUBLE()),
        ["ARRAY[0.5, 0.25]", "ARRAY[1.0]"],
        ["[0.5, 0.25]", "[1.0]"],
    ),
    "array_boolean": (
        DataTypes.ARRAY(DataTypes.BOOLEAN()),
        ["ARRAY[TRUE, FALSE]", "ARRAY[TRUE]"],
        ["[TRUE, FALSE]", "[TRUE]"],
    ),
    "array_decimal": (
        DataTypes.ARRAY(DataTypes.DECIMAL(20, 3)),
        [
            "ARRAY[CAST(1.5 AS DECIMAL(20, 3)), CAST(NULL AS DECIMAL(20, 3))]",
            "ARRAY[CAST(-0.001 AS DECIMAL(20, 3))]",
        ],
        ["[1.500, NULL]", "[-0.001]"],
    ),
    "array_timestamp": (
        DataTypes.ARRAY(DataTypes.TIMESTAMP(3)),
        [
            "ARRAY[TIMESTAMP '2024-02-29 12:00:00.001', CAST(NULL AS TIMESTAMP(3))]",
            "ARRAY[TIMESTAMP '1970-01-01 00:00:00.000']",
        ],
        ["[2024-02-29 12:00:00.001, NULL]", "[1970-01-01 00:00:00.000]"],
    ),
}
"""Each type with the literals of two values, and what these read as."""


@pytest.fixture
def flink() -> Flink:
    """Local time is UTC."""
    return make_flink(table__local_time_zone="UTC")


def sql(kind: DataType) -> str:
    """A type as SQL spells it."""
    return str(_to_java_data_type(kind).getLogicalType().asSerializableString())


def rows_of_every_type(flink: Flink) -> Table:
    """Two rows of values and one of nulls; each row is a query, so that no type is widened by a neighbour."""
    casts = [
        ", ".join(
            f"CAST({literals[row]} AS {sql(kind)}) AS `{name}`" for name, (kind, literals, _) in TYPES.items()
        )
        for row in range(2)
    ]
    casts.append(", ".join(f"CAST(NULL AS {sql(kind)}) AS `{name}`" for name, (kind, _, _) in TYPES.items()))
    queries = (f"SELECT {number} AS id, {values} FROM (VALUES (0))" for number, values in enumerate(casts))
    return flink.tables.sql_query(" UNION ALL ".join(queries))


def test_every_type_there_and_back(flink: Flink) -> None:
    """The extremes of each, and nulls, in a table of all of them."""
    table = flink.job.add_role(
        "worker",
        runner=program("echo_with_nulls"),
        input=rows_of_every_type(flink),
        output=[("id", DataTypes.INT()), *((name, kind) for name, (kind, _, _) in TYPES.items())],
    )
    flink.tables.create_temporary_view("answers", table)
    texts = ", ".join(f"CAST(`{name}` AS STRING)" for name in TYPES)
    rows = {row[0]: row[1:] for row in collect(flink.tables.sql_query(f"SELECT id, {texts} FROM answers"))}
    for number in range(2):
        expected = {name: values[number] for name, (_, _, values) in TYPES.items()}
        assert dict(zip(TYPES, rows[number], strict=True)) == expected
    assert set(rows[2]) == {None}


def test_bytes_that_are_no_text_there_and_back(flink: Flink) -> None:
    """All 256 of them."""
    every = "".join(f"{byte:02x}" for byte in range(256))
    source = flink.tables.sql_query(f"SELECT X'{every}' AS a")
    table = flink.job.add_role(
        "worker", runner=program("echo"), input=source, output=[("a", DataTypes.BYTES())]
    )
    assert [bytes(value) for (value,) in collect(table)] == [bytes(range(256))]
