"""Two parts of one job that share the process of a model: what becomes of one is nothing to the other."""

from __future__ import annotations

import re
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from pyflink.common import WatermarkStrategy
from pyflink.datastream import DataStream
from pyflink.datastream.connectors.number_seq import NumberSequenceSource
from pyflink.java_gateway import get_gateway
from support.flink import PROGRAMS, committed, recovery
from support.sql import IN_FLIGHT, make_sql

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from pyflink.table import StatementSet
    from support.sql import Sql

pytestmark = pytest.mark.flink

PARTS = 2
COUNT = 10_000
"""Rows of a part; of all of them a queue has no room for."""
ALL_IN_FLIGHT = {**IN_FLIGHT, "max-concurrent-operations": str(COUNT + 1)}
FAILURES = 3
"""In turns of the parts: whoever comes first then waits for room in place of who has failed."""
LIMIT_S = 60
NO_LOCKS = (False, False)
_THREAD = re.compile(r"MLPredictTableFunction\[(\d+)].* Id=(\d+) WAITING(?:.*\n)+.*ModelProcess\.")


class Waiting(NamedTuple):
    """A part that wants to give a row to the process, and has to wait."""

    part: int
    thread: int
    flushes: bool
    """It waits for room itself; others wait for it, or all for a frame whose time had come."""


def waiting() -> list[Waiting]:
    """The parts that wait, in order."""
    management = get_gateway().jvm.java.lang.management.ManagementFactory
    threads = map(str, management.getThreadMXBean().dumpAllThreads(*NO_LOCKS))
    found = sorted(
        (*map(int, match.groups()), ".awaitRing(" in text)
        for text in threads
        if (match := _THREAD.search(text))
    )
    return [Waiting(part, thread, flushes) for part, (_, thread, flushes) in enumerate(found)]


def both() -> list[Waiting]:
    """Wait until all parts wait."""
    return eventually(lambda: len(found := waiting()) == PARTS and found, timeout_s=LIMIT_S)


def held(folder: Path) -> None:
    """A module in `folder`, whose function holds the first batch until there is the file ``done``."""
    (folder / "held.py").write_text(
        f"""
import time
from pathlib import Path

def waiting(batch):
    while not Path({str(folder / "done")!r}).exists():
        time.sleep(0.01)
    return (batch["x"],)
"""
    )


def add_part(sql: Sql, part: int, server: socket.socket, folder: Path, statements: StatementSet) -> None:
    """Score `COUNT` numbers, and those that `server` sends, one a line."""
    numbers = sql.env.from_source(
        NumberSequenceSource(part * COUNT, (part + 1) * COUNT - 1), WatermarkStrategy.no_watermarks(), "safe"
    )
    lines = DataStream(
        sql.env._j_stream_execution_environment.socketTextStream(*server.getsockname(), "\n", 0)
    )
    sql.tables.create_temporary_view(f"numbers_{part}", sql.tables.from_data_stream(numbers).alias("id"))
    sql.tables.create_temporary_view(f"lines_{part}", sql.tables.from_data_stream(lines).alias("line"))
    sql.tables.execute_sql(
        f"CREATE TEMPORARY VIEW part_{part} AS SELECT id, CAST(id AS FLOAT) AS x FROM (SELECT * FROM "
        f"numbers_{part} UNION ALL SELECT CAST(line AS BIGINT) FROM lines_{part})"
    )
    sql.tables.execute_sql(
        f"CREATE TEMPORARY TABLE scored_{part} (id BIGINT, y INT, process BIGINT) WITH "
        f"('connector' = 'filesystem', 'path' = 'file://{folder / str(part)}', 'format' = 'csv')"
    )
    query = sql.scored("id, CAST(y AS INT), process", table=f"part_{part}", config=ALL_IN_FLIGHT)
    statements.add_insert_sql(f"INSERT INTO scored_{part} {query}")


@pytest.mark.parametrize("max_delay", [None, "20 ms"])
def test_parts_are_restarted_while_all_wait_for_room(
    tmp_path: Path, line: Path, max_delay: str | None
) -> None:
    """Rows of both are in the frame that one is to send when it is interrupted."""
    held(tmp_path)
    sql = make_sql(tmp_path / "logs", **recovery(tmp_path))
    sql.model(
        line,
        output="y FLOAT, process BIGINT",
        preprocess="held:waiting",
        postprocess="sql_programs:with_process",
        python_path=f"{tmp_path}:{PROGRAMS}",
        max_batch="7",
        max_delay=max_delay,
        processes="1",
    )
    statements = sql.tables.create_statement_set()
    with ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(PARTS)]
        for part, server in enumerate(servers):
            server.settimeout(LIMIT_S)
            add_part(sql, part, server, tmp_path, statements)
        done = statements.execute()
        connections = [stack.enter_context(server.accept()[0]) for server in servers]
        for _ in range(FAILURES):
            before = both()
            victim = max(before, key=lambda found: found.flushes).part
            connections[victim].sendall(b"no number\n")
            connections[victim] = stack.enter_context(servers[victim].accept()[0])
            eventually(lambda: {found.thread for found in both()} - {found.thread for found in before})  # noqa: B023
        for connection in connections:
            connection.sendall(b"-1\n")
    (tmp_path / "done").touch()
    done.wait()
    scored = [sorted(committed(tmp_path / str(part))) for part in range(PARTS)]
    for part, rows in enumerate(scored):
        ids = [-1, *range(part * COUNT, (part + 1) * COUNT)]
        assert [row[:2] for row in rows] == [(number, 3 * number) for number in ids]
    assert len({process for rows in scored for *_, process in rows}) == 1
