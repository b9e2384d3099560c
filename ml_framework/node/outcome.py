"""What became of a user's process, as its agent reports it: functions of what was found."""

from __future__ import annotations

import signal
from dataclasses import asdict
from typing import TYPE_CHECKING

from ml_framework.rpc.wire import Failure, Outcome

if TYPE_CHECKING:
    from ml_framework.node.memory import MemoryWatch
    from ml_framework.runner.base import Runner
    from ml_framework.runner.error_file import ErrorFile
    from ml_framework.runner.process import ProcessEnd


def outcome_of(
    end: ProcessEnd,
    error: ErrorFile | None,
    runner: Runner,
    *,
    stopping: bool,
    hung: Failure | None = None,
    memory: MemoryWatch,
) -> tuple[Outcome, Failure | None]:
    """The outcome, with the failure if it is one.

    Args:
        end: how the process ended.
        error: the exception that it left behind, None if it left none.
        runner: says which exceptions are the echo of a peer's failure.
        stopping: the process had been asked to end; how it did so does not matter then.
        hung: why the process was ended without being asked, None if it was not.
        memory: explains a SIGKILL, which the agent sends only for one of these two reasons.
    """
    if stopping:
        return Outcome.STOPPED, None
    if hung is not None:
        return Outcome.FAILED, hung
    if end.returncode == 0:
        return Outcome.SUCCEEDED, None
    if error is None:
        killed = end.returncode == -signal.SIGKILL
        summary = f"{end.summary}, {memory.explain()}" if killed else end.summary
        return Outcome.FAILED, Failure(summary, end.last_lines, end.time_s)
    collateral = error.collateral or runner.is_collateral(asdict(error))
    return Outcome.FAILED, Failure(error.summary, error.traceback, error.time_s, collateral)
