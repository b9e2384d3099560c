"""A process that is kept ready for the next attempt: it takes over whole, or not at all."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from ml_framework.node.standby import Processes
from ml_framework.rpc import wire
from ml_framework.runner import PythonRunner
from ml_framework.spec import Token
from ml_framework.testing.scripted_master import ScriptedMaster
from ml_framework.testing.waiting import eventually, gone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_framework.testing.local_node import LocalNode


def waiting(node: LocalNode) -> list[psutil.Process]:
    """The standbys of this node's agent."""
    children = psutil.Process(node.pid).children()
    return [child for child in children if "ml_framework.runner.standby" in child.cmdline()]


def standby(node: LocalNode) -> int:
    """The process id of the one standby, once it is there."""
    (process,) = eventually(lambda: waiting(node))
    return int(process.pid)


def ready(stage: Any, **options: Any) -> tuple[LocalNode, int]:
    """A node that runs its first attempt, and its standby."""
    node = stage.node("tell_variable", {"name": "WHO"}, standby=True, env={"WHO": "first"}, **options)
    stage.start(node)
    return node, standby(node)


@contextmanager
def assigned_again(stage: Any, node: LocalNode, **changes: Any) -> Iterator[wire.Started]:
    """The start of the node's process after a restart by Flink, with an application master of its own."""
    node.send({"stop": True})
    node.wait_for("stopped", timeout_s=30)
    node.send({"aborted": 7})  # comes too late to concern anybody
    with ScriptedMaster() as master:
        node.assign_again(execution_attempt=1, **changes)
        node.attend(master.address, master.token)
        address = master.wait_for(wire.Registered).address
        master.tell(wire.Start(stage.cluster(address)))
        yield master.wait_for(wire.Started)


def printed(stage: Any, attempt: int) -> str:
    """What an attempt has printed, once it has gone through."""
    return str(eventually(lambda: (log := stage.log(attempt)).endswith("ever\n") and log))


def test_it_becomes_the_next_attempt_in_place(stage):
    """It has the attempt's variables, its log, its control socket, and leaves room for the next standby."""
    node, pid = ready(stage)
    stage.master.tell(wire.Restart(Token(0, 1)))
    assert stage.start(node, count=2) == pid
    assert printed(stage, 1) == "1 first\nruns for ever\n"
    assert eventually(lambda: [process for process in waiting(node) if process.pid != pid])
    assert eventually(lambda: heard(stage, {"attempt": 1.0}))
    stage.master.tell(wire.StopNode())
    assert stage.master.outcome(node.node).outcome is wire.Outcome.STOPPED


def heard(stage: Any, numbers: dict[str, float]) -> bool:
    """Whether the AM has been told these numbers."""
    return any(getattr(event, "numbers", None) == numbers for event in stage.master.events)


def test_the_agent_stays_for_the_next_assignment(stage):
    """As after a restart by Flink: the same agent, another directory, and the standby as its process."""
    node, pid = ready(stage)
    first = node.directory
    with assigned_again(stage, node) as started:
        assert (started.pid, started.token) == (pid, Token(1, 0))
        assert printed(stage, 1) == "1 first\nruns for ever\n"
        assert not first.exists()


@pytest.mark.parametrize("change", ["variable", "killed"])
def test_one_that_does_not_fit_is_replaced(stage, change):
    """Another environment, or its death, means a fresh process; nothing is left of the standby."""
    node, pid = ready(stage)
    if change == "killed":
        os.kill(pid, signal.SIGKILL)
    who = "second" if change == "variable" else "first"
    with assigned_again(stage, node, env={"WHO": who}) as started:
        assert started.pid != pid
        assert printed(stage, 1) == f"1 {who}\nruns for ever\n"
        assert gone(pid)


@pytest.mark.parametrize("end", ["hang up", "kill"])
def test_it_ends_with_its_agent(stage, end):
    """Whether the parent goes, or the agent is killed."""
    node, pid = ready(stage)
    if end == "hang up":
        node.hang_up()
    else:
        os.kill(node.pid, signal.SIGKILL)
    node.wait(30)
    assert eventually(lambda: all(map(gone, [pid, *stage.pids()])))


def test_without_the_option_there_is_none(stage):
    """The agent ends after its one assignment, as ever."""
    node = stage.node("tell_variable", {"name": "WHO"})
    stage.start(node)
    assert eventually(lambda: heard(stage, {"attempt": 0.0}))
    assert waiting(node) == []
    node.send({"stop": True})
    assert node.farewell(timeout_s=30) == {"event": "stopped"}


def test_one_that_cannot_be_started_is_tried_once(capfd):
    """The node that runs is none the worse for it."""
    processes = Processes()
    for _ in range(2):
        processes.prepare("no/such/python", PythonRunner("json:dumps"), {})
    said = capfd.readouterr().err
    assert said.startswith(
        "the standby cannot be started: [Errno 2] No such file or directory: 'no/such/python';"
    )
    assert said.count("\n") == 1


def test_one_that_dies_is_not_started_again(capfd):
    """It would cost the import of a framework each time."""
    processes = Processes()
    others = psutil.Process().children()
    processes.prepare(sys.executable, PythonRunner("json:dumps"), os.environ)
    (child,) = set(psutil.Process().children()) - set(others)
    child.kill()
    assert eventually(lambda: child.status() == psutil.STATUS_ZOMBIE)
    processes.prepare(sys.executable, PythonRunner("json:dumps"), os.environ)
    assert set(psutil.Process().children()) <= set(others)
    assert "the standby has ended; a restart will take as long as without one" in capfd.readouterr().err
