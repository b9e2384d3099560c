"""The tutorial, copied into an empty folder and followed to its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flink import ours, processes
from support.pages import blocks, write_programs

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.flink

PREPARE, TRAIN, LOOK, SERVE, FEED, PEEK, PUBLISH, FEED_AGAIN, COUNT = blocks("tutorial.md", "bash")
FLIGHTS = 20_000
_ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def run(commands: str, folder: Path) -> str:
    """What the commands of a block print."""
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=folder,
        env=_ENVIRONMENT,
        check=False,
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def running(program: str, folder: Path) -> Iterator[None]:
    """A program that stays, until Ctrl-C; it leaves nothing."""
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, program], cwd=folder, env=_ENVIRONMENT, stdout=output, stderr=output
        )
        try:
            yield
        except TimeoutError as error:
            error.add_note((folder / "output").read_text())
            raise
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
    eventually(lambda: not ours(), timeout_s=20)


def live(folder: Path) -> list[list[str]]:
    """The rows that the sink has committed."""
    return [line.split(",") for part in folder.glob("live/part-*") for line in part.read_text().splitlines()]


def feed_one(folder: Path, total: int) -> None:
    """Give it one more flight, which makes `total` of them, and wait for its score."""
    (folder / "new.csv").write_text("1,1,5,1400,UA,11.0\n")
    (folder / "new.csv").rename(folder / "incoming" / f"{total}.csv")
    eventually(lambda: len(live(folder)) == total, timeout_s=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the programs, and a model that is trained."""
    folder = tmp_path_factory.mktemp("tutorial")
    write_programs("tutorial.md", folder)
    assert run(PREPARE, folder).startswith(f"{FLIGHTS} flights, from 2013-01-01T")
    run(TRAIN, folder)
    return folder


def test_two_workers_train_on_every_flight_and_score_it(folder: Path) -> None:
    """Each flight comes out once, with a score that is better than none."""
    found = re.fullmatch(r"(\d+) flights, (\d+)% of them late, AUC (0\.\d+)\n", run(LOOK, folder))
    assert found
    assert int(found[1]) == FLIGHTS
    flights = (folder / "flights.csv").read_text().splitlines()
    late = sum(float(line.rsplit(",", 1)[1]) > 15 for line in flights)
    assert int(found[2]) == round(100 * late / FLIGHTS)
    assert float(found[3]) > 0.55


def test_a_newer_model_takes_over_while_the_stream_runs(folder: Path) -> None:
    """The first thousand flights are scored by version 1, those behind the publication by version 2."""
    publish, serve = SERVE.splitlines()
    assert run(publish, folder) == "published 1\n"
    with running(serve.removeprefix("python "), folder):
        eventually((folder / "incoming").is_dir, timeout_s=40)
        run(FEED, folder)
        eventually(lambda: len(live(folder)) == 1000, timeout_s=60)
        assert {version for *_, version in live(folder)} == {"1"}
        assert all(0 < float(score) < 1 for _, _, score, _ in live(folder))
        assert re.match(r"\w\w,[01]\.0,0\.\d+,1\n", run(PEEK, folder))

        assert run(PUBLISH, folder) == "published 2\n"
        run(FEED_AGAIN, folder)
        eventually(lambda: len(live(folder)) == 2000, timeout_s=30)
        more = 0
        while "2" not in run(COUNT, folder).split()[1::2]:  # the flights were faster than the model
            more += 1
            feed_one(folder, 2000 + more)
        versions = Counter(version for *_, version in live(folder))
        assert versions["1"] >= 1000
        assert versions.total() == 2000 + more
    assert processes() == []
