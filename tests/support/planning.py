"""Environments to plan in, with rows for roles, and what the graph has become."""

from __future__ import annotations

import json
from typing import Any

from pyflink.common import Configuration, Types
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import DataTypes, StreamTableEnvironment

from ml_framework.runner import PythonRunner

HAPPY = PythonRunner("ml_framework.testing.programs:happy")


def environment() -> tuple[StreamExecutionEnvironment, StreamTableEnvironment]:
    env = StreamExecutionEnvironment.get_execution_environment(Configuration())
    return env, StreamTableEnvironment.create(env)


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


def integers(env: StreamExecutionEnvironment) -> Any:
    return env.from_collection([(1,)], type_info=Types.ROW_NAMED(["n"], [Types.INT()]))


def operators(env: StreamExecutionEnvironment) -> int:
    return len(env._j_stream_execution_environment.getTransformations())


def graph(env: StreamExecutionEnvironment) -> dict[str, dict[str, Any]]:
    return {node["type"]: node for node in json.loads(env.get_execution_plan())["nodes"]}
