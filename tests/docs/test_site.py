"""The documentation builds as a site, and the site needs nobody else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from support.pages import blocks

import ml_framework.errors
import ml_operator

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with every warning an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


class Loaded(HTMLParser):
    """What a browser loads with a page, without being asked."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe") or (tag == "link" and given.get("rel") != "canonical"):
            self.found.append(given.get("src") or given.get("href") or "")


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """Scripts, styles and pictures are the site's own, and so is what its styles load."""
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.found
        assert [url for url in loaded.found if re.match(r"(https?:)?//", url)] == [], page
        assert 'class="mermaid"' not in page.read_text(encoding="utf-8"), page  # the theme loads its code
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_the_reference_has_every_public_name_of_ml_operator(site: Path) -> None:
    """What `ml_operator` exports, and each error, has an entry with its full name."""
    entries = (site / "objects.inv").read_bytes()
    names = zlib.decompress(entries.split(b"\n", 4)[4]).decode()
    for name in ml_operator.__all__:
        assert re.search(rf"^\S+\.{name} ", names, flags=re.MULTILINE), name
    for name, value in vars(ml_framework.errors).items():
        if isinstance(value, type):
            assert f"\nml_framework.errors.{name} " in f"\n{names}", name


def test_the_first_page_shows_what_the_readme_runs() -> None:
    """Its training loop is that of the README, which another test runs."""
    (loop,) = blocks("index.md", "python")
    assert f"```python\n{loop}```" in (ROOT / "README.md").read_text(encoding="utf-8")
