"""The measurements of checkpoints measure something: a run of each kind, as short as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import checkpoints

if TYPE_CHECKING:
    from pathlib import Path


def test_two_workers_agree_and_do_not(tmp_path: Path) -> None:
    """Steps with and without the agreement have a length, and a share comes of them."""
    found = checkpoints.agreement(tmp_path, turns=2, steps=3)
    assert found["step_s"] > 0
    assert len(found["shares"]) == 2
    assert min(found["shares"]) <= found["share"] <= max(found["shares"])


@pytest.mark.flink
def test_a_killed_process_has_a_successor(gateway: None, tmp_path: Path) -> None:
    """One kill: its successor trains."""
    file = tmp_path / "starts"
    with checkpoints.training(tmp_path, "note_starts", "500 ms", file=str(file)):
        (seconds,) = checkpoints.killed(file, 1)
    assert 0 < seconds < 60
    pids = [line.split()[0] for line in file.read_text().splitlines()]
    assert len(pids) == len(set(pids)) == 2
