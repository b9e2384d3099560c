"""The environment of a user's process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ml_framework.config import Timeouts
from ml_framework.host import Host
from ml_framework.node.assignment import Assignment
from ml_framework.node.environment import environment
from ml_framework.runner import Command, Program, PythonRunner
from ml_framework.spec import NodeId

NAME = "SOCKET_IFNAME"
COMMAND = Command(("program",))


class Runner(PythonRunner):
    """Of a framework that wants to know the interface."""

    interface_variables = {NAME: "={}"}  # noqa: RUF012 - as the base class declares it


ASSIGNMENT = Assignment(
    job_id="17",
    job_name="job",
    node=NodeId("worker", 0),
    parallelism=1,
    execution_attempt=0,
    host=Host("127.0.0.1"),
    directory=Path(),
    log_dir=Path(),
    log_bytes=1 << 20,
    program=Program(Runner("m:f")),
    timeouts=Timeouts(),
    env={},
)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (Host("127.0.0.1"), "=lo"),
        (Host("192.0.2.7", "127.0.0.1"), "=lo"),
        (Host("127.0.0.1", "0.0.0.0"), "=lo"),
        (Host("192.0.2.7", "0.0.0.0"), None),
    ],
)
def test_a_framework_hears_of_the_interface_of_the_address(host: Host, expected: str | None) -> None:
    """That of the bound address, or of the advertised one; nothing where the host has neither."""
    assert environment(replace(ASSIGNMENT, host=host), COMMAND).get(NAME) == expected


def test_who_sets_the_interface_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The TaskManager's environment, the job's and the role's, each over those before."""
    monkeypatch.setenv(NAME, "operator")
    assert environment(ASSIGNMENT, COMMAND)[NAME] == "operator"
    assignment = replace(ASSIGNMENT, env={NAME: "job"})
    assert environment(assignment, COMMAND)[NAME] == "job"
    assert environment(assignment, Command(("program",), {NAME: "role"}))[NAME] == "role"


CUDA = ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES")


def cuda(*gpus: str, **env: str) -> list[str | None]:
    """The variables of CUDA in the process of a node with these GPUs, `env` being the job's."""
    assignment = replace(ASSIGNMENT, env=env, gpus=gpus)
    variables = environment(assignment, COMMAND)
    return [variables.get(name) for name in CUDA]


def test_a_node_sees_its_own_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted as nvidia-smi does; what was inherited does not matter, the user's own word does."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    assert cuda("2", "3") == ["PCI_BUS_ID", "2,3"]
    assert cuda("2", "3", CUDA_VISIBLE_DEVICES="3") == ["PCI_BUS_ID", "3"]


def test_without_gpus_of_its_own_a_node_sees_what_the_taskmanager_sees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Inherited variables stay as they are."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    assert cuda() == [None, "0,1,2,3"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert cuda() == [None, None]
