"""Pages of docs/ whose programs are run."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def write_programs(page: str, folder: Path) -> None:
    """Write each Python program of a page to `folder`; its first line, a comment, is the file's name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        (folder / block.split("\n", 1)[0].removeprefix("# ")).write_text(block)
