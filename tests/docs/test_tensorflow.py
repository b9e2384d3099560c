"""The programs of the page on TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.pages import blocks, write_programs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.flink

PAGE = "tensorflow.md"
(RUN,) = blocks(PAGE, "bash")
_WEIGHTS = "import keras; print(*[w.numpy().item() for w in keras.saving.load_model('line.keras').weights])"


def run(*arguments: str, folder: Path) -> str:
    """What Python prints."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, check=False, timeout=100, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def learned(folder: Path) -> list[float]:
    """Slope and intercept of the model that the job has saved."""
    return [float(weight) for weight in run("-c", _WEIGHTS, folder=folder).split()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the programs of the page."""
    write_programs(PAGE, tmp_path)
    return tmp_path


def test_two_workers_in_step_learn_the_line(folder: Path) -> None:
    run(*RUN.split()[1:], folder=folder)
    assert learned(folder) == pytest.approx([2, 1], abs=0.05)


def test_parameter_servers_learn_the_line(folder: Path) -> None:
    """By the job of the page with the changes that it names."""
    program = (folder / "job.py").read_text()
    for before, after in (("workers=2", "workers=2, ps=1"), ("train:main", "asynchronous:main")):
        assert program.count(before) == 1
        program = program.replace(before, after)
    (folder / "asynchronous_job.py").write_text(program)
    run("asynchronous_job.py", folder=folder)
    assert learned(folder) == pytest.approx([2, 1], abs=0.05)
