"""``mlflink list``: jobs that have ML clusters."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from ml_operator.cli.jobs import jobs, places
from ml_operator.cli.text import columns
from ml_operator.words import age

if TYPE_CHECKING:
    from ml_operator.cli.jobs import Job

_HEAD = ("JOB", "NAME", "ML CLUSTER", "STATE", "AGE", "AT")


def show(address: str | None, *, ended: bool) -> None:
    """Print the jobs of the cluster at `address`, or wherever this user is likely to have some.

    Raises:
        CommandFailed: no Flink answers at `address`.
    """
    found = jobs(address, ended=ended)
    if found:
        typer.echo(columns([_HEAD, *map(_row, found)]))
    else:
        typer.echo(f"no {'' if ended else 'running '}job with an ML cluster {places(address)}", err=True)


def _row(job: Job) -> tuple[str, ...]:
    since = age(time.time() - job.start_ms / 1000)
    return job.id, job.name, ", ".join(job.clusters), job.state, since, job.rest.address
