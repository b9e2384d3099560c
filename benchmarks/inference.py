"""Measures scoring a stream: ours, PyFlink's ways to run Python, a server, and a bare loop, in one run.

Every contender scores the same rows with the same models; a wrong or lost score ends the benchmark. A rate is
the slope between a third of the rows and all of them at the receiving end, so start-up is not in it.
The time of a row is from when it was due to when its score is at the sink, at 1,000 rows a second, open loop.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

from benchmarks.jobs import machine, prepare_jvm

_COLLECTOR = "-XX:+UseParallelGC"
"""Java's usual one is as fast for all but `ML_PREDICT`, where Flink keeps more objects for each row."""


def main() -> None:
    """Run everything, show it, and write it to a file if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="once, with fewer rows")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was found")
    options = parser.parse_args()
    prepare_jvm(_COLLECTOR)
    warnings.simplefilter("ignore")  # PyFlink's dependencies warn of their own deprecations
    with tempfile.TemporaryDirectory(prefix="inference-") as folder:
        found = measure_all(Path(folder), quick=options.quick)
    from rich.console import Console  # noqa: PLC0415

    from benchmarks.scoring.report import show  # noqa: PLC0415 - after the measurements

    show(found, Console())
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


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
                    "rates": throughput(bench, subject, 1 if quick else 2, 0.2 if quick else 1.0),
                    "latency": latency(bench, subject, *((1, 2800) if quick else (3, 21_000))),
                }
                for subject in models
            }
        }
    found["targets"] = judge(found)
    found["machine"] = machine(load_before)
    return found


if __name__ == "__main__":
    main()
