"""One agent as a Flink task starts it: its directory, its queues, its assignment."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ml_framework.config import JobConfig, Timeouts
from ml_framework.node.directory import PREFIX
from ml_framework.node.settings import assignment
from ml_framework.testing.child import Child
from ml_framework.testing.flink_end import FlinkEnd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_framework.runner.base import Program
    from ml_framework.spec import NodeId

_HOST = "127.0.0.1"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where queues belong
DIRECTORY_PREFIX = f"{PREFIX}local-"


class LocalNode(Child):
    """A running agent that has its assignment but no AM yet.

    Args:
        node: role and index.
        program: what it runs.
        log_dir: where logs go.
        parallelism: of the role.
        timeouts: every time limit.
        job_name: as users see it.
        execution_attempt: as Flink would count.
        env: environment variables for the user's process.
        queue_bytes: capacity of its queues.
        restored: pieces of state out of a checkpoint.
        standby: an interpreter is kept ready for the next attempt, and the agent for the next assignment.
        stderr: where the agent's standard error goes, as for `subprocess.Popen`.

    Attributes:
        node: the same.
        directory: the node's own, gone when the agent has ended.
        flink: the other end of its queues, None without any.
    """

    def __init__(
        self,
        node: NodeId,
        program: Program,
        log_dir: Path,
        *,
        parallelism: int = 1,
        timeouts: Timeouts | None = None,
        job_name: str = "local",
        execution_attempt: int = 0,
        env: Mapping[str, str] | None = None,
        queue_bytes: int = 1 << 20,
        restored: Sequence[bytes] = (),
        standby: bool = False,
        log_bytes: int = JobConfig.log_bytes,
        stderr: int | IO[bytes] | None = None,
    ) -> None:
        self.node = node
        self.directory = _new_directory()
        queued = program.input_layout is not None or program.output_layout is not None
        self.flink = FlinkEnd(self.directory, program, queue_bytes, restored) if queued else None
        super().__init__((sys.executable, "-m", "ml_framework.node"), stderr=stderr)
        self._assignment = {
            **assignment(
                job_name,
                node.role,
                parallelism,
                program,
                JobConfig(timeouts or Timeouts(), log_dir=str(log_dir), log_bytes=log_bytes, env=env or {}),
            ),
            "job_id": self.directory.name,
            "index": node.index,
            "execution_attempt": execution_attempt,
            "host": _HOST,
            "bind_host": _HOST,
            "directory": str(self.directory),
            "restored": len(restored),
            "standby": standby,
            **(self.flink.assignment if self.flink is not None else {}),
        }
        self.send(self._assignment)

    def assign_again(self, **changes: Any) -> None:
        """Assign the node anew to an agent that has stayed, as the next execution attempt of a task does."""
        self.directory = _new_directory()
        self.send({**self._assignment, "directory": str(self.directory), **changes})

    def attend(self, address: str, token: str) -> None:
        """Tell the agent where the AM is."""
        self.send({"master": address, "token": token})

    def leave_alone(self) -> None:
        """Tell the agent that its node has no AM."""
        self.send({"alone": True})

    def farewell(self, *, timeout_s: float) -> dict[str, Any]:
        """The agent's last word, once it has ended."""
        last = self.wait_for("succeeded", "stopped", "failed", timeout_s=timeout_s)
        self.wait(timeout_s)
        return last

    def close(self, grace_s: float = 10.0) -> None:
        """Be gone, as a task that ends: the agent has `grace_s` seconds to clean up."""
        super().close(grace_s)
        if self.flink is not None:
            self.flink.close()
        shutil.rmtree(self.directory, ignore_errors=True)  # there is one only if the agent was killed


def _new_directory() -> Path:
    parent = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    return Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX, dir=parent))
