"""The measurements: each runs its jobs and returns what it found, ready for JSON."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyflink.table import DataTypes
from pyflink.table.expressions import col
from pyflink.table.udf import udf

from benchmarks import training, udfs
from benchmarks.contenders import (
    BUNDLE_SIZE,
    NO_BUFFERING,
    PROCESS,
    SHORT_BUNDLES,
    THREAD,
    Contender,
    torch_worker,
    worker,
)
from benchmarks.jobs import Job, Result
from benchmarks.rows import CRITEO
from hatch_build import compile_jar, flink_jars
from ml_framework.codec import Schema, plan_layout
from ml_operator.jar import jar_path

ROOT = Path(__file__).parents[1]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OURS = "our worker"


@dataclass(frozen=True)
class Bench:
    """Where a benchmark keeps its files.

    Args:
        folder: for the compiled jar and the receipts.
    """

    folder: Path

    @property
    def jar(self) -> Path:
        """The benchmark's own Java, compiled when it is first asked for."""
        jar = self.folder / "benchmarks.jar"
        if not jar.exists():
            compile_jar(ROOT / "benchmarks" / "java", jar)
        return jar

    def job(self, contender: Contender, rows: int) -> Job:
        """A job with `rows` rows of the contender's shape and its settings."""
        return Job(self.jar, self.folder / "receipt.json", contender.shape, rows, contender.settings)


def rate(bench: Bench, contender: Contender, rows: int) -> Result:
    """Run one contender; its sums are compared with the truth.

    Raises:
        ValueError: a row was lost, or came wrong or out of order.
    """
    job = bench.job(contender, rows)
    contender.plan(job)
    result = job.run()
    found, truth = result.receipt, contender.shape.total(rows)
    if (found["rows"], found["sum"], found.get("wrong", 0)) != (rows, truth, 0):
        raise ValueError(f"{contender.name}: {rows} rows add up to {truth}, its receipt says {dict(found)}")
    return result


def rates(
    bench: Bench,
    contenders: Sequence[Contender],
    rounds: int,
    share: float,
    run: Callable[[Bench, Contender, int], Result] = rate,
) -> list[dict[str, Any]]:
    """Rows a second of every contender, round after round; `run` with `share` of its rows each time."""
    results: dict[int, list[Result]] = {}
    loads: dict[int, list[float]] = {}
    for _ in range(rounds):
        for number, contender in enumerate(contenders):
            print(f"  {contender.shape.name}: {contender.name}, {' and '.join(contender.ways)}", flush=True)
            results.setdefault(number, []).append(run(bench, contender, contender.rows_for(share)))
            loads.setdefault(number, []).append(os.getloadavg()[0])
    return [
        {
            "contender": contender.name,
            "rows": contender.shape.name,
            "ways": contender.ways,
            "settings": contender.settings_text,
            "rows_per_s": statistics.median(result.rows_per_s for result in results[number]),
            "each_rows_per_s": [result.rows_per_s for result in results[number]],
            "first_row_s": [result.first_row_s for result in results[number]],
            "load": loads[number],
        }
        for number, contender in enumerate(contenders)
    ]


_NO_BUNDLES = {
    **NO_BUFFERING,
    BUNDLE_SIZE: "1",
    "python.execution-mode": "thread",
}


def latency(bench: Bench, rows: int, *, all_contenders: bool) -> list[dict[str, Any]]:
    """There and back at 1,000 rows a second, open loop."""
    contenders = [_paced(OURS, _our_times, rows, NO_BUFFERING)]
    if all_contenders:
        contenders.append(_paced(PROCESS, _udf_times, rows, SHORT_BUNDLES))
        contenders.append(_paced(THREAD, _udf_times, rows, _NO_BUNDLES))
    return [_latency(bench, contender, rows) for contender in contenders]


def _paced(name: str, times: Callable[[Job, Any], Any], rows: int, settings: Mapping[str, str]) -> Contender:
    warm_up = 2 * rows // 5

    def plan(job: Job) -> None:
        job.receive_times(times(job, job.paced_rows(interval_ns=1_000_000)), warm_up)

    return Contender(name, CRITEO, plan, ("there and back",), rows + warm_up, settings)


def _latency(bench: Bench, contender: Contender, rows: int) -> dict[str, Any]:
    print(f"  {contender.name}", flush=True)
    job = bench.job(contender, contender.rows)
    contender.plan(job)
    receipt = job.run().receipt
    return {
        "contender": contender.name,
        "rows": rows,
        "settings": contender.settings_text,
        **percentiles(receipt),
    }


def percentiles(receipt: Mapping[str, Any]) -> dict[str, float]:
    """The ages that a receipt holds, in microseconds."""
    return {f"{key}_us": receipt[f"{key}_ns"] / 1e3 for key in ("p50", "p99", "worst")}


def _our_times(job: Job, table: Any) -> Any:
    output = [("due", DataTypes.BIGINT())]
    runner = torch_worker("benchmarks.programs:answer_time")
    return worker(job, runner, table, output=output, groups=CRITEO.groups, max_delay=timedelta(0))


def _udf_times(job: Job, table: Any) -> Any:
    last = udf(udfs.last_value, result_type=DataTypes.BIGINT())
    return table.select(last(*map(col, job.shape.names)).alias("due"))


def train(bench: Bench, turns: int, steps: int) -> dict[str, Any]:
    """The training loop fed from Flink against the same loop fed from memory."""
    params = {"turns": turns, "steps": steps}
    rows = training.rows_needed(**params)
    job = Job(bench.jar, bench.folder / "receipt.json", CRITEO, rows, {})
    runner = torch_worker("benchmarks.training:compare", file=str(job.file), **params)
    worker(job, runner, job.rows(), groups=CRITEO.groups, max_rows=training.BATCH_ROWS)
    times = job.run().receipt["times_s"]
    ratios = [memory / flink for memory, flink in zip(times["memory"], times["flink"], strict=True)]
    speeds = {name: steps * training.BATCH_ROWS / statistics.median(each_s) for name, each_s in times.items()}
    return {"ratio": statistics.median(ratios), "ratios": ratios, "rows_per_s": speeds}


def memory(bench: Bench, rows: int) -> dict[str, Any]:
    """Resident memory of a node's processes, and how it grows between a fifth of the rows and all."""
    job = Job(bench.jar, bench.folder / "receipt.json", CRITEO, rows, {})
    runner = torch_worker("benchmarks.programs:watch_memory", file=str(job.file), expected=rows)
    worker(job, runner, job.rows(), groups=CRITEO.groups)
    samples = job.run().receipt["samples"]
    early, late = samples[1], samples[-1]
    return {
        "rows": rows,
        "peak_bytes": {name: process["peak"] for name, process in late.items()},
        "growth": {name: late[name]["now"] / early[name]["now"] - 1 for name in late},
        "samples": samples,
    }


def encoding(bench: Bench) -> dict[str, float]:
    """CPU nanoseconds of the JVM's task thread to put a row into a frame, measured in a JVM of its own."""
    jar = bench.folder / "encoder.jar"
    compile_jar(ROOT / "java" / "src" / "test" / "java", jar, [Path(jar_path())])
    schema = Schema.parse([(name, kind) for name, kind in CRITEO.columns])
    found = {}
    for name, groups in (("columns", None), ("groups", CRITEO.groups)):
        file = bench.folder / f"{name}.json"
        layout = plan_layout(schema, groups, timestamps=False, max_rows=1024)
        file.write_text(json.dumps(layout.to_json()))
        class_path = os.pathsep.join(map(str, [jar, jar_path(), *flink_jars()]))
        command = [str(shutil.which("java")), "-cp", class_path, "org.mlonflink.columns.EncoderBenchmark"]
        output = subprocess.run([*command, str(file)], check=True, capture_output=True, text=True).stdout
        found[name] = float(output.split("encode")[1].split()[0])
    return found
