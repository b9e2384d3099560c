"""The programs of the how-to pages."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.pages import write_programs

from ml_framework.codec import Schema
from ml_framework.config import Timeouts
from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

MODULES = ("time_limit", "frames", "programs", "sharing")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a page's programs lie, which is where they run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for module in MODULES:
        monkeypatch.delitem(sys.modules, module, raising=False)
    return tmp_path


def run(program: str, folder: Path) -> str:
    """What it prints, in a process of its own, which is what a user's functions are pickled from."""
    done = subprocess.run(
        [sys.executable, program], cwd=folder, check=False, timeout=100, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_with_a_time_limit_stops_in_good_order(page: Path) -> None:
    """Driven bare, as the page shows."""
    write_programs("how-to/state-machine.md", page)
    assert run("try_it.py", page).splitlines() == [
        "RUNNING TimeIsUp() 0:05:00",
        "STOPPING STOPPED",
    ]


@pytest.mark.flink
def test_a_job_is_stopped_by_its_state_machine(page: Path) -> None:
    """The search ends by itself once it is asked to; here it has time to begin, however slow the machine."""
    write_programs("how-to/state-machine.md", page)
    job = page / "job.py"
    text = job.read_text()
    assert text.count("timedelta(seconds=3)") == 1
    job.write_text(text.replace("timedelta(seconds=3)", "timedelta(seconds=12)"))
    run("job.py", page)
    tried, _, seconds, _ = (page / "found").read_text().split()
    assert int(tried) > 0
    assert float(seconds) < 12 + Timeouts.stop_grace.total_seconds()


@pytest.mark.flink
def test_the_codec_makes_data_frames_of_rows_and_rows_of_data_frames(page: Path) -> None:
    """Through a job, there and back."""
    write_programs("how-to/codec.md", page)
    assert run("job.py", page) == "[('ada', 1.0), ('bob', 3.0), ('eve', 2.0)]\n"


def test_the_codec_refuses_a_table_with_an_array(page: Path) -> None:
    """With a sentence, at planning."""
    write_programs("how-to/codec.md", page)
    frames = importlib.import_module("frames").FRAMES
    with pytest.raises(PlanError, match="'v' is ARRAY<DOUBLE>"):
        frames.validate(Schema.parse([("v", "ARRAY<DOUBLE>")]))


@pytest.mark.flink
def test_a_runner_starts_programs_that_are_not_python(page: Path) -> None:
    """Each of three knows who it is."""
    write_programs("how-to/runner.md", page)
    run("job.py", page)
    assert [(page / f"square-{i}").read_text() for i in range(3)] == ["0 0\n", "1 1\n", "2 4\n"]


@pytest.mark.flink
def test_a_runner_adds_variables_and_a_context(page: Path) -> None:
    """Each node gets its share of the files."""
    write_programs("how-to/runner.md", page)
    run("share_job.py", page)
    assert (page / "0").read_text() == "a.csv c.csv e.csv"
    assert (page / "1").read_text() == "b.csv d.csv"
    runner = importlib.import_module("sharing").SharingRunner(os.getcwd)
    assert runner.is_collateral({"type": "BrokenPipeError", "message": ""})
    assert not runner.is_collateral({"type": "ValueError", "message": ""})
