"""What Flink's REST tells of a running node: the agent's numbers, user code's, and who waits for whom."""

from __future__ import annotations

import math
import os
import signal
import time
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from pyflink.table import DataTypes
from support.flink import PROGRAMS, Flink, cancel, make_flink, program
from support.ports import free_ports
from support.rest import Rest

from ml_framework.inference import publish
from ml_framework.testing.waiting import eventually
from torch_integration import inference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyflink.common import JobClient

pytestmark = pytest.mark.flink

ROWS = 5_000
EXACT = {
    "rows_in": ROWS,
    "rows_out": ROWS,
    "batch_rows": 100,
    "attempt": 0,
    "restarts": 0,
    "queue_in_fill": 0,
    "queue_out_fill": 0,
    "user.largest": ROWS,
    "user.odd_name__like_this": 0.5,
}
TIMES = {f"{phase}_ms_per_second" for phase in ("wait", "compute", "blocked", "decode", "encode")}
RATES = {f"{what}_{way}_per_second" for what in ("rows", "bytes") for way in ("in", "out")}
OTHERS = {"bytes_in", "bytes_out", "step_ms", "cpu_cores", "memory_bytes", "heartbeat_age_ms"}
OWN = {"jvm_encode_ms_per_second", "jvm_emit_ms_per_second"}
OF_A_SOURCE = {"rows_out", "rows_out_per_second", "queue_out_fill", "compute_ms_per_second", "cpu_cores"}
NAMES = EXACT.keys() | TIMES | RATES | OTHERS | OWN
VERSION = {"model_version", "step_ms"}
X = [("x", DataTypes.BIGINT())]


@pytest.fixture
def port() -> int:
    """Where the REST listens."""
    return free_ports(1)[0]


@pytest.fixture
def rest(port: int) -> Rest:
    """Of the job that runs."""
    return Rest(port)


@pytest.fixture
def planned(port: int) -> Callable[..., Flink]:
    """Makes an environment of parallelism 1 whose metrics are never older than a fifth of a second."""

    def make(**options: str) -> Flink:
        listens = {"rest__port": str(port), "rest__bind_port": str(port)}
        return make_flink(parallelism=1, metrics__fetcher__update_interval="200 ms", **listens, **options)

    return make


@pytest.fixture
def started() -> Iterator[list[JobClient]]:
    """Jobs, to be cancelled in the end."""
    jobs: list[JobClient] = []
    yield jobs
    with ExitStack() as stack:
        for job in jobs:
            stack.callback(cancel, job)


def test_the_numbers_of_a_node_are_in_flinks_rest(
    planned: Callable[..., Flink], rest: Rest, started: list[JobClient], tmp_path: Path
) -> None:
    """Within ten seconds of RUNNING, and true: rows, bytes, logged numbers; the attempt after a kill."""
    flink = planned(restart_strategy__type="fixed-delay", restart_strategy__fixed_delay__delay="10 ms")
    runner = program("answer_and_wait", folder=str(tmp_path))
    rows = flink.job.add_role("worker", runner=runner, input=flink.sequence(ROWS), output=X)
    started.append(flink.insert(rows))
    node, feeder = rest.vertex("worker ->"), rest.vertex("worker input")
    running_s = time.monotonic()
    told = eventually(lambda: all_of(rest.numbers(node)), timeout_s=30)
    assert time.monotonic() - running_s < 10
    assert 8 * ROWS < told["bytes_in"] < 20 * ROWS
    assert 8 * ROWS < told["bytes_out"] < 30 * ROWS
    assert 10e6 < told["memory_bytes"] < 500e6
    assert 0 <= told["heartbeat_age_ms"] < 5_000
    counts = eventually(lambda: (found := rest.counts(node))["read-records"] == ROWS and found)
    assert 8 * ROWS < counts["read-bytes"] < 20 * ROWS
    counts = rest.counts(feeder)
    assert counts["write-records"] == ROWS
    assert 8 * ROWS < counts["write-bytes"] < 20 * ROWS
    os.kill(int((tmp_path / "pid-0").read_text()), signal.SIGKILL)
    eventually(lambda: rest.numbers(node).get("attempt") == 1, timeout_s=60)


def all_of(told: dict[str, float]) -> dict[str, float] | None:
    """The numbers, once they are all there, and the last rows have gone."""
    whole = told.keys() >= NAMES and all(told[name] == value for name, value in EXACT.items())
    return told if whole else None


def all_of_a_source(told: dict[str, float]) -> dict[str, float] | None:
    """The same of a node that only emits."""
    return told if told.keys() >= OF_A_SOURCE and told["rows_out"] == 5 else None


@pytest.mark.parametrize("workers", [1, 2])
def test_a_slow_process_is_back_pressure_to_what_feeds_it(
    planned: Callable[..., Flink], rest: Rest, started: list[JobClient], tmp_path: Path, workers: int
) -> None:
    """Chained to the source, or behind an exchange; the node that waits for its process is idle, not busy.

    So it is while a barrier waits for the rows before it.
    """
    folder = f"file://{tmp_path}"
    flink = planned(execution__checkpointing__interval="500 ms", execution__checkpointing__dir=folder)
    flink.job.add_role("worker", runner=program("slow"), input=flink.sequence(10**12), parallelism=workers)
    started.append(flink.submit())
    source, feeder, node = (rest.vertex(part) for part in ("numbers", "worker input", "worker ->"))
    assert (source == feeder) is (workers == 1)
    for path in {source, feeder}:
        times = eventually(lambda path=path: (found := rest.times(path)).get("ratio", 0) > 0.9 and found)
        assert times["busyRatio"] < 0.1
    told = eventually(lambda: (found := rest.numbers(node)).get("compute_ms_per_second", 0) > 900 and found)
    assert told["queue_in_fill"] > 0.9
    assert told["wait_ms_per_second"] < 50
    assert 50 <= told["step_ms"] < 100
    eventually(lambda: rest.numbers(node).get("checkpoint_stall_ms", 0) > 0, timeout_s=30)
    times = eventually(lambda: (found := rest.times(node)).get("idleRatio", 0) > 0.8 and found)
    assert times["busyRatio"] < 0.2


def test_a_role_without_input_tells_what_it_emits(
    planned: Callable[..., Flink], rest: Rest, started: list[JobClient]
) -> None:
    """Nothing of an input that it has not; of many names that it logs the first 200, numbers or not."""
    output = [("name", DataTypes.STRING()), ("number", DataTypes.INT())]
    flink = planned()
    rows = flink.job.add_role("reader", runner=program("emit_pairs_and_wait"), output=output)
    started.append(flink.insert(rows))
    node = rest.vertex("Source: reader")
    told = eventually(lambda: all_of_a_source(rest.numbers(node)), timeout_s=60)
    assert not [name for name in told if "_in" in name or "wait" in name or "decode" in name]
    assert "Source__reader.mlflink.rows_out" in rest.metrics(node)
    logged = eventually(lambda: len(found := logged_by(rest.numbers(node))) >= 200 and found, timeout_s=60)
    assert math.isnan(logged.pop("user.nothing"))
    assert logged == {f"user.number_{i}": i for i in range(199)}


def logged_by(told: dict[str, float]) -> dict[str, float]:
    """What user code has logged."""
    return {name: value for name, value in told.items() if name.startswith("user.")}


def test_watermarks_lag_behind_the_clock(
    planned: Callable[..., Flink], rest: Rest, started: list[JobClient]
) -> None:
    """By an hour, where the rows' times do."""
    flink = planned(pipeline__auto_watermark_interval="20 ms")
    flink.tables.execute_sql("""
        CREATE TEMPORARY TABLE events (
            x BIGINT, ts AS LOCALTIMESTAMP - INTERVAL '1' HOUR, WATERMARK FOR ts AS ts
        ) WITH ('connector' = 'datagen', 'rows-per-second' = '100')""")
    source = flink.tables.sql_query("SELECT x, ts FROM events")
    output = [("x", DataTypes.BIGINT()), ("ts", DataTypes.TIMESTAMP(3))]
    rows = flink.job.add_role("worker", runner=program("echo"), input=source, output=output, rowtime="ts")
    started.append(flink.insert(rows))
    node = rest.vertex("worker ->")
    lag_ms = eventually(lambda: rest.numbers(node).get("watermark_lag_ms"), timeout_s=20)
    assert 3_600_000 <= lag_ms < 3_630_000


def test_the_version_that_answers_is_told(
    planned: Callable[..., Flink],
    rest: Rest,
    started: list[JobClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a model that is served from a folder of versions."""
    monkeypatch.syspath_prepend(PROGRAMS)
    programs = import_module("inference_programs")
    for _ in range(2):
        publish(programs.save_line(1.0, tmp_path / "line.pt"), tmp_path / "models")
    flink = planned()
    scored = inference(
        flink.job,
        flink.sequence(10**12),
        tmp_path / "models",
        preprocess=partial(programs.slowly, until=str(tmp_path / "never")),
        factory=programs.Line,
        output=[("y", DataTypes.DOUBLE())],
    )
    started.append(flink.insert(scored.rows))
    node = rest.vertex("inference ->")
    told = eventually(lambda: (found := rest.numbers(node)).keys() >= VERSION and found, timeout_s=60)
    assert told["model_version"] == 2
    assert told["step_ms"] >= 6
