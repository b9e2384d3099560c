"""`use_models`: has SQL's ``CREATE MODEL`` know the provider ``'ml-on-flink'``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ml_operator.jar import jar_path

if TYPE_CHECKING:
    from pyflink.table import TableEnvironment

_EXECUTABLE = "python.executable"


def use_models(tables: TableEnvironment) -> None:
    """Have the statements of `tables` find the provider ``'ml-on-flink'`` of models, and its Python.

    ::

        use_models(t_env)
        t_env.execute_sql(
            "CREATE MODEL doubles INPUT (x FLOAT) OUTPUT (y FLOAT) WITH ('provider' = 'ml-on-flink', …)"
        )
        t_env.sql_query("SELECT id, y FROM ML_PREDICT(TABLE numbers, MODEL doubles, DESCRIPTOR(x))")

    Models are planned, and run, by the interpreter that ``python.executable`` names; where that is not set it
    is the one that runs here. Elsewhere, in the SQL client or gateway, ``ADD JAR`` with the path that
    ``mlflink jar`` prints does the same.

    Args:
        tables: of any kind.

    Raises:
        PlanError: the bridge jar was not built.
    """
    tables.execute_sql(f"ADD JAR '{jar_path()}'")
    config = tables.get_config()
    if not config.get(_EXECUTABLE, ""):
        config.set(_EXECUTABLE, sys.executable)
