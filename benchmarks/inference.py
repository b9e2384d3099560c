"""Measures scoring a stream: ours, PyFlink's ways to run Python, a server, and a bare loop, in one run.

Every contender scores the same rows with the same models; a wrong or lost score ends the benchmark. A rate is
the slope between a third of the rows and all of them at the receiving end, so start-up is not in it.
The time of a row is from when it was due to when its score is at the sink, at 1,000 rows a second, open loop.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks.jobs import machine
from benchmarks.program import run_program

if TYPE_CHECKING:
    from pathlib import Path

_COLLECTOR = "-XX:+UseParallelGC"
"""Java's usual one is as fast for all but `ML_PREDICT`, where Flink keeps more objects for each row."""


def measure_all(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Every measurement, one after the other."""
    # Imported here: they start PyFlink, which prepare_jvm must come before.
    from benchmarks.measure import Bench  # noqa: PLC0415
    from benchmarks.scoring.measure import latency, subjects, throughput  # noqa: PLC0415
    from benchmarks.scoring.targets import judge  # noqa: PLC0415

    bench = Bench(folder)
    load_before = os.getloadavg()[0]
    with subjects(bench) as models:
        found: dict[str, Any] = {
            "models": {
                subject.model: {
                    "rates": throughput(bench, subject, 1 if quick else 4, 0.2 if quick else 1.0),
                    "latency": latency(bench, subject, *((1, 2800) if quick else (3, 21_000))),
                }
                for subject in models
            }
        }
    found["targets"] = judge(found)
    found["machine"] = machine(load_before)
    return found


if __name__ == "__main__":
    run_program(
        measure_all,
        __doc__,
        quick="once, with fewer rows",
        report="benchmarks.scoring.report",
        jvm_options=[_COLLECTOR],
    )
