"""The environment of a user's process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_framework.config import Timeouts
from ml_framework.node.assignment import Assignment
from ml_framework.node.environment import environment
from ml_framework.runner import Program, PythonRunner
from ml_framework.runner.base import Command
from ml_framework.spec import NodeId

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CUDA = ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES")


def cuda(folder: Path, *gpus: str, **env: str) -> list[str | None]:
    """The variables of CUDA in the process of a node with these GPUs, `env` being the job's."""
    assignment = Assignment(
        job_id="17",
        job_name="job",
        node=NodeId("worker", 0),
        parallelism=1,
        execution_attempt=0,
        host="here",
        directory=folder,
        log_dir=folder,
        program=Program(PythonRunner("ml_framework.testing.programs:happy")),
        timeouts=Timeouts(),
        env=env,
        gpus=gpus,
    )
    variables = environment(assignment, Command(("python",)))
    return [variables.get(name) for name in CUDA]


def test_a_node_sees_its_own_gpus_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted as nvidia-smi does; what was inherited does not matter, the user's own word does."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    assert cuda(tmp_path, "2", "3") == ["PCI_BUS_ID", "2,3"]
    assert cuda(tmp_path, "2", "3", CUDA_VISIBLE_DEVICES="3") == ["PCI_BUS_ID", "3"]


def test_without_gpus_of_its_own_a_node_sees_what_the_taskmanager_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inherited variables stay as they are."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    assert cuda(tmp_path) == [None, "0,1,2,3"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert cuda(tmp_path) == [None, None]
