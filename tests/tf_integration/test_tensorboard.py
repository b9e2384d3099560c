"""`TensorBoardRunner`: a page at the side of a cluster."""

from __future__ import annotations

import os
import signal
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_framework.errors import PlanError
from ml_framework.spec import RoleKind
from ml_framework.testing.local_cluster import LocalCluster, python_role
from ml_framework.testing.waiting import eventually, gone
from tf_integration import TensorBoardRunner

if TYPE_CHECKING:
    from ml_framework.context import NodeContext


def test_its_page_is_at_the_nodes_address_and_its_death_harms_nobody(tmp_path: Path) -> None:
    """The address is printed; a process that is killed leaves nothing behind, and the job finishes."""
    done = tmp_path / "done"

    def work(ctx: NodeContext) -> None:
        eventually(Path(ctx.params["file"]).exists, timeout_s=60)

    worker = python_role("worker", work, {"file": str(done)})
    board = python_role("tensorboard", TensorBoardRunner(tmp_path), kind=RoleKind.SIDE)
    with LocalCluster([worker, board]) as cluster:
        pid = cluster.nodes["tensorboard", 0].wait_for("started", timeout_s=30)["pid"]
        line = eventually(lambda: _printed(cluster), timeout_s=30)
        url = line.removeprefix("TensorBoard: ")
        assert "<title>TensorBoard</title>" in _page(url)
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: gone(pid))
        with pytest.raises(OSError, match=r"refused|reset"):
            _page(url)
        done.touch()
        assert cluster.wait().outcome == "finished"


def _printed(cluster: LocalCluster) -> str | None:
    try:
        lines = cluster.log("tensorboard").splitlines()
    except FileNotFoundError:
        return None
    return next((line for line in lines if line.startswith("TensorBoard: http://127.0.0.1:")), None)


def _page(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as page:
        content: bytes = page.read()
        return content.decode()


def test_the_interval_is_positive() -> None:
    """The error tells the number."""
    with pytest.raises(PlanError, match="reload_interval_s is 0"):
        TensorBoardRunner("/logs", reload_interval_s=0)
