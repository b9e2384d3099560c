"""Saving a model: whole or not at all, by one rank."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_bytes_and_writers_replace_the_file(task: Any, tmp_path: Path) -> None:
    """The folder is made, the path comes back, and nothing else lies beside the file."""
    target = tmp_path / "models" / "model.bin"
    with task.running() as ctx:
        assert ctx.save_model(target, b"one") == target
        assert target.read_bytes() == b"one"
        assert ctx.save_model(str(target), lambda file: file.write(b"two")) == target
    assert target.read_bytes() == b"two"
    assert [path.name for path in target.parent.iterdir()] == ["model.bin"]


def test_a_writer_that_fails_leaves_the_old_file(task: Any, tmp_path: Path) -> None:
    """Half a model is never seen."""
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")

    def fail(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError("disk full")

    before = set(tmp_path.iterdir())
    with task.running() as ctx, pytest.raises(OSError, match="disk full"):
        ctx.save_model(target, fail)
    assert target.read_bytes() == b"old"
    assert set(tmp_path.iterdir()) == before


def test_only_rank_0_writes(make_task: Callable[..., Any], tmp_path: Path) -> None:
    """Every rank may call it, and gets the path."""
    with make_task(rank=1, index=1, world_size=2).running() as ctx:
        assert ctx.save_model(tmp_path / "model", b"x") == tmp_path / "model"
    assert not (tmp_path / "model").exists()
