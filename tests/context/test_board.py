"""Events for TensorBoard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.context.board import Board

if TYPE_CHECKING:
    from collections.abc import Callable

LOADER = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")


def events(folder: Path) -> list[tuple[int, str, float]]:
    """Step, name and value of every event in the files of a folder."""
    return [
        (event.step, value.tag, value.tensor.float_val[0])
        for path in sorted(folder.iterdir())
        for event in LOADER.EventFileLoader(str(path)).Load()
        for value in event.summary.value
    ]


def test_what_was_written_is_what_tensorboard_reads(tmp_path: Path) -> None:
    board = Board(tmp_path / "worker-0")
    board.write({"loss": 0.5, "accuracy": 0.25}, 3)
    board.write({"loss": 0.125}, 7)
    board.close()
    assert events(tmp_path / "worker-0") == [(3, "loss", 0.5), (3, "accuracy", 0.25), (7, "loss", 0.125)]


def test_logged_numbers_are_on_the_board_by_the_number_of_batches(
    make_task: Callable[..., Any], tmp_path: Path
) -> None:
    """The last of each name is there when the process has ended."""
    task = make_task(board=str(tmp_path / "board"))
    task.rows(4)
    task.end()
    with task.running() as ctx:
        for batch in ctx.batches(2):
            ctx.metrics.log(last=batch["id"][-1])
    found = events(tmp_path / "board")
    assert found[-1] == (2, "last", 3.0)


def test_a_full_disk_ends_the_board_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It is said once, and closing says no more."""
    board = Board(tmp_path / "worker-0")
    board._records.close()
    board._records._writer = Path("/dev/full").open("wb")  # noqa: SIM115 - the board closes it
    for step in range(3):
        board.write({"loss": 0.5}, step)
    board.close()
    said = capfd.readouterr().err
    assert said.count("nothing more is written for TensorBoard to ") == 1
    assert "No space left on device" in said


def test_a_name_may_have_come_from_a_file(tmp_path: Path) -> None:
    """Such as no UTF-8 can say."""
    board = Board(tmp_path / "worker-0")
    board.write({"loss\udc80": 0.5}, 1)
    board.close()
    assert events(tmp_path / "worker-0") == [(1, "loss?", 0.5)]


def test_tensorflow_is_not_imported() -> None:
    """It would take seconds at the start of every process."""
    program = (
        "import sys, tempfile, pathlib\n"
        "from ml_framework.context.board import Board\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    board = Board(pathlib.Path(folder))\n"
        "    board.write({'x': 1.0}, 1)\n"
        "    board.close()\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_tensorboard_there_is_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto", None)
    with pytest.raises(ModuleNotFoundError, match=r"install ml-on-flink\[tensorboard\] there"):
        Board(tmp_path)
