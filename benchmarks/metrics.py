"""Measures what metrics cost: CPU per row on the data path, beside a commit that has none.

Both trees run the same job by turns, each run in a JVM of its own. CPU time is that of the JVM, the agent and
the user's process together, from a third of the rows to the last one, so start-up is not in it. The user's
process adds up every value; a wrong sum ends the benchmark.

This file runs twice: as it is, and, with ``--file``, with the packages of the tree that is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BEFORE = "b3b3c8e"
"""The last commit without metrics."""
LIMIT = 1.05
ROWS = {"criteo": 30_000_000, "bigint": 100_000_000}


def main() -> None:
    """Measure pairs of runs and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default=BEFORE, metavar="COMMIT", help="the other tree")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--shape", choices=ROWS, default="criteo", help="of the rows")
    parser.add_argument("--rows", type=int, help="in a run; some six seconds of them if left out")
    parser.add_argument("--file", type=Path, help="run once, here, and leave the answer there")
    options = parser.parse_args()
    options.rows = options.rows or ROWS[options.shape]
    if options.file is not None:
        run_here(options.shape, options.rows, options.file)
    else:
        print(json.dumps(compare(options.against, options.pairs, options.shape, options.rows), indent=1))


def compare(commit: str, pairs: int, shape: str, rows: int) -> dict[str, Any]:
    """Nanoseconds of CPU per row with metrics and without, in each pair; the median of the pairs' ratios."""
    load_before = os.getloadavg()[0]
    found: dict[str, list[dict[str, float]]] = {"with": [], "without": []}
    with tempfile.TemporaryDirectory(prefix="metrics-") as folder:
        trees = {"with": ROOT, "without": checked_out(commit, Path(folder, "tree"))}
        for pair in range(pairs):
            for name in sorted(trees, reverse=bool(pair % 2)):  # who comes first changes
                found[name].append(run(trees[name], shape, rows, Path(folder, "found.json")))
                print(f"  {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    sums = {name: [sum(each.values()) for each in results] for name, results in found.items()}
    ratios = [mine / other for mine, other in zip(sums["with"], sums["without"], strict=True)]
    ratio = statistics.median(ratios)
    return {
        "shape": shape,
        "rows": rows,
        "cpu_ns_per_row": found,
        "median_cpu_ns_per_row": {name: statistics.median(each) for name, each in sums.items()},
        "ratios": ratios,
        "ratio": ratio,
        "wanted": f"<= {LIMIT}",
        "met": ratio <= LIMIT,
        "load": [load_before, os.getloadavg()[0]],
    }


def checked_out(commit: str, folder: Path) -> Path:
    """The tree of a commit, with its bridge compiled."""
    folder.mkdir()
    git = ["git", "-C", str(ROOT), "archive", commit]
    archive = subprocess.run(git, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    subprocess.run([sys.executable, str(folder / "hatch_build.py")], check=True, cwd=folder)
    return folder


def run(tree: Path, shape: str, rows: int, file: Path) -> dict[str, float]:
    """One run with the packages of `tree`: nanoseconds of CPU per row of each process."""
    command = [sys.executable, __file__, "--shape", shape, "--rows", str(rows), "--file", str(file)]
    subprocess.run(command, check=True, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)})
    return dict(json.loads(file.read_text()))


def run_here(shape_name: str, rows: int, file: Path) -> None:
    """One run with the packages that are found; its answer goes to `file`."""
    from benchmarks.jobs import prepare_jvm  # noqa: PLC0415 - before PyFlink

    prepare_jvm()
    from benchmarks.contenders import torch_worker, worker  # noqa: PLC0415
    from benchmarks.jobs import Job  # noqa: PLC0415
    from benchmarks.measure import Bench  # noqa: PLC0415
    from benchmarks.rows import BIGINT, CRITEO  # noqa: PLC0415

    shape = {"criteo": CRITEO, "bigint": BIGINT}[shape_name]
    with tempfile.TemporaryDirectory(prefix="metrics-run-") as folder:
        job = Job(Bench(Path(folder)).jar, Path(folder, "receipt.json"), shape, rows, {})
        runner = torch_worker(add_up, file=str(job.file), expected=rows)
        worker(job, runner, job.rows(), groups=shape.groups, max_rows=4096)
        receipt = job.run().receipt
    if (receipt["rows"], receipt["sum"]) != (rows, shape.total(rows)):
        raise ValueError(f"{rows} rows add up to {shape.total(rows)}, the receipt says {dict(receipt)}")
    (first_rows, first), (last_rows, last) = receipt["used"]
    counted = last_rows - first_rows
    file.write_text(json.dumps({name: (last[name] - first[name]) / counted * 1e9 for name in last}))


def add_up(ctx: Any) -> None:
    """What the user's process runs: it adds up all values, and looks twice at the CPU time of everybody."""
    import psutil  # noqa: PLC0415 - this function travels by value

    from benchmarks.receipt import Receipt  # noqa: PLC0415

    user = psutil.Process()
    agent, jvm = user.parents()[:2]
    processes = {"jvm": jvm, "agent": agent, "user": user}
    receipt, total, rows, used = Receipt(**ctx.params), 0.0, 0, []

    def look() -> None:
        cpu_s = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
        used.append((rows, cpu_s))

    for batch in ctx.batches():
        total += sum(values.sum().item() for values in batch.values())
        rows += batch.rows
        receipt.add(batch.rows)
        if not used and 3 * rows >= ctx.params["expected"]:
            look()
    look()
    receipt.write(sum=total, used=used)


if __name__ == "__main__":
    main()
