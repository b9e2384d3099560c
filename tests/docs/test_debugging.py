"""The programs of the page on errors, and what it says of them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING
from unittest.mock import Mock, call

import pytest
from support.pages import blocks, write_programs

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "how-to/debugging.md"
SMALL, ALONE = blocks(PAGE, "bash")


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a command of the page does, in a folder with its programs."""
    write_programs(PAGE, folder)
    return subprocess.run(
        [sys.executable, *command.split()[1:]],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=90,
        capture_output=True,
        text=True,
    )


@pytest.mark.flink
def test_a_small_job_shows_what_goes_in_and_what_comes_out(tmp_path: Path) -> None:
    """What user code prints is in the log of its node."""
    done = run(SMALL, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["out 3.0", "out 5.0", "out 7.0"]
    (log,) = tmp_path.rglob("worker-0.log")
    assert log.read_text().splitlines() == [
        "columns ['x FLOAT', 'y FLOAT']",
        "in [1.0, 2.0] [3.0, 5.0]",
        "in [3.0] [7.0]",
    ]


@pytest.mark.flink
def test_the_first_error_ends_a_small_job_with_its_traceback(tmp_path: Path) -> None:
    """Nothing is tried again. `breakpoint()` is such an error."""
    write_programs(PAGE, tmp_path)
    program = (tmp_path / "small.py").read_text().replace("train:main", "broken:main")
    (tmp_path / "broken_job.py").write_text(program)
    (tmp_path / "broken.py").write_text("def main(ctx):\n    breakpoint()\n    ctx.emit(guess=[1.0])\n")
    done = run("python broken_job.py", tmp_path)
    assert done.returncode != 0
    assert "worker[0] attempt 0: " in done.stderr
    assert 'broken.py", line 3, in main' in done.stderr
    assert "BdbQuit" in done.stderr
    assert [path.parent.name for path in tmp_path.rglob("worker-0.log")] == ["attempt_0"]


def test_a_script_without_rows_needs_no_flink(tmp_path: Path) -> None:
    """Two processes say who they are."""
    done = run(ALONE, tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(line for line in done.stderr.splitlines() if "rank" in line) == [
        "worker[0] | rank 0 of 2, lr 0.1",
        "worker[1] | rank 1 of 2, lr 0.1",
    ]


def test_a_debugger_is_waited_for_and_has_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls of the page, with one that stands in for the debugger, which is no dependency."""
    write_programs(PAGE, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    debugpy = Mock()
    monkeypatch.setitem(sys.modules, "debugpy", debugpy)
    ctx = Mock(index=1, batches=lambda batch_size: [{"x": 2}, {"x": 3}])
    importlib.import_module("debugged").main(ctx)
    assert debugpy.mock_calls[:2] == [call.listen(("localhost", 5679)), call.wait_for_client()]
    assert debugpy.breakpoint.call_count == 2
    assert ctx.emit.mock_calls == [call(guess=5), call(guess=7)]
    assert importlib.import_module("patience").PATIENT.timeouts.step == timedelta(hours=8)
