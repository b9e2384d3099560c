"""A scripted application master and agents that are checked to leave nothing behind."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from ml_framework.config import Timeouts
from ml_framework.rpc import wire
from ml_framework.runner import PythonRunner, Runner
from ml_framework.spec import ClusterSpec, NodeId
from ml_framework.testing.local_cluster import python_role
from ml_framework.testing.local_node import LocalNode
from ml_framework.testing.scripted_master import ScriptedMaster
from ml_framework.testing.waiting import gone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODE = NodeId("worker", 0)
FAST = Timeouts(
    connect=timedelta(seconds=20),
    heartbeat_interval=timedelta(milliseconds=200),
    stop_grace=timedelta(seconds=20),
    settle=timedelta(milliseconds=200),
)
PROGRAMS = "ml_framework.testing.programs"


class Stage:
    """One test's application master, agents and logs."""

    def __init__(self, master: ScriptedMaster, log_dir: Path, stack: ExitStack) -> None:
        self.master = master
        self.log_dir = log_dir
        self.nodes: list[LocalNode] = []
        self._stack = stack

    def node(self, program: str, params: dict[str, Any] | None = None, **options: Any) -> LocalNode:
        """An agent that is to run `program` and does not know the AM yet."""
        return self.node_running(PythonRunner(f"{PROGRAMS}:{program}", params or {}), **options)

    def node_running(self, runner: Runner, **options: Any) -> LocalNode:
        """An agent that is to run what `runner` runs."""
        role = python_role("worker", runner, **options.pop("fields", {}))
        node = LocalNode(NODE, role.program, self.log_dir, **{"timeouts": FAST, **options})
        self.nodes.append(node)
        return self._stack.enter_context(node)

    def registered(self, node: LocalNode, *, count: int = 1) -> wire.Registered:
        """What `node` registers with; the first time, it is told where the AM is."""
        if count == 1:
            node.attend(self.master.address, self.master.token)
        return self.master.wait_for(wire.Registered, count=count)

    def start(self, node: LocalNode, *, count: int = 1) -> int:
        """The process id of the `count`-th attempt, once it runs."""
        address = self.registered(node, count=count).address
        self.master.tell(wire.Start(self.cluster(address)))
        return self.master.wait_for(wire.Started, count=count).pid

    def cluster(self, address: str) -> ClusterSpec:
        """A cluster of the one node that listens at `address`."""
        return ClusterSpec({"worker": (address,)})

    def timeouts(self, **changes: timedelta) -> Timeouts:
        """The short timeouts of these tests, with some replaced."""
        return replace(FAST, **changes)

    def log(self, attempt: int = 0) -> str:
        """What attempt `attempt` has printed so far."""
        return (self.log_dir / f"attempt_{attempt}" / "worker-0.log").read_text()

    def pids(self) -> list[int]:
        """Every process that was started, agents and user processes."""
        events = [event for node in self.nodes for event in node.events if event["event"] == "started"]
        return [node.pid for node in self.nodes] + [event["pid"] for event in events]

    def assert_nothing_left(self) -> None:
        """No process, no process group and no directory of any node remains."""
        assert [pid for pid in self.pids() if not gone(pid)] == []
        assert [pid for pid in psutil.pids() if _group(pid) in self.pids() and not gone(pid)] == []
        assert [node.directory for node in self.nodes if node.directory.exists()] == []


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


@pytest.fixture(autouse=True, scope="session")
def _compiled_once() -> Iterator[None]:
    """The many child processes compile our modules once, also where tests are told to write no bytecode."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        master = stack.enter_context(ScriptedMaster())
        stage = Stage(master, tmp_path / "logs", stack)
        yield stage
    stage.assert_nothing_left()
