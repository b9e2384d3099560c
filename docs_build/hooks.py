"""What the pages of the site differ in from those that are read in the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

_LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)]+)\)")
_MERMAID = re.compile(r"^```mermaid\n.*?^```", flags=re.MULTILINE | re.DOTALL)
_STATES = "![The states, and what leads from one to the other](pictures/state-machine.svg)"


def on_config(config: MkDocsConfig) -> None:
    """A folder in the navigation stands for its pages, by name."""
    config.nav = _expanded(config.nav, Path(config.docs_dir))


def _expanded(entry: Any, docs: Path) -> Any:
    if isinstance(entry, list):
        return [_expanded(part, docs) for part in entry]
    if isinstance(entry, dict):
        return {title: _expanded(part, docs) for title, part in entry.items()}
    if isinstance(entry, str) and entry.endswith("/"):
        return [page.relative_to(docs).as_posix() for page in sorted((docs / entry).glob("*.md"))]
    return entry


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Links that leave docs/ become the path that they name; Mermaid, which a site has to load, a picture."""
    docs = Path(config.docs_dir)
    folder = (docs / page.file.src_uri).parent
    return _MERMAID.sub(_STATES, _LINK.sub(lambda link: _kept(link, folder, docs), markdown))


def _kept(link: re.Match[str], folder: Path, docs: Path) -> str:
    target = (folder / link[2]).resolve()
    return link[0] if target.is_relative_to(docs) else f"`{target.relative_to(docs.parent).as_posix()}`"
