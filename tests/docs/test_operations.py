"""The programs of the page on operations; its commands are typed on a cluster by another test."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support.pages import DOCS, blocks, write_programs

from ml_framework.runner import PythonRunner
from ml_framework.testing.local_cluster import run_local

if TYPE_CHECKING:
    from pathlib import Path

ROOT = DOCS.parent
PAGE = "operations.md"


def test_one_rank_publishes_what_is_kept(tmp_path: Path) -> None:
    """Of two, as one version with its checksums."""
    write_programs(PAGE, tmp_path)
    program = "from keep import keep\n\n\ndef main(ctx):\n    keep(ctx, b'weights')\n"
    (tmp_path / "keeping.py").write_text(program)
    models = tmp_path / "models"
    runner = PythonRunner("keeping:main", {"models": str(models)}, python_path=(str(tmp_path),))
    run_local(runner, workers=2, timeout_s=60)
    assert sorted(path.relative_to(models).as_posix() for path in models.rglob("*")) == [
        "1",
        "1/SHA256SUMS",
        "1/line.pt",
    ]
    assert (models / "1" / "line.pt").read_bytes() == b"weights"


@pytest.mark.flink
def test_the_loop_for_gpus_runs_without_one(tmp_path: Path) -> None:
    """In the job of the README, whose line it learns."""
    import torch  # noqa: PLC0415 - three seconds that other tests need not wait for

    write_programs(PAGE, tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (job,) = re.findall(r"^```python\n(# job\.py\n.*?)^```", readme, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "job.py").write_text(job.replace("train:main", "on_gpu:main"))
    done = subprocess.run(
        [sys.executable, "job.py"], cwd=tmp_path, check=False, timeout=100, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    learned = torch.load(tmp_path / "line.pt")
    assert learned["weight"].item() == pytest.approx(2, abs=0.05)
    assert learned["bias"].item() == pytest.approx(1, abs=0.05)


def test_the_packed_environment_has_the_pytorch_that_is_tried() -> None:
    """In the version of `constraints.txt`."""
    shown = re.findall(r"pip install -q (torch==\S+)", "".join(blocks(PAGE, "console")))
    assert len(shown) == 1
    assert shown[0] in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
