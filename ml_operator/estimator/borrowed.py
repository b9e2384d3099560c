"""The environment of a table, lent to one more job."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import StreamTableEnvironment, Table

from ml_framework.errors import PlanError
from ml_operator.bridge import environment_options, undone

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTERVAL = "execution.checkpointing.interval"


class _Opened(StreamExecutionEnvironment):  # type: ignore[misc] # PyFlink's types are not followed
    """An environment that has been opened before: PyFlink would start one more server for its workers."""

    def _open(self) -> None:
        pass


def environment_of(table: Table) -> tuple[StreamExecutionEnvironment, StreamTableEnvironment]:
    """The environments of a table.

    Raises:
        PlanError: it is no table, or of an environment that knows no streams.
    """
    if not isinstance(table, Table):
        raise PlanError(f"the rows are a {type(table).__name__}, they must be a Table")
    tables = table._t_env
    if not isinstance(tables, StreamTableEnvironment):
        raise PlanError(
            f"the table is of a {type(tables).__name__}: make it with StreamTableEnvironment.create(env)"
        )
    return _Opened(tables._get_j_env()), tables


def renew_planner(env: StreamExecutionEnvironment) -> None:
    """Have tables of `env` planned again after Ctrl-C.

    It cuts the gateway's connection, and behind the next one is another thread of the JVM, on which Flink's
    planner works only when a table environment was made there.
    """
    bridge = get_gateway().jvm.org.apache.flink.table.api.bridge.java
    bridge.StreamTableEnvironment.create(env._j_stream_execution_environment)


@contextmanager
def borrowed(env: StreamExecutionEnvironment, tables: StreamTableEnvironment) -> Iterator[None]:
    """Lend an environment to a job that takes no checkpoints; afterwards it is as it was.

    What is planned meanwhile is not part of any job that is planned later.
    """
    levels = [environment_options(env)._j_configuration, tables._j_tenv.getConfig().getConfiguration()]
    before = [dict(level.toMap()) for level in levels]
    try:
        for level in levels:
            level.removeKey(_INTERVAL)
        with undone(env, always=True):
            yield
    finally:
        for level, options in zip(levels, before, strict=True):
            _restore(level, options)


def _restore(level: Any, options: dict[str, str]) -> None:
    now = dict(level.toMap())
    for name in now.keys() - options.keys():
        level.removeKey(name)
    for name, value in options.items():
        if now.get(name) != value:
            level.setString(name, value)
