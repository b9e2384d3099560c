"""What the README shows is what runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.flink
def test_the_example_learns_the_line(tmp_path: Path) -> None:
    """Job and training loop, copied from the README and run as a user would."""
    import torch  # noqa: PLC0415 - three seconds that other tests need not wait for

    for block in blocks("python"):
        (tmp_path / block.split("\n", 1)[0].removeprefix("# ")).write_text(block)
    done = subprocess.run(
        [sys.executable, "job.py"], cwd=tmp_path, check=False, timeout=110, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    learned = torch.load(tmp_path / "line.pt")
    assert learned["weight"].item() == pytest.approx(2, abs=0.05)
    assert learned["bias"].item() == pytest.approx(1, abs=0.05)


PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")],
    key=lambda page: page.as_posix(),
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_and_links_of_the_docs_lead_somewhere(page: Path) -> None:
    """Make targets, scripts and linked files that a page names are there, or on the page."""
    text = page.read_text(encoding="utf-8")
    shell = "\n".join(re.findall(r"^```(?:bash|console)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))
    for target in re.findall(r"^(?:\$ )?make ([\w-]+)", shell, flags=re.MULTILINE):
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)
    for script in re.findall(r"python (\S+\.py)", shell):
        assert (ROOT / script).is_file() or f"```python\n# {script}\n" in text, script
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (page.parent / link).exists(), link


def test_the_extras_exist() -> None:
    """Every extra that the README installs is declared."""
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"pip install \"\.\[(\w+)\]\"", README):
        assert f"\n{extra} = [" in declared
