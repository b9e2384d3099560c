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


def test_the_commands_exist() -> None:
    """Every make target that the README names is one of the Makefile's."""
    named = set(re.findall(r"^make (\w+)", "\n".join(blocks("bash")), flags=re.MULTILINE))
    assert named == {"demo", "test"}
    for target in named:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


def test_the_extras_exist() -> None:
    """Every extra that the README installs is declared."""
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"pip install \"\.\[(\w+)\]\"", README):
        assert f"\n{extra} = [" in declared
