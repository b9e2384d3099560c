"""Pages of docs/ whose programs are run."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def write_programs(page: str, folder: Path) -> None:
    """Write each Python program of a page to `folder`; its first line, a comment, is the file's name."""
    for block in blocks(page, "python"):
        (folder / block.split("\n", 1)[0].removeprefix("# ")).write_text(block)
