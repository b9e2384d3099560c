"""What a batch holds is what its page shows."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.pages import DOCS, blocks, write_programs

from ml_framework.codec.schema import Root

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "batches.md"
(PRINTED,) = blocks(PAGE, "text")


def test_the_table_has_every_type() -> None:
    """By the names that Flink gives them in SQL."""
    text = (DOCS / PAGE).read_text(encoding="utf-8")
    table = "".join(line for line in text.splitlines(keepends=True) if line.startswith("| `"))
    missing = [root for root in Root if f"`{root}`" not in table and f"`{root}(p)`" not in table]
    assert missing == []


@pytest.mark.flink
def test_a_row_and_nulls_as_the_page_prints_them(tmp_path: Path) -> None:
    """Value by value, in the log of the node."""
    write_programs(PAGE, tmp_path)
    done = subprocess.run(
        [sys.executable, "job.py"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
        timeout=90,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (log,) = tmp_path.rglob("worker-0.log")
    assert log.read_text() == PRINTED
