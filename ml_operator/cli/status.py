"""``mlflink status``: the ML clusters of a job, node by node."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import typer

from ml_framework.page import forms
from ml_operator.cli.jobs import find
from ml_operator.cli.master import connect
from ml_operator.cli.text import columns
from ml_operator.rest import root_cause
from ml_operator.words import ABSENT, age, amount, logged, percent, spent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ml_framework.rpc.wire import ClusterStatus, NodeStatus
    from ml_operator.cli.jobs import Job

_HEAD = (
    "NODE",
    "STATE",
    "ATTEMPT",
    "ROWS IN",
    "ROWS OUT",
    "IN/S",
    "OUT/S",
    "QUEUE IN",
    "QUEUE OUT",
    "WAITS",
    "COMPUTES",
    "BLOCKED",
    "CPU",
    "MEMORY",
    "HEARD",
)
_COLORS = {
    "RUNNING": "green",
    "FINISHED": "green",
    "running": "green",
    "succeeded": "green",
    "FAILED": "red",
    "FAILOVER": "red",
    "failed": "red",
    "lost": "red",
}


def show(word: str, address: str | None, *, as_json: bool) -> None:
    """Print the state of the job that `word` means, in words or as JSON, which has all that was measured.

    Raises:
        CommandFailed: there is no such job, or its application master is not there.
        MasterUnreachable: the application master does not answer.
    """
    job, clusters = find(word, address)
    statuses = [] if job.ended else [_status(job, cluster) for cluster in clusters]
    if as_json:
        told = {"job": job.id, "name": job.name, "state": job.state, "clusters": list(map(_form, statuses))}
        typer.echo(json.dumps(told, indent=2, allow_nan=False))
    else:
        _print(job, statuses)


def _form(status: ClusterStatus) -> dict[str, Any]:
    """For JSON; a node is as the page's API has it."""
    return {**vars(status), "nodes": list(map(forms.node, status.nodes))}


def _status(job: Job, cluster: str) -> ClusterStatus:
    with connect(job, cluster) as master:
        return master.status()


def _print(job: Job, statuses: Iterable[ClusterStatus]) -> None:
    since = age(time.time() - job.start_ms / 1000)
    typer.echo(f"job {job.id} ({job.name}) is {_colored(job.state)}, begun {since} ago at {job.rest.address}")
    if job.ended:
        _echo(_ended(job))
    else:
        for status in statuses:
            _echo(_told(status))


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)


def _ended(job: Job) -> Iterator[str]:
    """What Flink remembers of a job that has ended."""
    entries = job.rest.get(f"jobs/{job.id}/exceptions").get("exceptionHistory", {}).get("entries", [])
    if entries:
        yield f"its ML cluster is gone; the cause: {root_cause(str(entries[0]['stacktrace']))}"
    else:
        yield "its ML cluster is gone with it"


def _told(status: ClusterStatus) -> Iterator[str]:
    yield ""
    restarts = f", {status.restarts} restarts" if status.restarts else ""
    yield f"ML cluster {status.job} is {_colored(status.state)}{restarts}"
    if status.page:
        yield f"page: {status.page}"
    if status.first_cause:
        yield f"cause: {status.first_cause}"
    yield columns([_HEAD, *map(_row, status.nodes)], indent=2)
    yield from _titled(
        "numbers", (f"{node.node.path}: {logged(node.numbers)}" for node in status.nodes if node.numbers)
    )
    yield from _titled("ended attempts", (line for node in status.nodes for line in _ends(node)))
    yield from _titled("history", status.history)


def _titled(title: str, lines: Iterable[str]) -> Iterator[str]:
    indented = [f"  {line}" for line in lines]
    if indented:
        yield title
        yield from indented


def _row(node: NodeStatus) -> tuple[str, ...]:
    measured = node.measured.get
    return (
        node.node.path,
        node.state,
        str(node.token.attempt),
        amount(measured("rows_in")),
        amount(measured("rows_out")),
        amount(measured("rows_in_per_second")),
        amount(measured("rows_out_per_second")),
        percent(measured("queue_in_fill")),
        percent(measured("queue_out_fill")),
        *(spent(node, phase) for phase in ("wait", "compute", "blocked")),
        amount(measured("cpu_cores")),
        amount(measured("memory_bytes"), "B"),
        ABSENT if node.heartbeat_age_s is None else f"{node.heartbeat_age_s:.1f} s",
    )


def _ends(node: NodeStatus) -> Iterator[str]:
    for end in node.ends:
        when = time.strftime("%H:%M:%S", time.localtime(end.time_s))
        cause = f": {end.cause}" if end.cause else ""
        yield f"{when} {node.node.path} attempt {end.token.attempt} {end.outcome}{cause}"


def _colored(state: str) -> str:
    return typer.style(state, fg=_COLORS.get(state), bold=True)
