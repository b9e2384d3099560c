"""Models that SQL knows, on an embedded cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper
from pyflink.common import WatermarkStrategy
from pyflink.datastream.connectors.number_seq import NumberSequenceSource
from pyflink.table import StreamTableEnvironment

from ml_operator.sql import use_models
from support.flink import PROGRAMS, make_env

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.table import Table
    from pyflink.table.table_result import TableResult

IN_FLIGHT = {"max-concurrent-operations": "512", "output-mode": "ORDERED"}
"""Of a query; Flink lets ten rows wait for their answers otherwise."""


def save_line(weight: float, path: Path) -> Path:
    """A factor times x in ONNX, of FLOAT: what loads fast."""
    value = helper.make_tensor("", TensorProto.FLOAT, [], [weight])
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], ["weight"], value=value),
            helper.make_node("Mul", ["x", "weight"], ["y"]),
        ],
        "line",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows"])],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path


@dataclass
class Sql:
    """Statements to a cluster that scores with models of its provider.

    Args:
        env: what `tables` belongs to.
        tables: knows the provider.
        logs: folder for those of the processes.
        name: of the model, as SQL writes it.
    """

    env: StreamExecutionEnvironment
    tables: StreamTableEnvironment
    logs: Path
    name: str = "line"

    def rows(self, values: str) -> None:
        """The view ``numbers (id, x)`` of these rows, as in VALUES; x is cast to FLOAT."""
        self.tables.execute_sql(
            "CREATE TEMPORARY VIEW numbers AS SELECT id, CAST(v AS FLOAT) AS x "
            f"FROM (VALUES {values}) AS rows_(id, v)"
        )

    def sequence(self, count: int) -> None:
        """The view ``numbers (id, x)`` of the rows 1 … count, each a BIGINT and the same number as FLOAT."""
        stream = self.env.from_source(
            NumberSequenceSource(1, count), WatermarkStrategy.no_watermarks(), "numbers"
        )
        self.tables.create_temporary_view("counted", self.tables.from_data_stream(stream).alias("id"))
        self.tables.execute_sql(
            "CREATE TEMPORARY VIEW numbers AS SELECT id, CAST(id AS FLOAT) AS x FROM counted"
        )

    def model(
        self, path: Path | str, *, columns: str = "x FLOAT", output: str = "y FLOAT", **options: str | None
    ) -> None:
        """The model; options with `_` for a dash, None leaves one out."""
        said: dict[str, str | None] = {
            "provider": "ml-on-flink",
            "path": str(path),
            "format": "onnx",
            "python-path": PROGRAMS,
            "log-dir": str(self.logs),
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        listed = ", ".join(f"'{name}' = '{value}'" for name, value in said.items() if value is not None)
        self.tables.execute_sql(
            f"CREATE TEMPORARY MODEL {self.name} INPUT ({columns}) OUTPUT ({output}) WITH ({listed})"
        )

    def scored(
        self,
        select: str = "*",
        *,
        table: str = "numbers",
        columns: str = "x",
        config: Mapping[str, str] = IN_FLIGHT,
    ) -> str:
        """The query for these columns of the rows of `table` and their answers."""
        listed = ", ".join(f"'{name}', '{value}'" for name, value in config.items())
        arguments = f"TABLE {table}, MODEL {self.name}, DESCRIPTOR({columns}), MAP[{listed}]"
        return f"SELECT {select} FROM ML_PREDICT({arguments})"

    def query(self, select: str = "*", **options: Any) -> Table:
        """`scored`, planned."""
        return self.tables.sql_query(self.scored(select, **options))

    def insert(self, select: str, columns: str, folder: Path | None = None, **options: str) -> TableResult:
        """Start a job that writes `columns` to CSV files in `folder`, or nowhere."""
        sink = (
            "'connector' = 'blackhole'"
            if folder is None
            else f"'connector' = 'filesystem', 'path' = 'file://{folder}', 'format' = 'csv'"
        )
        self.tables.execute_sql(f"CREATE TEMPORARY TABLE sink ({columns}) WITH ({sink})")
        return self.tables.execute_sql(f"INSERT INTO sink {self.scored(select, **options)}")


def make_sql(logs: Path, parallelism: int = 1, **options: str) -> Sql:
    """An environment that knows the provider; options as in `make_flink`."""
    env = make_env(parallelism, **options)
    tables = StreamTableEnvironment.create(env)
    use_models(tables)
    return Sql(env, tables, logs)
