"""What the agent tells a user's process at its start: one JSON file, `context.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Descriptors:
    """Numbers of the inherited file descriptors; None where the node has no such thing."""

    control: int
    """Stream socket to the agent, JSON lines both ways; its end ends the process."""
    listen: int | None
    """Bound and listening TCP socket: the address that the cluster spec announces for this node. None where
    the process listens there by itself (`Runner.binds_address`)."""
    bell: int | None = None
    """Stream socket to the JVM, the doorbell of both queues."""
    input: int | None = None
    """The mapped file of the queue from Flink."""
    output: int | None = None
    """The mapped file of the queue to Flink."""
    counters: int | None = None
    """The page of the process's `Counters`; None where nobody looks at it."""

    def all(self) -> tuple[int, ...]:
        """Every number that is set, to be inherited."""
        return tuple(number for number in asdict(self).values() if number is not None)


@dataclass(frozen=True)
class Launch:
    """Everything that a user's process needs to know to run one attempt.

    `bind_host` is where the process listens, a name or an address without brackets; `addresses` are where the
    nodes are reached. `job_id` is that of this run of the job, the same over its restarts.
    `entrypoint` is ``module:function``, or None where `callable_file` holds a cloudpickled callable.
    `context` is the ``module:class`` of the `NodeContext` that user code gets. `restored` is the number of
    pieces of checkpointed state that come through the in-queue before anything else. `board` is a folder for
    what user code logs, None for none. `device` is ``gpu`` where the node has one to itself.
    """

    job_name: str
    job_id: str
    role: str
    index: int
    rank: int
    world_size: int
    local_world_size: int
    attempt: int
    params: Mapping[str, Any]
    bind_host: str
    log_dir: str
    error_file: str
    context: str
    descriptors: Descriptors
    entrypoint: str | None = None
    callable_file: str | None = None
    device: Literal["cpu", "gpu"] = "cpu"
    addresses: Mapping[str, list[str]] = field(default_factory=dict)
    input_layout: Mapping[str, Any] | None = None
    output_layout: Mapping[str, Any] | None = None
    codec: str = "columns"
    max_delay_s: float = 0.02
    restored: int = 0
    board: str | None = None

    def write(self, path: Path) -> None:
        """Write the file that `read` reads."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Launch:
        """The launch that `write` wrote."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**data, "descriptors": Descriptors(**data["descriptors"])})
