"""The statements of a file, one after the other, by PyFlink: what Flink's SQL client does with them.

``sql_session.py FILE [OPTION=VALUE …]`` prints the rows of the last one. Options are Flink's.
The client itself runs in Flink's distribution only: the Python package lacks a jar.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment

_SET = re.compile(r"SET '([^']+)' = '([^']+)'")
"""A statement for the client, which no environment takes."""


def main(file: str, *options: str) -> None:
    """Run the statements of `file`."""
    configuration = Configuration()
    for option in options:
        configuration.set_string(*option.split("=", 1))
    settings = EnvironmentSettings.new_instance().with_configuration(configuration).build()
    tables = TableEnvironment.create(settings)
    *before, last = filter(None, map(str.strip, Path(file).read_text().split(";")))
    for statement in before:
        if setting := _SET.fullmatch(statement):
            tables.get_config().set(*setting.groups())
        else:
            tables.execute_sql(statement).wait()
    with tables.execute_sql(last).collect() as rows:
        for row in rows:
            print(*row)


if __name__ == "__main__":
    main(*sys.argv[1:])
