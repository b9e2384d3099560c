"""``mlflink stop``: with a savepoint, or without."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ml_framework.errors import CommandFailed
from ml_operator.cli.jobs import ENDED, find

if TYPE_CHECKING:
    from ml_operator.cli.jobs import Job

_LOOK_EVERY_S = 0.1
_CANCELLED_WITHIN_S = 60.0


def stop(word: str, address: str | None, *, savepoint: str | None, drain: bool) -> None:
    """Stop the job that `word` means, and print where its savepoint is.

    Args:
        word: see `find`.
        address: of the cluster, see `find`.
        savepoint: folder that the JobManager can write to, a path or a URL; None takes none.
        drain: the input ends first, and what it would still have brought about comes out.

    Raises:
        CommandFailed: there is no such job, it has ended, or Flink could not stop it.
        typer.BadParameter: to drain and take no savepoint.
    """
    if drain and savepoint is None:
        raise typer.BadParameter("--drain ends with a savepoint: say where by --savepoint")
    job, _clusters = find(word, address)
    if job.ended:
        raise CommandFailed(f"the job {job.id} is {job.state} already")
    if savepoint is None:
        _cancel(job)
    else:
        typer.echo(_stop(job, _url(savepoint), drain=drain))


def _cancel(job: Job) -> None:
    job.rest.send(f"jobs/{job.id}?mode=cancel", method="PATCH")
    deadline = time.monotonic() + _CANCELLED_WITHIN_S
    while not _is_over(job):
        if time.monotonic() > deadline:
            raise CommandFailed(
                f"the job {job.id} was told to stop and still runs after {_CANCELLED_WITHIN_S:g} s: "
                "see its page in Flink"
            )
        time.sleep(_LOOK_EVERY_S)


def _is_over(job: Job) -> bool:
    """An embedded cluster ends with its job."""
    try:
        return job.rest.get(f"jobs/{job.id}")["state"] in ENDED
    except CommandFailed:
        return True


def _stop(job: Job, folder: str, *, drain: bool) -> str:
    """Stop it behind a savepoint; where that lies."""
    trigger = job.rest.send(f"jobs/{job.id}/stop", {"targetDirectory": folder, "drain": drain})["request-id"]
    while (told := job.rest.get(f"jobs/{job.id}/savepoints/{trigger}"))["status"]["id"] != "COMPLETED":
        time.sleep(_LOOK_EVERY_S)
    operation: dict[str, Any] = told["operation"]
    if "location" in operation:
        return str(operation["location"])
    trace = str(operation.get("failure-cause", {}).get("stack-trace", "no cause told"))
    raise CommandFailed(
        f"the job {job.id} goes on, no savepoint could be taken: "
        f"{trace.rpartition('Caused by: ')[2].partition(chr(10))[0].strip()}"
    )


def _url(folder: str) -> str:
    return folder if "://" in folder else Path(folder).resolve().as_uri()
