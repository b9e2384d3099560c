"""Configuration of a job: frozen, validated, with the field's usual defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import timedelta
from typing import Any, Literal

from ml_framework.errors import PlanError

PageAccess = Literal["loopback", "advertised", "off"]
"""Where the application master serves its page, and to whom, see `ml_operator.AMConfig`."""

_SMALLEST_QUEUE_BYTES, _LARGEST_QUEUE_BYTES = 1 << 12, 1 << 30
_SMALLEST_LOG_BYTES = 64 << 10


@dataclass(frozen=True)
class Timeouts:
    """Every time limit, each with the one thing that it bounds. All must be positive."""

    slots: timedelta = timedelta(minutes=2)
    """From the submission (or a restart) until Flink has slots for the cluster and the AM listens."""
    gang: timedelta = timedelta(seconds=30)
    """From the AM's start (or a failover) until every node has registered."""
    connect: timedelta = timedelta(seconds=15)
    """A node's wait for the AM to answer for the first time."""
    heartbeat_interval: timedelta = timedelta(seconds=1)
    """Between two heartbeats of a node."""
    heartbeat: timedelta = timedelta(seconds=15)
    """Silence after which a node counts as lost."""
    stop_grace: timedelta = timedelta(seconds=5)
    """From SIGTERM to SIGKILL of a user's process group."""
    step: timedelta = timedelta(minutes=30)
    """How long user code may take over one batch, from getting it to asking for the next; then it hangs."""
    settle: timedelta = timedelta(seconds=3)
    """How long a failure that looks like the echo of another waits for its first cause."""

    def __post_init__(self) -> None:
        for item in fields(self):
            limit = _duration(f"Timeouts.{item.name}", getattr(self, item.name))
            if limit <= timedelta():
                raise PlanError(f"Timeouts.{item.name} is {limit}, it must be positive")


@dataclass(frozen=True)
class RestartPolicy:
    """When the AM restarts processes in place, for roles that may be restarted so.

    Args:
        budget: restarts allowed in the whole job; 0 fails at the first failure.
        scope: ``"all"`` restarts every restartable node (collective training), ``"failed"`` only the one
            that failed.
        backoff: wait before the first restart, zero or more; doubled at each further one.
        max_backoff: upper bound of that wait, zero or more.
    """

    budget: int = 3
    scope: Literal["all", "failed"] = "all"
    backoff: timedelta = timedelta(milliseconds=200)
    max_backoff: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        if self.budget < 0:
            raise PlanError(f"RestartPolicy.budget is {self.budget}, it must be 0 or more")
        if self.scope not in ("all", "failed"):
            raise PlanError(f"RestartPolicy.scope is {self.scope!r}, it must be 'all' or 'failed'")
        for name in ("backoff", "max_backoff"):
            wait = _duration(f"RestartPolicy.{name}", getattr(self, name))
            if wait < timedelta():
                raise PlanError(f"RestartPolicy.{name} is {wait}, it must be zero or more")

    def delay(self, restarts: int) -> timedelta:
        """The wait before the restart after `restarts` earlier ones."""
        doubled: timedelta = self.backoff * 2 ** min(restarts, 30)
        return min(doubled, self.max_backoff)


@dataclass(frozen=True)
class JobConfig:
    """Configuration of one job.

    Args:
        timeouts: every time limit.
        restart: restarts in place.
        queue_bytes: capacity of each byte queue, a power of two up to 1 GiB; None sizes it by the row.
        log_dir: folder for the logs of user processes, one folder a job below it; None takes
            ``ml-on-flink-logs`` in the temporary folder.
        log_bytes: of the log of one attempt of a node; of a longer one the beginning goes.
        env: environment variables for every user process.
        standby: keep an interpreter with the framework loaded ready for each node's next attempt, which
            shortens a restart by the time that importing the framework takes, and costs its memory twice.
    """

    timeouts: Timeouts = field(default_factory=Timeouts)
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    queue_bytes: int | None = None
    log_dir: str | os.PathLike[str] | None = None
    log_bytes: int = 64 << 20
    env: Mapping[str, str] = field(default_factory=dict)
    standby: bool = False

    def __post_init__(self) -> None:
        size = self.queue_bytes
        if size is not None and (
            not _SMALLEST_QUEUE_BYTES <= size <= _LARGEST_QUEUE_BYTES or size & (size - 1)
        ):
            raise PlanError(
                f"JobConfig.queue_bytes is {size}, it must be a power of two, {_SMALLEST_QUEUE_BYTES} to "
                f"{_LARGEST_QUEUE_BYTES}"
            )
        if self.log_dir is not None:
            object.__setattr__(self, "log_dir", _folder("JobConfig.log_dir", self.log_dir))
        check_variables("JobConfig.env", self.env)
        if self.log_bytes < _SMALLEST_LOG_BYTES:
            raise PlanError(
                f"JobConfig.log_bytes is {self.log_bytes}, it must be at least {_SMALLEST_LOG_BYTES}"
            )


def _duration(name: str, value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise PlanError(f"{name} is {value!r}, it must be a timedelta")
    return value


def _folder(name: str, value: str | os.PathLike[str]) -> str:
    try:
        return os.fsdecode(value)
    except TypeError:
        raise PlanError(f"{name} is {value!r}, it must be the path of a folder") from None


def check_variables(what: str, variables: object) -> None:
    """Refuse what cannot be environment variables; `PlanError` begins with `what` and names the variable."""
    if not isinstance(variables, Mapping):
        raise PlanError(f"{what} is {variables!r}, it must be a mapping of names to text")
    for name, value in variables.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise PlanError(f"{what}: {name!r} is no name of a variable")
        if not isinstance(value, str) or "\0" in value:
            raise PlanError(f"{what}: {name} is {value!r}, it must be text, as in {name}={str(value)[:40]!r}")


def to_json(config: Timeouts | RestartPolicy) -> dict[str, Any]:
    """A JSON-able form of `config`; durations become seconds."""
    return {
        name: value.total_seconds() if isinstance(value, timedelta) else value
        for name, value in asdict(config).items()
    }


def timeouts_from_json(data: Mapping[str, float]) -> Timeouts:
    """The timeouts that `to_json` wrote."""
    return Timeouts(**{name: timedelta(seconds=value) for name, value in data.items()})


def restart_from_json(data: Mapping[str, Any]) -> RestartPolicy:
    """The restart policy that `to_json` wrote."""
    durations = {name: timedelta(seconds=data[name]) for name in ("backoff", "max_backoff")}
    return RestartPolicy(budget=data["budget"], scope=data["scope"], **durations)
