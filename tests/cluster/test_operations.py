"""What docs/operations.md tells people to type is typed, on a standalone cluster."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.pages import DOCS
from support.standalone import HOME, Host, StandaloneCluster

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

ROOT = DOCS.parent
NOT_OF_NODES = ("apache-flink", "rich", "starlette", "typer", "uvicorn")


def page() -> str:
    return (DOCS / "operations.md").read_text(encoding="utf-8")


def commands() -> str:
    """The page's commands in their order, as one script that ends with the first that fails."""
    blocks = re.findall(r"^```bash\n(.*?)^```", page(), flags=re.MULTILINE | re.DOTALL)
    return "set -euxo pipefail\n" + "".join(blocks)


def test_the_page_from_top_to_bottom(tmp_path: Path) -> None:
    """Two workers fit a line, a savepoint is taken, three go on from what they had learnt."""
    work = tmp_path / "line"
    shutil.copytree(ROOT / "examples" / "line", work)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    options = ["-q", "--no-deps", "--no-build-isolation", "-w", tmp_path]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with StandaloneCluster(tmp_path / "cluster", workers=(Host(),) * 3) as cluster:
        variables = {
            **cluster.variables,
            "PATH": f"{HOME / 'bin'}:{cluster.variables['PATH']}",
            "TMPDIR": str(temporary),
            "PYTHON": sys.executable,
            "PACKAGE": str(wheel),
        }
        done = subprocess.run(
            ["bash", "-c", commands()],
            cwd=work,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=360,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert cluster.ended() == []
    logs = sorted(temporary.rglob("*.log"), key=lambda path: path.stat().st_mtime)
    said = "".join(path.read_text() for path in logs)
    slopes = [float(slope) for slope in re.findall(r"begins with y = (\S+) x", said)]
    assert len(slopes) == 5
    assert slopes[2:] == pytest.approx([2.0] * 3, abs=0.01)
    assert slopes[:2] != pytest.approx([2.0] * 2, abs=0.01)
    packed = work / "packed" / "venv" / "bin" / "python"
    subprocess.run([packed, "-c", "import ml_framework.master.server"], check=True)


def test_the_packed_environment_has_what_a_node_needs() -> None:
    """The page installs every dependency but PyFlink and those of who watches, in the package's versions."""
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^dependencies = \[\n(.*?)^\]", declared, flags=re.MULTILINE | re.DOTALL)
    needed = {name for name in re.findall(r'"(.+?)"', listed) if not name.startswith(NOT_OF_NODES)}
    whole_lines = page().replace("\\\n", "")
    (shown,) = re.findall(
        r"^packed/venv/bin/pip install -q ((?:\"\S+\" *)+)$", whole_lines, flags=re.MULTILINE
    )
    assert set(re.findall(r'"(.+?)"', shown)) == needed
