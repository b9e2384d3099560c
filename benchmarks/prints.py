"""Measures what a flood of prints costs: the flight demo as it is, and with 100 MB that its workers print.

The CPU time is that of the job with all its processes, the printing itself included. The demo ends with an
error if a flight is missing or came out twice.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
FLIGHT_DELAY = ROOT / "examples" / "flight_delay"
MEGABYTES = 100
_WORKERS = 2
_LINE_BYTES = 100
_TEN_MEGABYTES = 10_000_000


def main() -> None:
    """Run both by turns, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each way")
    parser.add_argument("--one", choices=("quiet", "printing"), help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        run_demo(options.out, printing=options.one == "printing")
        return
    found: dict[str, Any] = {"load_before": os.getloadavg()[0], "quiet": [], "printing": []}
    for _ in range(options.rounds):
        for how in ("quiet", "printing"):
            found[how].append(measured(how))
            print(how, json.dumps(found[how][-1]), flush=True)
    pairs = zip(found["quiet"], found["printing"], strict=True)
    found["cpu_ratio"] = statistics.median(loud["cpu_s"] / still["cpu_s"] for still, loud in pairs)
    print(json.dumps(found, indent=1))


def run_demo(out: str, *, printing: bool) -> None:
    """The demo, in this process; prints the seconds of CPU that its job has taken, as the last line."""
    sys.path[:0] = [str(FLIGHT_DELAY), str(ROOT)]
    import job  # noqa: PLC0415 - the demo's

    if printing:
        from torch_integration import TorchRunner  # noqa: PLC0415

        flights = len(job.dataset.departures(job.dataset.prepare(job.dataset.DEFAULT_FOLDER, None)))
        flood = {"lines": MEGABYTES * 1_000_000 // _LINE_BYTES // _WORKERS, "rows": flights // _WORKERS}
        job.TorchRunner = lambda _, params: TorchRunner(
            "benchmarks.programs_prints:main", {**params, **flood}
        )
    run, spent = job.run, []

    def timed(*arguments: Any, **options: Any) -> None:
        before = _cpu_s()
        run(*arguments, **options)
        spent.append(_cpu_s() - before)

    job.run = timed
    sys.argv = ["job.py", "--out", out]
    job.main()
    print(*spent)


def _cpu_s() -> float:
    """Of this process and the JVM, with all processes that this one has started and that have ended."""
    jvms = psutil.Process().children()
    return sum(sum(process.cpu_times()[:4]) for process in [psutil.Process(), *jvms])


def measured(how: str) -> dict[str, Any]:
    """Seconds of CPU, the agents' memory after 10 MB and at the most after that, and the size of the logs."""
    with tempfile.TemporaryDirectory(prefix="prints-") as out:
        command = [sys.executable, "-m", "benchmarks.prints", "--one", how, "--out", out]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        watch = _Watch(process.pid)
        answered, said = process.communicate()
    watch.stop()
    if process.returncode:
        raise RuntimeError(said)
    (folder,) = re.findall(r"logs in (\S+)", said)
    log_bytes = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    cpu_s = float(answered.splitlines()[-1])
    return {"cpu_s": round(cpu_s, 2), "log_mb": round(log_bytes / 1e6, 1), **watch.found}


class _Watch:
    """Looks at the agents of a job now and then, in a thread of its own."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._samples: list[tuple[int, int]] = []
        """Bytes that the users' processes have written, and bytes of the agents' memory."""
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    @property
    def found(self) -> dict[str, float]:
        later = [memory for written, memory in self._samples if written > _TEN_MEGABYTES]
        return (
            {"agents_mb": round(later[0] / 1e6, 1), "agents_most_mb": round(max(later) / 1e6, 1)}
            if later
            else {}
        )

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            written = memory = 0
            try:
                for process in self._process.children(recursive=True):
                    line = process.cmdline()
                    if "ml_framework.runner.bootstrap" in line:
                        written += process.io_counters().write_chars
                    elif "ml_framework.node" in line:
                        memory += process.memory_info().rss
            except psutil.Error:
                continue  # one has just ended
            self._samples.append((written, memory))


if __name__ == "__main__":
    main()
