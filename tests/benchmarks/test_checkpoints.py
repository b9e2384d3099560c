"""The measurements of checkpoints measure something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import checkpoints

if TYPE_CHECKING:
    from pathlib import Path


def test_two_workers_agree_and_do_not(tmp_path: Path) -> None:
    """Steps with and without the agreement have a length, and a share comes of them."""
    found = checkpoints.agreement(tmp_path, turns=2, steps=3)
    assert found["step_s"] > 0
    assert len(found["shares"]) == 2
    assert min(found["shares"]) <= found["share"] <= max(found["shares"])
