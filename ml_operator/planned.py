"""The clusters that a program plans, for whoever looks at a program without running its job."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_operator.job import MLJob

_jobs: ContextVar[list[MLJob] | None] = ContextVar("jobs", default=None)


@contextmanager
def watched() -> Iterator[list[MLJob]]:
    """The jobs that are planned in this block, in their order; the list grows with them."""
    jobs: list[MLJob] = []
    before = _jobs.set(jobs)
    try:
        yield jobs
    finally:
        _jobs.reset(before)


def note(job: MLJob) -> None:
    """A job is being planned."""
    jobs = _jobs.get()
    if jobs is not None:
        jobs.append(job)
