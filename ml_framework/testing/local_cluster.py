"""A whole ML cluster without Flink: the real application master, real agents, on this machine.

>>> with LocalCluster([python_role("worker", "ml_framework.testing.programs:happy", parallelism=2)]) as
cluster: ...     cluster.wait().outcome 'finished'
"""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ml_framework.config import RestartPolicy, Timeouts, to_json
from ml_framework.errors import JobFailed
from ml_framework.rpc.channel import fetch_status
from ml_framework.runner.base import Program, Runner
from ml_framework.runner.python import PythonRunner
from ml_framework.spec import JobSpec, RoleKind, RoleSpec
from ml_framework.testing.child import Child
from ml_framework.testing.local_node import LocalNode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from ml_framework.config import PageAccess
    from ml_framework.rpc.wire import ClusterStatus

_START_S = 30.0
_STATUS_S = 5.0


@dataclass(frozen=True)
class LocalRole:
    """A role and what it runs."""

    spec: RoleSpec
    program: Program


@dataclass(frozen=True)
class LocalResult:
    """How the job ended.

    Args:
        outcome: ``"finished"``, ``"failed"`` or ``"stopped"``.
        cause: the first cause, None unless it failed.
    """

    outcome: str
    cause: str | None = None


def python_role(
    name: str,
    entrypoint: str | Callable[[Any], object] | Runner,
    params: Mapping[str, Any] | None = None,
    *,
    parallelism: int = 1,
    kind: RoleKind = RoleKind.DRIVES,
    restartable: bool = False,
    **program: Any,
) -> LocalRole:
    """A role that runs `entrypoint`, checked as at planning.

    Args:
        name: of the role.
        entrypoint: what `PythonRunner` takes, or a runner.
        params: what user code finds as ``ctx.params``; none with a runner, which has its own.
        parallelism: number of nodes.
        kind: what the role means for the end of the job.
        restartable: its processes may be restarted in place.
        program: further fields of `Program`.

    Raises:
        PlanError: the entrypoint or a parameter is not usable.
    """
    runner = entrypoint if isinstance(entrypoint, Runner) else PythonRunner(entrypoint, params or {})
    runner.validate(name)
    spec = RoleSpec(name, parallelism, kind, restartable)
    return LocalRole(spec, Program(runner, **program))


class LocalCluster:
    """Runs roles; a context manager that ends everything it started.

    Args:
        roles: in the order in which a job would add them.
        name: of the job.
        timeouts: every time limit.
        restart: restarts in place.
        env: environment variables for every user process.
        log_dir: where the logs go and stay; None takes a folder that goes with the cluster.
        queue_bytes: capacity of each queue.
        execution_attempt: as Flink would count, of every node.
        restored: what nodes get out of a checkpoint: role and index to pieces of state.
        page: as for `ml_operator.AMConfig`.

    Attributes:
        address: ``host:port`` of the AM.
        token: the job's token.
        log_dir: the same, or that folder.
        nodes: the agents by role and index, such as ``nodes["worker", 0]``.
    """

    def __init__(
        self,
        roles: Sequence[LocalRole],
        *,
        name: str = "local",
        timeouts: Timeouts | None = None,
        restart: RestartPolicy | None = None,
        env: Mapping[str, str] | None = None,
        log_dir: Path | None = None,
        queue_bytes: int = 1 << 20,
        execution_attempt: int = 0,
        restored: Mapping[tuple[str, int], Sequence[bytes]] | None = None,
        page: PageAccess = "off",
    ) -> None:
        self._page = page
        self._restored = dict(restored or {})
        self._roles = tuple(roles)
        self._job = JobSpec(name, tuple(role.spec for role in roles))
        self._timeouts = timeouts or Timeouts()
        self._restart = restart or RestartPolicy()
        self._env = dict(env or {})
        self._queue_bytes = queue_bytes
        self._execution_attempt = execution_attempt
        self.token = secrets.token_hex(16)
        self._resources = ExitStack()
        self._master: Child | None = None
        self.address = ""
        self._log_dir = log_dir
        self.log_dir = Path()
        self.nodes: dict[tuple[str, int], LocalNode] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._start(stack)
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def master(self) -> Child:
        """The application master's process."""
        assert self._master is not None, "the cluster runs within its with block"
        return self._master

    def wait(self, timeout_s: float = 60.0) -> LocalResult:
        """How the job ended, once the AM and every agent have ended.

        Raises:
            TimeoutError: it has not in `timeout_s` seconds.
        """
        event = self.master.wait_for("finished", "failed", "stopped", timeout_s=timeout_s)
        for node in self.nodes.values():
            node.wait(timeout_s)
        self.master.wait(timeout_s)
        return LocalResult(event["event"], event.get("cause"))

    def stop(self) -> None:
        """Ask the AM to stop the cluster in good order; see `wait` for its end."""
        self.master.send({"stop": True})

    def status(self) -> ClusterStatus:
        """The cluster as the AM sees it; `MasterUnreachable` once it has ended."""
        return fetch_status(self.address, self.token, _STATUS_S)

    def log(self, role: str, index: int = 0, *, attempt: int = 0) -> str:
        """What a node's process has printed in one attempt."""
        return (self.log_dir / f"attempt_{attempt}" / f"{role}-{index}.log").read_text(encoding="utf-8")

    def _start(self, stack: ExitStack) -> None:
        self.log_dir = self._log_dir or Path(tempfile.mkdtemp(prefix="mlflink-logs-"))
        if self._log_dir is None:
            stack.callback(shutil.rmtree, self.log_dir)
        self._master = stack.enter_context(Child((sys.executable, "-m", "ml_framework.master")))
        self._master.send(
            {
                "job": self._job.to_json(),
                "timeouts": to_json(self._timeouts),
                "restart": to_json(self._restart),
                "host": "127.0.0.1",
                "bind_host": "127.0.0.1",
                "port": 0,
                "page": self._page,
                "page_port": 0,
                "token": self.token,
                "machine": None,
            }
        )
        for role in self._roles:
            for node in role.spec.nodes:
                agent = LocalNode(
                    node,
                    role.program,
                    self.log_dir,
                    parallelism=role.spec.parallelism,
                    timeouts=self._timeouts,
                    job_name=self._job.name,
                    env=self._env,
                    queue_bytes=self._queue_bytes,
                    execution_attempt=self._execution_attempt,
                    restored=self._restored.get((node.role, node.index), ()),
                )
                self.nodes[node.role, node.index] = stack.enter_context(agent)
        self.address = self._master.wait_for("listening", timeout_s=_START_S)["address"]
        for agent in self.nodes.values():
            agent.attend(self.address, self.token)


def run_local(
    entrypoint: str | Callable[[Any], object] | Runner,
    params: Mapping[str, Any] | None = None,
    *,
    workers: int = 1,
    timeout_s: float = 3600.0,
    log_dir: Path | None = None,
) -> None:
    """Run a training script that needs no input on this machine, without Flink; its output is shown.

    Args:
        entrypoint: ``"train:main"``, a function, or a runner such as ``TorchRunner("train:main")``.
        params: what user code finds as ``ctx.params``.
        workers: number of processes that train together.
        timeout_s: longest run.
        log_dir: where the logs go; None keeps none.

    Raises:
        PlanError: the entrypoint or a parameter is not usable.
        JobFailed: with the first cause.
        TimeoutError: it took longer than `timeout_s`.
    """
    role = python_role("worker", entrypoint, params, parallelism=workers)
    with LocalCluster([role], restart=RestartPolicy(budget=0), log_dir=log_dir) as cluster:
        result = cluster.wait(timeout_s)
    if result.outcome != "finished":
        raise JobFailed(result.cause or f"the job was {result.outcome}")
