"""``mlflink stop``: with a savepoint, or without."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from ml_framework.errors import CommandFailed
from ml_operator.cli.jobs import ENDED, find
from ml_operator.rest import root_cause

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_operator.cli.jobs import Job

T = TypeVar("T")

_LOOK_EVERY_S = 0.1
_CANCELLED_WITHIN_S = 60.0
_SAVED_WITHIN_S = 900.0
"""Longer than Flink gives a savepoint by default, ten minutes: then Flink has said why it failed."""


def stop(
    word: str, address: str | None, *, savepoint: str | None, drain: bool, timeout_s: float | None
) -> None:
    """Stop the job that `word` means, and print where its savepoint is.

    Args:
        word: see `find`.
        address: of the cluster, see `find`.
        savepoint: folder that the JobManager can write to, a path or a URL; None takes none.
        drain: the input ends first, and what it would still have brought about comes out.
        timeout_s: longest wait for the end, in seconds; None for 900 behind a savepoint, else 60.

    Raises:
        CommandFailed: there is no such job, it has ended, or Flink could not stop it, or not in time.
        typer.BadParameter: to drain and take no savepoint.
    """
    if drain and savepoint is None:
        raise typer.BadParameter("--drain ends with a savepoint: say where by --savepoint")
    job, _clusters = find(word, address)
    if job.ended:
        raise CommandFailed(f"the job {job.id} is {job.state} already")
    if savepoint is None:
        _cancel(job, _CANCELLED_WITHIN_S if timeout_s is None else timeout_s)
    else:
        limit_s = _SAVED_WITHIN_S if timeout_s is None else timeout_s
        typer.echo(_stop(job, _url(savepoint), drain=drain, limit_s=limit_s))


def _cancel(job: Job, limit_s: float) -> None:
    job.rest.send(f"jobs/{job.id}?mode=cancel", method="PATCH")
    if not _within(limit_s, lambda: _is_over(job)):
        raise CommandFailed(
            f"the job {job.id} was told to stop and still runs after {limit_s:g} s: see its page in Flink, "
            f"{_page(job)}"
        )


def _within(limit_s: float, ended: Callable[[], T]) -> T | None:
    """What `ended` returns as soon as that is true, None if it is not in time."""
    deadline_s = time.monotonic() + limit_s
    while not (found := ended()):
        if time.monotonic() >= deadline_s:
            return None
        time.sleep(_LOOK_EVERY_S)  # the REST API answers, it does not tell by itself
    return found


def _is_over(job: Job) -> bool:
    """An embedded cluster ends with its job."""
    try:
        return job.rest.get(f"jobs/{job.id}")["state"] in ENDED
    except CommandFailed:
        return True


def _stop(job: Job, folder: str, *, drain: bool, limit_s: float) -> str:
    """Stop it behind a savepoint; where that lies."""
    trigger = job.rest.send(f"jobs/{job.id}/stop", {"targetDirectory": folder, "drain": drain})["request-id"]
    operation = _within(limit_s, lambda: _operation(job, trigger))
    if operation is None:
        raise CommandFailed(
            f"the job {job.id} has not stopped within {limit_s:g} s; Flink goes on with that: {_doing(job)}. "
            f"See {_page(job)}/checkpoints; --timeout has this command wait longer"
        )
    if "location" in operation:
        return str(operation["location"])
    trace = str(operation.get("failure-cause", {}).get("stack-trace", "no cause told"))
    raise CommandFailed(
        f"the job {job.id} goes on, no savepoint could be taken: "
        f"{root_cause(trace).partition(chr(10))[0].strip()}"
    )


def _operation(job: Job, trigger: str) -> dict[str, Any] | None:
    """How the savepoint went; None as long as it is being taken."""
    told = job.rest.get(f"jobs/{job.id}/savepoints/{trigger}")
    return told["operation"] if told["status"]["id"] == "COMPLETED" else None


def _doing(job: Job) -> str:
    """What keeps a job that is being stopped."""
    for one in job.rest.get(f"jobs/{job.id}/checkpoints")["history"]:
        if one["is_savepoint"] and one["status"] == "IN_PROGRESS":
            saved, all_of_them = one["num_acknowledged_subtasks"], one["num_subtasks"]
            return f"{saved} of {all_of_them} subtasks have saved their state"
    return f"no savepoint is being taken any more, and the job is {job.rest.get(f'jobs/{job.id}')['state']}"


def _page(job: Job) -> str:
    return f"http://{job.rest.address}/#/job/running/{job.id}"


def _url(folder: str) -> str:
    return folder if "://" in folder else Path(folder).resolve().as_uri()
