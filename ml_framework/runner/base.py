"""The contract of a runner: how a role's algorithm is prepared and started.

A runner is planned with the job, travels to the agent as part of a `Program`, and is asked there, for every
attempt, which process to start. It never starts one itself: the agent does, and supervises it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ml_framework.runner.log_file import log_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ml_framework.context.launch import Descriptors
    from ml_framework.host import Host
    from ml_framework.spec import ClusterSpec, NodeId


@dataclass(frozen=True)
class Program:
    """What a role runs; frozen and pickled at planning, the same for every node of the role.

    Args:
        runner: how the algorithm is prepared and started.
        input_layout: `codec.Layout.to_json()` of the frames from Flink, None without data input; of no
            columns for a node that has no data input and answers checkpoints all the same.
        output_layout: the same of the frames to Flink, None without output.
        codec: name of the codec above the columns.
        max_delay_s: longest time that a row may wait for its frame to fill.
        python: interpreter of the user's process; None takes the agent's own.
    """

    runner: Runner
    input_layout: Mapping[str, Any] | None = None
    output_layout: Mapping[str, Any] | None = None
    codec: str = "columns"
    max_delay_s: float = 0.02
    python: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One start of a node's process, as the agent describes it to the runner."""

    node: NodeId
    number: int
    """0-based, what users see as ``attempt``."""
    parallelism: int
    cluster: ClusterSpec
    program: Program
    job_name: str
    job_id: str
    """Of this run of the job: the same over its restarts."""
    host: Host
    directory: Path
    """Private to this attempt, removed by the agent: `context.json`, `error.json`, pickled callables."""
    log_dir: Path
    descriptors: Descriptors
    python: str
    """The interpreter to use."""
    restored: int = 0
    """Pieces of checkpointed state that come through the in-queue before anything else."""
    gpus: tuple[str, ...] = ()
    """Indices of those that the node has to itself."""

    @property
    def log_file(self) -> Path:
        """What the process prints."""
        return self.log_dir / log_name(self.node)


@dataclass(frozen=True)
class Command:
    """The process to start."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the agent's environment."""
    python_path: tuple[str, ...] = ()
    """Folders for the front of the process's module search path."""


class Runner(ABC):
    """How a role's algorithm is prepared and started.

    Attributes:
        binds_address: the process listens at its node's address by itself, for a server that takes no
            descriptor. The agent then only keeps the port from everybody else: bound with ``SO_REUSEPORT``,
            which the process has to set too, not listening, and the same over restarts in place.
        answers_checkpoints: a node of this runner is part of Flink's checkpoints also without data input. It
            knows from others when to cut, and sends its state, in one piece, with the cut; a checkpoint
            is complete when it has come.
        preload: modules that take long to load and that its process, a Python one, loads in any case: what is
            kept ready for the next attempt has loaded them (`JobConfig.standby`).
        interface_variables: environment variables that tell a framework which network interface to use, as
            formats for the name of the one that carries the node's address. Whoever sets them wins.
        late_variables: environment variables that loading these modules does not depend on, and whose values
            may differ from attempt to attempt.
    """

    binds_address: ClassVar[bool] = False
    preload: ClassVar[tuple[str, ...]] = ()
    interface_variables: ClassVar[Mapping[str, str]] = {}
    late_variables: ClassVar[frozenset[str]] = frozenset()
    answers_checkpoints: bool = False

    def validate(self, role: str) -> None:  # noqa: B027 - most have nothing to check
        """Check at planning what can be checked there; raises `PlanError` naming `role`."""

    @abstractmethod
    def prepare(self, attempt: Attempt) -> Command:
        """Write what the process needs into `attempt.directory` and say how to start it."""

    def is_collateral(self, error: Mapping[str, Any]) -> bool:  # noqa: ARG002 - for subclasses
        """Whether `error` (the content of `error.json`) looks like the echo of a peer's failure."""
        return False


__all__ = ["Attempt", "Command", "Program", "Runner"]
