"""What the pages of the site differ in from those that are read in the repository."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)]+)\)")
_MERMAID = re.compile(r"^```mermaid\n.*?^```", flags=re.MULTILINE | re.DOTALL)
_STATES = "![The states, and what leads from one to the other](pictures/state-machine.svg)"


def on_page_markdown(markdown: str, *, page: Page, **_: Any) -> str:
    """Links that leave docs/ become the path that they name; Mermaid, which a site has to load, a picture."""
    folder = PurePosixPath(page.file.src_uri).parent
    return _MERMAID.sub(_STATES, _LINK.sub(lambda link: _kept(link, folder), markdown))


def _kept(link: re.Match[str], folder: PurePosixPath) -> str:
    path = (Path("docs") / folder / link[2]).resolve().relative_to(Path.cwd())
    return link[0] if path.parts[0] == "docs" else f"`{path.as_posix()}`"
