"""The outcome of a process is a pure function of what was found."""

from __future__ import annotations

import pytest

from ml_framework.node.memory import MemoryWatch
from ml_framework.node.outcome import outcome_of
from ml_framework.rpc.wire import Failure, Outcome
from ml_framework.runner import PythonRunner
from ml_framework.runner.error_file import ErrorFile
from ml_framework.runner.process import ProcessEnd

ERROR = ErrorFile("ValueError", "bad", "Traceback …", 1.0)
ECHO = ErrorFile("ConnectionError", "reset", "Traceback …", 1.0)
LOST = ErrorFile("PeerLost", "gone", "Traceback …", 1.0, collateral=True)


MEMORY = MemoryWatch(None)
WHY = MEMORY.explain()


class Runner(PythonRunner):
    def is_collateral(self, error):
        return error["type"] == "ConnectionError"


@pytest.mark.parametrize(
    ("returncode", "error", "stopping", "outcome", "failure"),
    [
        (0, None, False, Outcome.SUCCEEDED, None),
        (0, ERROR, False, Outcome.SUCCEEDED, None),
        (1, ERROR, False, Outcome.FAILED, Failure("ValueError: bad", "Traceback …", 1.0)),
        (-6, ERROR, False, Outcome.FAILED, Failure("ValueError: bad", "Traceback …", 1.0)),
        (
            1,
            ECHO,
            False,
            Outcome.FAILED,
            Failure("ConnectionError: reset", "Traceback …", 1.0, collateral=True),
        ),
        (1, LOST, False, Outcome.FAILED, Failure("PeerLost: gone", "Traceback …", 1.0, collateral=True)),
        (3, None, False, Outcome.FAILED, Failure("exit code 3", "last words", 2.0)),
        (-9, ERROR, False, Outcome.FAILED, Failure("ValueError: bad", "Traceback …", 1.0)),
        (-9, None, False, Outcome.FAILED, Failure(f"killed by SIGKILL, {WHY}", "last words", 2.0)),
        (0, None, True, Outcome.STOPPED, None),
        (1, ERROR, True, Outcome.STOPPED, None),
        (-9, None, True, Outcome.STOPPED, None),
    ],
)
def test_outcome(returncode, error, stopping, outcome, failure):
    """Stopping explains any end; else the exit code decides, and an exception explains it best."""
    runner = Runner("ml_framework.testing.programs:happy")
    end = ProcessEnd(returncode, 2.0, "last words")
    assert outcome_of(end, error, runner, stopping=stopping, memory=MEMORY) == (outcome, failure)


def test_a_process_that_was_ended_since_it_hung_has_failed_for_that():
    """How SIGKILL looks from outside is no matter; a process that was asked to end before is stopped."""
    hung = Failure('no progress for 60 s: File "train.py", line 3 in step', "", 5.0)
    runner, killed = Runner("ml_framework.testing.programs:happy"), ProcessEnd(-9, 6.0, "")
    found = {"hung": hung, "memory": MEMORY}
    assert outcome_of(killed, None, runner, stopping=False, **found) == (Outcome.FAILED, hung)
    assert outcome_of(killed, None, runner, stopping=True, **found) == (Outcome.STOPPED, None)
