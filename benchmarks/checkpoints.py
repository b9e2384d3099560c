"""Measures checkpoints: what they hold up, what agreeing costs, and how soon work goes on after a kill."""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.jobs import prepare_jvm
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyflink.datastream import StreamExecutionEnvironment

ROOT = Path(__file__).parents[1]
ENDLESS = 10**12
PARTS = ("stall", "agreement", "recovery", "demo")
_MEGABYTE = 1 << 20


def main() -> None:
    """Measure the chosen parts, one after the other, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=PARTS, help=f"some of {', '.join(PARTS)}; all of them if left out"
    )
    parser.add_argument("--kills", type=int, default=8, help="how often each process is killed")
    parser.add_argument("--rounds", type=int, default=2, help="how often the demo runs each way")
    options = parser.parse_args()
    prepare_jvm()
    warnings.simplefilter("ignore")  # PyFlink's dependencies warn of their own deprecations
    measurements: dict[str, Callable[[Path], Any]] = {
        "stall": stall,
        "agreement": agreement,
        "recovery": lambda folder: recovery(folder, options.kills),
        "demo": lambda folder: demo(folder, options.rounds),
    }
    found: dict[str, Any] = {"load_before": os.getloadavg()[0]}
    for part in options.parts:
        with tempfile.TemporaryDirectory(prefix="checkpoints-") as folder:
            found[part] = measurements[part](Path(folder))
            print(part, json.dumps(found[part]), flush=True)
    print(json.dumps(found, indent=1))


def environment(folder: Path, interval: str) -> StreamExecutionEnvironment:
    """An embedded cluster whose jobs take checkpoints, and go on at once after a failure."""
    from pyflink.common import Configuration  # noqa: PLC0415 - after prepare_jvm
    from pyflink.datastream import StreamExecutionEnvironment  # noqa: PLC0415

    configuration = Configuration()
    for name, value in {
        "parallelism.default": "1",
        "rest.port": "0",
        "execution.checkpointing.interval": interval,
        "execution.checkpointing.dir": f"file://{folder}/checkpoints",
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": "1000",
        "restart-strategy.fixed-delay.delay": "100 ms",
    }.items():
        configuration.set_string(name, value)
    env = StreamExecutionEnvironment.get_execution_environment(configuration)
    env.set_python_executable(sys.executable)
    return env


@contextmanager
def training(
    folder: Path, entrypoint: str, interval: str, *, standby: bool = False, **params: Any
) -> Iterator[None]:
    """A running job of one worker, fed without an end, and cancelled in the end."""
    from pyflink.common import WatermarkStrategy  # noqa: PLC0415 - after prepare_jvm
    from pyflink.datastream.connectors.number_seq import NumberSequenceSource  # noqa: PLC0415

    from ml_operator import JobConfig, MLJob  # noqa: PLC0415
    from torch_integration import TorchRunner  # noqa: PLC0415

    env = environment(folder, interval)
    job = MLJob(env, "checkpoints", JobConfig(standby=standby))
    job.add_am_role()
    source = NumberSequenceSource(0, ENDLESS)
    numbers = env.from_source(source, WatermarkStrategy.no_watermarks(), "numbers")
    runner = TorchRunner(
        f"benchmarks.programs_checkpoints:{entrypoint}", params, threads=1, python_path=(str(ROOT),)
    )
    job.add_role("worker", runner=runner, input=numbers)
    client = env.execute_async(entrypoint)
    try:
        yield
    finally:
        client.cancel().result()


def stall(folder: Path) -> dict[str, Any]:
    """How long the loop stands still at a checkpoint of 256 MB of parameters, beside ``torch.save``."""
    file = folder / "found.json"
    params = {"bytes": 256 * _MEGABYTE, "cuts": 12, "file": str(file), "scratch": str(folder)}
    with training(folder, "hold_parameters", "1 s", **params):
        eventually(file.exists, timeout_s=120)
    found = json.loads(file.read_text())
    return {**found, "median_s": statistics.median(found["cuts_s"]), "worst_s": max(found["cuts_s"])}


def agreement(folder: Path, turns: int = 24, steps: int = 800) -> Any:
    """What agreeing adds to a step of the demo's model: two workers on this machine, a minute each way."""
    from ml_framework.testing.local_cluster import LocalCluster, python_role  # noqa: PLC0415
    from torch_integration import TorchRunner  # noqa: PLC0415

    params = {"turns": turns, "steps": steps, "file": str(folder / "found.json")}
    runner = TorchRunner("benchmarks.programs_checkpoints:agree", params, threads=1, python_path=(str(ROOT),))
    with LocalCluster([python_role("worker", runner, parallelism=2)]) as cluster:
        cluster.wait(timeout_s=300)
    return json.loads((folder / "found.json").read_text())


def recovery(folder: Path, kills: int) -> dict[str, Any]:
    """Seconds from kill -9 of a process to its successor's first rows: ours, and PyFlink's own.

    Ours may take as long as PyFlink's and an import of torch together; a standby has that import behind it.
    """
    seconds: dict[str, list[float]] = {}
    for name, standby in (("ours", False), ("standby", True)):
        file = folder / name
        with training(folder, "note_starts", "500 ms", standby=standby, file=str(file)):
            seconds[name] = killed(file, kills)
    seconds["pyflink"] = pyflink_recovery(folder, folder / "plain", kills)
    seconds["import_torch"] = [_seconds([sys.executable, "-c", "import torch"]) for _ in range(kills)]
    p50 = {name: statistics.median(values) for name, values in seconds.items()}
    return {**seconds, "p50": p50, "allowed_s": p50["pyflink"] + p50["import_torch"]}


def pyflink_recovery(folder: Path, file: Path, kills: int) -> list[float]:
    """The same for a `map` in a Python process of PyFlink's."""
    from pyflink.common import WatermarkStrategy  # noqa: PLC0415 - after prepare_jvm
    from pyflink.datastream.connectors.number_seq import NumberSequenceSource  # noqa: PLC0415

    from benchmarks.udfs import noting_starts  # noqa: PLC0415

    os.environ["_python_worker_execution_mode"] = "process"  # noqa: SIM112 - PyFlink's; else it is this process
    env = environment(folder, "500 ms")
    source = NumberSequenceSource(0, ENDLESS)
    numbers = env.from_source(source, WatermarkStrategy.no_watermarks(), "numbers")
    numbers.map(noting_starts(str(file))).filter(lambda _: False).print()
    client = env.execute_async("plain PyFlink")
    found = killed(file, kills)
    client.cancel().result()
    return found


def killed(file: Path, kills: int) -> list[float]:
    """Kill whoever has noted its start last, again and again: seconds until the next one has."""
    found = []
    pid, _ = _start(file, 1)
    for count in range(2, kills + 2):
        time.sleep(5)  # some checkpoints, and a standby that is ready
        at = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        pid, started = _start(file, count)
        found.append(started - at)
    return found


def _start(file: Path, count: int) -> tuple[int, float]:
    """The process and time of the start with this number, counted from 1."""
    eventually(lambda: file.exists() and len(file.read_text().splitlines()) >= count, timeout_s=60)
    pid, started = file.read_text().splitlines()[count - 1].split()
    return int(pid), float(started)


def demo(folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds that the flight demo takes, by turns with a checkpoint each second and without any."""
    command = [sys.executable, str(ROOT / "examples" / "flight_delay" / "job.py"), "--out", str(folder)]
    times: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(rounds):
        times["without"].append(_seconds(command))
        times["with"].append(_seconds([*command, "--checkpoint-every", "1"]))
    ratios = [without / with_it for without, with_it in zip(times["without"], times["with"], strict=True)]
    return {**times, "ratio": statistics.median(ratios)}


def _seconds(command: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
