"""Layouts, and a `TorchContext` in the test's own process."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.codec import Schema, plan_layout
from ml_framework.context.control import ControlSocket
from ml_framework.context.launch import Descriptors
from ml_framework.host import Host
from ml_framework.runner import Attempt, Program
from ml_framework.spec import ClusterSpec, NodeId
from ml_framework.testing.flink_end import FlinkEnd
from torch_integration import TorchRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from torch_integration.context import TorchContext

_IN = [("id", "BIGINT NOT NULL"), ("a", "DOUBLE"), ("b", "DOUBLE"), ("name", "STRING"), ("score", "FLOAT")]
INPUT = plan_layout(Schema.parse(_IN), {"x": ["a", "b"]}, max_rows=64)
OUTPUT = plan_layout(Schema.parse([("id", "BIGINT NOT NULL"), ("step", "BIGINT")]))


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What the workers run, as a module."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    return importlib.import_module("torch_programs")


@pytest.fixture
def program() -> Callable[..., Program]:
    """Makes a role's program that runs a function of `torch_programs`."""

    def make(entrypoint: str = "uneven", *, codec: str = "columns", **params: Any) -> Program:
        runner = TorchRunner(
            f"torch_programs:{entrypoint}", params, python_path=(str(Path(__file__).parent),)
        )
        return Program(runner, INPUT.to_json(), OUTPUT.to_json(), codec, max_delay_s=0.005)

    return make


class Node:
    """A node of one rank in the test's own process.

    Attributes:
        flink: the task at the other end of its queues.
        context: what its entrypoint would get, not entered.
    """

    def __init__(
        self, folder: Path, program: Program, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from torch_integration.context import TorchContext  # noqa: PLC0415 - 4 s, and not for every test

        self.flink = FlinkEnd(folder, program, 1 << 16)
        stack.callback(self.flink.close)
        control, listening = self._sockets(stack)
        attempt = Attempt(
            node=NodeId("worker", 0),
            number=0,
            parallelism=1,
            cluster=ClusterSpec({"worker": (f"127.0.0.1:{listening.getsockname()[1]}",)}),
            program=program,
            job_name="job",
            job_id="17",
            host=Host("127.0.0.1"),
            directory=folder,
            log_dir=folder,
            descriptors=Descriptors(control.detach(), listening.detach(), *self._queues()),
            python="python",
        )
        assert isinstance(program.runner, TorchRunner)
        for name, value in program.runner.environment(attempt).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # a process group puts its own there
        agent = ControlSocket(attempt.descriptors.control, on_lost=lambda: None)
        stack.callback(agent.close)
        self.context: TorchContext = TorchContext(program.runner.launch(attempt), agent)

    def _sockets(self, stack: ExitStack) -> tuple[socket.socket, socket.socket]:
        agent, control = socket.socketpair()
        stack.enter_context(agent)
        return control, socket.create_server(("127.0.0.1", 0))

    def _queues(self) -> tuple[int, int, int]:
        paths = self.flink.assignment
        bell = socket.socket(socket.AF_UNIX)
        bell.connect(paths["bell"])
        return (
            bell.detach(),
            os.open(paths["input_queue"], os.O_RDWR),
            os.open(paths["output_queue"], os.O_RDWR),
        )


@pytest.fixture
def node(
    tmp_path: Path, program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Node]]:
    """Makes nodes and ends them after the test."""
    with ExitStack() as stack:
        yield lambda **settings: Node(tmp_path, program(**settings), stack, monkeypatch)
