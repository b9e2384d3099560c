"""What Flink's REST API tells of a job, beside the state of its ML cluster."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.errors import CommandFailed
from ml_operator.rest import Rest, root_cause

if TYPE_CHECKING:
    from collections.abc import Callable

_ASK_EVERY_S = 1.0
_ANSWER_WITHIN_S = 2.0
_SILENT_FOR_S = 30.0
"""How long a Flink that did not answer is not asked again: waiting for it would hold everything else up."""


@dataclass(frozen=True)
class Checkpoints:
    """How the checkpoints of a job went.

    Args:
        completed: how many; savepoints count, too.
        failed: how many.
        last_s: how long the last one that was completed took, in seconds; None before the first.
    """

    completed: int
    failed: int
    last_s: float | None


class FlinkJob:
    """Asks Flink for a job, now and then. For one thread.

    Args:
        address: of the REST API of the job's cluster, ``host:port``.
        job_id: Flink's.
        clock: seconds that only grow.
    """

    def __init__(self, address: str, job_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = Rest(address, _ANSWER_WITHIN_S)
        self._path = f"jobs/{job_id}"
        self._clock = clock
        self._silent_until_s = float("-inf")
        self._due_s = float("-inf")
        self._checkpoints: Checkpoints | None = None

    def checkpoints(self) -> Checkpoints | None:
        """As Flink has told last; None before. It counts every few seconds (`web.refresh-interval`)."""
        if self._clock() >= self._due_s:
            self._due_s = self._clock() + _ASK_EVERY_S
            if told := self._get("checkpoints"):
                self._checkpoints = _checkpoints(told)
        return self._checkpoints

    def last_failure(self) -> str | None:
        """The first cause of the job's last failure, its first line; None where Flink did not tell."""
        self._silent_until_s = float("-inf")  # who asks seldom may wait
        told = self._get("exceptions")
        entries = told.get("exceptionHistory", {}).get("entries", []) if told else []
        return root_cause(entries[0]["stacktrace"]).partition("\n")[0] if entries else None

    def _get(self, what: str) -> Any:
        if self._clock() < self._silent_until_s:
            return None
        try:
            return self._rest.get(f"{self._path}/{what}")
        except CommandFailed:
            self._silent_until_s = self._clock() + _SILENT_FOR_S
            return None


def _checkpoints(told: Any) -> Checkpoints:
    last = told["latest"]["completed"]
    last_s = None if last is None else last["end_to_end_duration"] / 1000
    return Checkpoints(told["counts"]["completed"], told["counts"]["failed"], last_s)
