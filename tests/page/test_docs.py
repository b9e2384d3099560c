"""The program of docs/page.md is right."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING

from support.pages import write_programs

if TYPE_CHECKING:
    from pathlib import Path


def test_who_may_look_is_said_so(tmp_path: Path) -> None:
    write_programs("page.md", tmp_path)
    said = runpy.run_path(str(tmp_path / "who_may_look.py"))
    modes = {name: said[name].page for name in ("LOOPBACK", "BY_TOKEN", "NOBODY")}
    assert modes == {"LOOPBACK": "loopback", "BY_TOKEN": "advertised", "NOBODY": "off"}
