"""What a node is told at its start: the first line of the agent's standard input, decoded and validated."""

from __future__ import annotations

import base64
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_framework.config import Timeouts, timeouts_from_json
from ml_framework.errors import PlanError, ProtocolError
from ml_framework.host import Host
from ml_framework.runner.base import Program
from ml_framework.spec import NodeId, Token

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Assignment:
    """One node of one Flink execution attempt.

    Args:
        job_id: Flink's id of the job.
        job_name: as users see it.
        node: role and index.
        parallelism: of the role, at least 1.
        execution_attempt: Flink's attempt number of this subtask, from 0.
        host: where the node listens, and the others reach it.
        directory: private to the node, made by the parent, removed by the agent.
        log_dir: where logs of user processes go; kept.
        log_bytes: of one attempt's log, at most.
        program: what the role runs.
        timeouts: every time limit.
        env: environment variables for the user's process.
        input_queue: file of the queue from Flink, None without data input.
        output_queue: file of the queue to Flink, None without output.
        bell: Unix socket at which the parent takes doorbell connections, None without queues.
        restored: pieces of checkpointed state that come first in the queue from Flink.
        gpus: indices of those that the node has to itself.
        standby: an interpreter is kept ready for the next attempt, and the agent for the next assignment.
    """

    job_id: str
    job_name: str
    node: NodeId
    parallelism: int
    execution_attempt: int
    host: Host
    directory: Path
    log_dir: Path
    log_bytes: int
    program: Program
    timeouts: Timeouts
    env: Mapping[str, str]
    input_queue: Path | None = None
    output_queue: Path | None = None
    bell: Path | None = None
    restored: int = 0
    gpus: tuple[str, ...] = ()
    standby: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.node.index < self.parallelism:
            raise ProtocolError(f"{self.node} is not one of {self.parallelism} nodes")
        if self.execution_attempt < 0:
            raise ProtocolError(f"{self.node}: execution attempt {self.execution_attempt} is negative")
        if (self.bell is None) is not (self.input_queue is None and self.output_queue is None):
            raise ProtocolError(f"{self.node}: queues and doorbell come together or not at all")
        if self.restored < 0 or (self.restored and self.input_queue is None):
            raise ProtocolError(f"{self.node}: {self.restored} pieces of restored state cannot come to it")

    @property
    def token(self) -> Token:
        """The fencing token of the first process attempt."""
        return Token(self.execution_attempt, 0)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Assignment:
        """The assignment in `data`; raises `ProtocolError` saying what is wrong with it."""
        try:
            return cls(
                job_id=data["job_id"],
                job_name=data["job_name"],
                node=NodeId(data["role"], data["index"]),
                parallelism=data["parallelism"],
                execution_attempt=data["execution_attempt"],
                host=Host.from_json(data),
                directory=Path(data["directory"]),
                log_dir=Path(data["log_dir"]),
                log_bytes=int(data["log_bytes"]),
                program=_program(data["program"]),
                timeouts=timeouts_from_json(data["timeouts"]),
                env=dict(data.get("env") or {}),
                input_queue=_path(data.get("input_queue")),
                output_queue=_path(data.get("output_queue")),
                bell=_path(data.get("bell")),
                restored=int(data.get("restored", 0)),
                gpus=tuple(data.get("gpus") or ()),
                standby=bool(data.get("standby", False)),
            )
        except PlanError as error:
            raise ProtocolError(f"the assignment is not usable: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError(f"the assignment is not usable: {type(error).__name__}: {error}") from error


def _path(value: str | None) -> Path | None:
    return Path(value) if value else None


def _program(encoded: str) -> Program:
    try:
        program = pickle.loads(base64.b64decode(encoded))  # noqa: S301 - from the job's own client
    except Exception as error:  # unpickling runs the runner's imports: anything may come out of it
        raise ProtocolError(
            f"the role's program cannot be loaded on this machine: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(program, Program):
        raise ProtocolError(f"the role's program is a {type(program).__name__}")
    return program
