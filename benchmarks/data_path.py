"""Measures the data path: our worker, PyFlink's own ways to run Python, and the generator alone, in one run.

Every contender reads the same rows and adds up all their values; a wrong sum ends the benchmark. A rate is
the slope between a third of the rows and all of them at the receiving end, so start-up is not in it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from benchmarks.jobs import machine
from benchmarks.program import run_program

if TYPE_CHECKING:
    from pathlib import Path


def measure_all(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Every measurement, one after the other."""
    # Imported here: they start PyFlink, which prepare_jvm must come before.
    from benchmarks.contenders import CONTENDERS, THREAD  # noqa: PLC0415
    from benchmarks.measure import Bench, encoding, latency, memory, rates, train  # noqa: PLC0415
    from benchmarks.rows import CRITEO  # noqa: PLC0415
    from benchmarks.targets import judge  # noqa: PLC0415

    bench = Bench(folder)
    load_before = os.getloadavg()[0]
    contenders = CONTENDERS
    if quick:
        contenders = tuple(one for one in contenders if one.shape is CRITEO and one.name != THREAD)
    found: dict[str, Any] = {"encoding_ns": encoding(bench)}
    found["rates"] = rates(bench, contenders, 1 if quick else 2, 0.15 if quick else 1.0)
    found["latency"] = latency(bench, 2000 if quick else 5000, all_contenders=not quick)
    found["training"] = train(bench, turns=2 if quick else 8, steps=100 if quick else 150)
    found["memory"] = memory(bench, 2_000_000 if quick else 10_000_000)
    found["first_row_s"] = min(
        min(rate["first_row_s"])
        for rate in found["rates"]
        if rate["contender"].startswith("our") and rate["ways"] == ("one way",)
    )
    found["targets"] = judge(found)
    found["machine"] = machine(load_before)
    return found


if __name__ == "__main__":
    run_program(measure_all, __doc__, quick="Criteo rows only, once and fewer", report="benchmarks.report")
