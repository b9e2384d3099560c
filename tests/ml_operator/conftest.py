"""Planning needs the gateway's JVM, and no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.planning import environment

from ml_operator import MLJob

if TYPE_CHECKING:
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.table import StreamTableEnvironment


@pytest.fixture(scope="session", autouse=True)
def _gateway(gateway: None) -> None:
    """Start the JVM before the first test."""


@pytest.fixture
def job() -> tuple[MLJob, StreamExecutionEnvironment, StreamTableEnvironment]:
    env, tables = environment()
    planned = MLJob(env, "test-job", table_env=tables)
    planned.add_am_role()
    return planned, env, tables
