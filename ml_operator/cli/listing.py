"""``mlflink list``: jobs that have ML clusters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from ml_operator.cli.jobs import jobs
from ml_operator.cli.text import columns, duration

if TYPE_CHECKING:
    from ml_operator.cli.jobs import Job

_HEAD = ("JOB", "NAME", "ML CLUSTER", "STATE", "AGE", "AT")


def show(address: str | None, *, ended: bool) -> None:
    """Print the jobs of the cluster at `address`, or wherever this user is likely to have some.

    Raises:
        CommandFailed: no Flink answers at `address`.
    """
    found = [job for job in jobs(address) if ended or not job.ended]
    if found:
        typer.echo(columns([_HEAD, *map(_row, found)]))
    else:
        where = address or "the configured cluster, nor on an embedded one of yours"
        typer.echo(f"no {'' if ended else 'running '}job with an ML cluster at {where}", err=True)


def _row(job: Job) -> tuple[str, ...]:
    age = duration(time.time() - job.start_ms / 1000)
    return job.id, job.name, ", ".join(job.clusters), job.state, age, job.rest.address
