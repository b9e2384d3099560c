"""Flink jobs that have ML clusters: on the cluster that is named, or the configured and embedded ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.errors import CommandFailed
from ml_operator import announced
from ml_operator.cli import flink
from ml_operator.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MASTER = re.compile(rf"([\w.-]+){announced.MASTER_SUFFIX}\b")
ENDED = ("FINISHED", "CANCELED", "FAILED")
"""States of jobs of which nothing runs any more."""
_ID = re.compile(r"[0-9a-f]{1,32}")


@dataclass(frozen=True)
class Job:
    """A Flink job that has ML clusters.

    Args:
        rest: of its cluster.
        id: Flink's, 32 hexadecimal digits.
        name: that it was submitted with.
        state: Flink's, such as RUNNING.
        start_ms: when it was submitted, since the epoch.
        clusters: names of its ML clusters, with dashes for what no URL has.
    """

    rest: Rest
    id: str
    name: str
    state: str
    start_ms: int
    clusters: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state in ENDED

    def __str__(self) -> str:
        return f"{self.id} ({self.name}, {self.state}) at {self.rest.address}"


def places(address: str | None) -> str:
    """Where jobs are looked for, in words."""
    return f"at {address}" if address else f"at {_configured()}, nor on an embedded cluster of yours"


def jobs(address: str | None, *, ended: bool = True) -> list[Job]:
    """Every job with an ML cluster, the latest first; `ended`: also those that have ended.

    Raises:
        CommandFailed: no Flink answers at `address`.
    """
    found = [job for rest in _clusters_to_ask(address) for job in _of(rest, ended=ended)]
    return sorted(found, key=lambda job: -job.start_ms)


def find(word: str, address: str | None) -> tuple[Job, Sequence[str]]:
    """The job that `word` means, and the ML clusters of it that are meant.

    Args:
        word: a Flink job's id or the beginning of one, or the name of a job or of an ML cluster.
        address: ``host:port`` of the cluster; None looks everywhere.

    Raises:
        CommandFailed: there is no such job, or several.
    """
    known = jobs(address)
    by_name = [job for job in known if word == job.name or word in job.clusters]
    by_id = [job for job in known if _ID.fullmatch(word) and job.id.startswith(word)]
    matches = by_name or by_id
    running = [job for job in matches if not job.ended]
    if len(running or matches) > 1:
        listed = "".join(f"\n  {job}" for job in running or matches)
        raise CommandFailed(f"{word!r} means several jobs, name one by its id:{listed}")
    if not matches:
        raise CommandFailed(
            f"there is no job {word!r} {places(address)}: `mlflink list --all` shows what there is"
        )
    (job,) = running or matches
    return job, [word] if word in job.clusters else job.clusters


def _clusters_to_ask(address: str | None) -> list[Rest]:
    """The cluster at `address`; without one all that this user is likely to mean, as far as they answer."""
    if address is not None:
        return [Rest(address)]
    found = [Rest(where) for where in dict.fromkeys([_configured(), *announced.addresses()])]
    return [rest for rest in found if rest.answers()]


def _configured() -> str:
    """The address of the cluster that Flink's configuration file names."""
    return f"{flink.option('rest.address') or 'localhost'}:{flink.option('rest.port') or '8081'}"


def _of(rest: Rest, *, ended: bool) -> Iterator[Job]:
    for entry in rest.get("jobs/overview")["jobs"]:
        if entry["state"] in ENDED and not ended:
            continue
        clusters = _clusters(rest.get(f"jobs/{entry['jid']}"))
        if clusters:
            yield Job(rest, entry["jid"], entry["name"], entry["state"], entry["start-time"], clusters)


def _clusters(details: Any) -> tuple[str, ...]:
    """The ML clusters of a job, by the descriptions of its operators."""
    said = " ".join(node.get("description", "") for node in details["plan"]["nodes"])
    return tuple(dict.fromkeys(_MASTER.findall(said)))
