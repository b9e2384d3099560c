"""SQL's door: what `ML_PREDICT` answers is right, once, in order, whatever happens meanwhile."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from py4j.protocol import Py4JJavaError
from pyflink.table import DataTypes
from support.flink import (
    PROGRAMS,
    after_checkpoints,
    by_subtask,
    collect,
    committed,
    make_flink,
    processes,
    recovery,
    users,
)
from support.sql import make_sql, save_line

from benchmarks.scoring import flights, models
from ml_framework.inference import publish
from ml_framework.testing.waiting import eventually
from torch_integration import inference

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil
    from pyflink.table.table_result import TableResult

pytestmark = [pytest.mark.flink, pytest.mark.timeout(110)]

ROOT = str(Path(__file__).parents[2])
CANCELLED_WITHIN_S = 10.0
FLIGHTS = {"STRING": DataTypes.STRING(), "INT": DataTypes.INT(), "FLOAT": DataTypes.FLOAT()}


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """3 · x."""
    return save_line(3.0, tmp_path / "line.onnx")


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


# ------------------------------------------------------------------------------------------------- scores


def bits(scores: Iterable[tuple[int, float]]) -> dict[int, int]:
    """By id, the score as its 32 bits."""
    return {number: int(np.float32(score).view(np.uint32)) for number, score in scores}


def test_both_doors_score_the_flights_alike(tmp_path: Path) -> None:
    """Bit for bit, with nulls: the model of the demo, by its weights, a factory and a preprocess.

    In batches of one row, for another number of rows adds up in another order, and how many come together
    is chance at either door.
    """
    weights, count = tmp_path / "flights.pt", 2000
    torch.save(models.flight_model().state_dict(), weights)
    columns = {name: FLIGHTS[kind] for name, kind in flights.FEATURES}
    distinct = list(zip(*flights.features().values(), strict=True))
    rows = [(*distinct[number % len(distinct)], number) for number in range(count)]

    types = DataTypes.ROW(
        [DataTypes.FIELD(name, kind) for name, kind in {**columns, "id": DataTypes.BIGINT()}.items()]
    )
    flink, sql = make_flink(parallelism=1), make_sql(tmp_path)
    scored = inference(
        flink.job,
        flink.tables.from_elements(rows, types),
        weights,
        factory=models.flight_model,
        preprocess=models.encode,
        groups=models.GROUPS,
        output=[("score", DataTypes.FLOAT())],
        carry=["id"],
        threads=1,
        max_batch=1,
    )
    sql.tables.create_temporary_view("numbers", sql.tables.from_elements(rows, types))
    sql.model(
        weights,
        columns=", ".join(f"`{name}` {kind}" for name, kind in flights.FEATURES),
        output="score FLOAT",
        format="state-dict",
        factory="benchmarks.scoring.models:flight_model",
        preprocess="benchmarks.scoring.models:encode",
        groups="; ".join(f"{name}={','.join(names)}" for name, names in models.GROUPS.items()),
        python_path=ROOT,
        threads="1",
        max_batch="1",
    )
    names = ", ".join(f"`{name}`" for name in columns)
    found = bits(collect(sql.query("id, score", columns=names)))
    assert sorted(found) == list(range(count))
    assert len(set(found.values())) > len(distinct) / 2
    assert found == bits(collect(scored.rows))


def test_every_row_is_answered_once_and_in_order(tmp_path: Path, line: Path) -> None:
    """By two subtasks, each with a process of its own."""
    count = 40_000
    sql = make_sql(tmp_path, parallelism=2)
    sql.sequence(count)
    sql.model(line)
    sql.insert("id, CAST(y AS BIGINT)", "id BIGINT, y BIGINT", tmp_path / "rows").wait()
    subtasks = by_subtask(tmp_path / "rows")
    assert len(subtasks) == 2
    assert all(rows == sorted(rows) for rows in subtasks)
    found = sorted(row for rows in subtasks for row in rows)
    assert found == [(number, 3 * number) for number in range(1, count + 1)]


# ------------------------------------------------------------------------------------------------ batches


def test_rows_wait_for_their_batch_and_come_out_at_the_end(tmp_path: Path, line: Path) -> None:
    sql = make_sql(tmp_path)
    sql.sequence(20)
    sql.model(
        line,
        output="y FLOAT, batch BIGINT",
        postprocess="sql_programs:with_rows",
        max_batch="8",
        max_delay="3 s",
    )
    found = collect(sql.query("id, y, batch"))
    assert found == [(number, 3.0 * number, 8 if number <= 16 else 4) for number in range(1, 21)]


def test_a_row_that_is_larger_than_the_queues_passes_both_ways(tmp_path: Path, line: Path) -> None:
    """A word of 24 MB, between short ones."""
    sql = make_sql(tmp_path)
    sql.rows("(1, 2), (2, 24000000), (3, 4)")
    sql.tables.execute_sql(
        "CREATE TEMPORARY VIEW words AS SELECT id, REPEAT('ab', CAST(x AS INT) / 2) AS word FROM numbers"
    )
    sql.model(
        line,
        columns="word STRING",
        output="same STRING",
        preprocess="sql_programs:aside",
        postprocess="sql_programs:again",
    )
    query = sql.query("id, CHAR_LENGTH(same), same = CONCAT(word, '!')", table="words", columns="word")
    assert collect(query) == [(1, 3, True), (2, 24_000_001, True), (3, 5, True)]


# ---------------------------------------------------------------------------------------------- processes


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


# ----------------------------------------------------------------------------------------------- cancelling


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
