"""What the JVM is told of a role at planning: how it feeds the role's nodes, and what it assigns to them.

The one that reads the settings is ``NodeSettings.java``; an agent reads the assignment, to which the JVM adds
what it knows of each node: `ml_framework.node.assignment`.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle

from ml_framework.codec.layout import DTYPES, Block
from ml_framework.config import to_json
from ml_framework.node.queue_sizes import LARGEST_QUEUE_BYTES, SMALLEST_QUEUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_framework.codec import Layout
    from ml_framework.config import JobConfig, Timeouts
    from ml_framework.runner.base import Program

_KILL_MARGIN_MS = 3_000
"""What a guarded process gets beyond its own grace before it is killed from outside."""
_FRAMES_IN_A_QUEUE = 8
_BYTES_OF_A_STRING = 32


def assignment(
    job_name: str, role: str, parallelism: int, program: Program, config: JobConfig
) -> dict[str, Any]:
    """The part of an `Assignment` that is the same for all nodes of `role`.

    Args:
        job_name: as users see it.
        role: its name.
        parallelism: of the role.
        program: what it runs.
        config: of the job.
    """
    return {
        "job_name": job_name,
        "role": role,
        "parallelism": parallelism,
        "log_dir": config.log_dir or str(Path(tempfile.gettempdir()) / "ml-on-flink-logs"),
        "log_bytes": config.log_bytes,
        "program": pickled(program),
        "timeouts": to_json(config.timeouts),
        "env": dict(config.env),
    }


def node_settings(
    assigned: Mapping[str, Any],
    program: Program,
    config: JobConfig,
    input_layout: Layout | None,
    output_layout: Layout | None,
) -> dict[str, Any]:
    """The settings of a role that follow from what it runs and from the job's configuration.

    Args:
        assigned: its `assignment`.
        program: what it runs.
        config: of the job.
        input_layout: of the frames from Flink, None without data input.
        output_layout: of the frames to Flink, None without output.
    """
    return {
        "role": assigned["role"],
        "parallelism": assigned["parallelism"],
        "assignment": assigned,
        "grace_ms": grace_ms(config.timeouts),
        "input_layout": input_layout.to_json() if input_layout else None,
        "output_layout": output_layout.to_json() if output_layout else None,
        "input_queue_bytes": config.queue_bytes or queue_bytes(input_layout),
        "output_queue_bytes": config.queue_bytes or queue_bytes(output_layout),
        "max_delay_ms": round(program.max_delay_s * 1000),
        "answers_checkpoints": input_layout is None and program.input_layout is not None,
        "standby": config.standby,
    }


def grace_ms(timeouts: Timeouts) -> int:
    """Milliseconds from asking an agent, or an application master, to end to killing it."""
    return int(timeouts.stop_grace.total_seconds() * 1000) + _KILL_MARGIN_MS


def pickled(value: object) -> str:
    """`value` as text, for a process that has what it refers to by name."""
    return base64.b64encode(cloudpickle.dumps(value)).decode("ascii")


def queue_bytes(layout: Layout | None) -> int:
    """Capacity of a queue for frames of `layout`: eight full frames, rounded up to a power of two."""
    if layout is None:
        return SMALLEST_QUEUE_BYTES
    row = sum(max(len(block.fields), block.width) * _bytes_of_a_value(block) for block in layout.blocks)
    wanted = 1 << (row * layout.max_rows * _FRAMES_IN_A_QUEUE).bit_length()
    return min(max(wanted, SMALLEST_QUEUE_BYTES), LARGEST_QUEUE_BYTES)


def _bytes_of_a_value(block: Block) -> int:
    return DTYPES[block.storage].itemsize if block.storage in DTYPES else _BYTES_OF_A_STRING
