"""The programs on the pages are written as the project writes its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.pages import DOCS, blocks

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [page.relative_to(DOCS).as_posix() for page in sorted(DOCS.rglob("*.md"))]
WITH_PROGRAMS = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_PROGRAMS)
def test_programs_are_formatted_and_clean(page: str, tmp_path: Path) -> None:
    """By ruff: no unused name, and no line that is too long for the page."""
    for number, block in enumerate(blocks(page, "python")):
        (tmp_path / f"block_{number}.py").write_text(block)
    for arguments in (["check", "--select=E,F,I,B"], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--line-length=110", "--isolated", str(tmp_path)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
