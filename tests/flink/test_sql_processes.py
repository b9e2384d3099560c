"""SQL's door: the processes that score, shared or not, killed, cancelled, or given another version."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from py4j.protocol import Py4JJavaError
from support.flink import PROGRAMS, after_checkpoints, by_subtask, committed, processes, recovery, users
from support.sql import make_sql, save_line

from ml_framework.inference import publish
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    import psutil
    from pyflink.table.table_result import TableResult

pytestmark = pytest.mark.flink

CANCELLED_WITHIN_S = 10.0


def held(folder: Path) -> str:
    """A module in `folder`, whose function holds each batch a while, until there is the file ``done``.

    It leaves the file ``begun`` there.
    """
    (folder / "held.py").write_text(
        f"""
import time
from pathlib import Path

folder = Path({str(folder)!r})

def slowly(batch):
    (folder / "begun").touch()
    if not (folder / "done").exists():
        time.sleep(0.006)
    return (batch["x"],)

def waiting(batch):
    while not (folder / "done").exists():
        time.sleep(0.006)
    return (batch["x"],)
"""
    )
    return str(folder)


@pytest.mark.parametrize(("said", "count"), [(None, 3), ("1", 1), ("2", 2)])
def test_subtasks_share_as_many_processes_as_are_said(
    tmp_path: Path, line: Path, said: str | None, count: int
) -> None:
    """One for each of three without a word; no more are ever started.

    Their logs lie in the folder for them, whatever the model is called.
    """
    sql = make_sql(tmp_path / "logs", parallelism=3)
    sql.name = "`../../../line`"
    sql.sequence(3000)
    sql.model(
        line,
        output="y FLOAT, process BIGINT",
        preprocess="held:waiting",
        postprocess="sql_programs:with_process",
        python_path=f"{held(tmp_path)}:{PROGRAMS}",
        processes=said,
    )
    done = sql.insert("id, CAST(y AS INT), process", "id BIGINT, y INT, process BIGINT", tmp_path / "rows")
    pids = eventually(lambda: len(found := users()) == count and {user.pid for user in found}, timeout_s=60)
    assert len(agents()) == count
    (tmp_path / "done").touch()
    done.wait()
    found = sorted(committed(tmp_path / "rows"))
    assert [row[:2] for row in found] == [(number, 3 * number) for number in range(1, 3001)]
    assert {pid for *_, pid in found} <= pids
    assert len(list((tmp_path / "logs").rglob("model-*.log"))) == count


def agents() -> list[psutil.Process]:
    """Those above the user's processes."""
    return processes("ml_framework.node")


def answering(folder: Path) -> None:
    """Wait until the function of `held` is called again, and what is answered is committed."""
    (folder / "begun").unlink(missing_ok=True)
    eventually((folder / "begun").exists, timeout_s=60)
    after_checkpoints(folder, 2)


def after_line(folder: Path, text: str) -> None:
    """Wait until the process of the model has printed `text`."""
    (log,) = (folder / "logs").rglob("model-0.log")
    eventually(lambda: text in log.read_text(), timeout_s=60)


def test_rows_are_committed_once_though_processes_are_killed(tmp_path: Path, line: Path) -> None:
    """The user's, then the agent above it."""
    count = 300_000
    sql = make_sql(tmp_path / "logs", **recovery(tmp_path))
    sql.sequence(count)
    sql.model(
        line,
        output="y FLOAT, process BIGINT",
        preprocess="held:slowly",
        postprocess="sql_programs:with_process",
        python_path=f"{held(tmp_path)}:{PROGRAMS}",
        max_batch="64",
    )
    done = sql.insert("id, CAST(y AS INT), process", "id BIGINT, y INT, process BIGINT", tmp_path / "rows")
    for victims in (users, agents):
        answering(tmp_path)
        (victim,) = victims()
        victim.kill()
        victim.wait()
    answering(tmp_path)
    (tmp_path / "done").touch()
    done.wait()
    found = sorted(committed(tmp_path / "rows"))
    assert [row[:2] for row in found] == [(number, 3 * number) for number in range(1, count + 1)]
    assert len({pid for *_, pid in found}) == 3


def test_versions_take_over_while_rows_flow(tmp_path: Path) -> None:
    """Each row is answered by the version that it names; none goes back, and a broken one never serves."""
    count, folder = 200_000, tmp_path / "models"
    publish(save_line(1.0, tmp_path / "line.onnx"), folder)
    sql = make_sql(tmp_path / "logs", **recovery(tmp_path))
    sql.sequence(count)
    sql.model(
        folder,
        output="y FLOAT, version BIGINT",
        version_column="version",
        preprocess="held:slowly",
        python_path=held(tmp_path),
        max_batch="64",
    )
    done = sql.insert("id, CAST(y AS INT), version", "id BIGINT, y INT, version BIGINT", tmp_path / "rows")
    answering(tmp_path)
    publish(save_line(2.0, tmp_path / "line.onnx"), folder)
    after_line(tmp_path, "version 2 serves")
    (folder / "3").mkdir()
    (folder / "3" / "line.onnx").write_text("nothing that could be loaded")
    after_line(tmp_path, "version 3 is refused")
    publish(save_line(4.0, tmp_path / "line.onnx"), folder)
    after_line(tmp_path, "version 4 serves")
    (tmp_path / "done").touch()
    done.wait()
    found = [row for rows in by_subtask(tmp_path / "rows") for row in rows]
    assert [number for number, *_ in found] == list(range(1, count + 1))
    assert all(y == number * version for number, y, version in found)
    versions = [version for *_, version in found]
    assert versions == sorted(versions)
    assert set(versions) == {1, 2, 4}


def assert_cancelled(started: TableResult) -> None:
    """The job and its processes end soon; the rest is `leaves_nothing`'s."""
    client, asked_s = started.get_job_client(), time.monotonic()
    client.cancel().result()
    with pytest.raises(Py4JJavaError, match="Job was cancelled"):
        client.get_job_execution_result().result()
    eventually(lambda: not processes(), timeout_s=CANCELLED_WITHIN_S)
    assert time.monotonic() - asked_s < CANCELLED_WITHIN_S


@pytest.mark.parametrize("said", [None, "1"])
def test_a_job_is_cancelled_while_rows_flow(tmp_path: Path, line: Path, said: str | None) -> None:
    """And many wait for their answers; each subtask has a process, or all share one."""
    sql = make_sql(tmp_path / "logs", parallelism=2)
    sql.sequence(10**12)
    sql.model(line, preprocess="held:slowly", python_path=held(tmp_path), max_batch="16", processes=said)
    started = sql.insert("id, y", "id BIGINT, y FLOAT")
    eventually((tmp_path / "begun").exists, timeout_s=60)
    assert_cancelled(started)


def test_a_job_is_cancelled_while_its_model_loads(tmp_path: Path, line: Path) -> None:
    """Which would take for ever."""
    (tmp_path / "endless.py").write_text(
        f"import threading\nfrom pathlib import Path\n\ndef function(batch): ...\n\n"
        f"Path({str(tmp_path / 'begun')!r}).touch()\nthreading.Event().wait()\n"
    )
    sql = make_sql(tmp_path / "logs")
    sql.sequence(10**12)
    sql.model(line, preprocess="endless:function", python_path=str(tmp_path))
    started = sql.insert("id, y", "id BIGINT, y FLOAT")
    eventually((tmp_path / "begun").exists, timeout_s=60)
    assert_cancelled(started)
