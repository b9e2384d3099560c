"""What Flink is asked beside the state of the ML cluster, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.fake_flink import FakeFlink
from support.ports import free_ports

from ml_operator.terminal import FlinkJob
from ml_operator.terminal.flink import Checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKPOINTS = "GET /jobs/17/checkpoints"
FAILURES = "GET /jobs/17/exceptions"


@pytest.fixture
def rest() -> Iterator[FakeFlink]:
    with FakeFlink().serving() as fake:
        yield fake


class Clock:
    """Of the test."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def statistics(completed: int, failed: int, duration_ms: int | None) -> dict[str, Any]:
    """As Flink answers."""
    last = None if duration_ms is None else {"end_to_end_duration": duration_ms}
    return {"counts": {"completed": completed, "failed": failed}, "latest": {"completed": last}}


def test_checkpoints_are_asked_for_once_a_second(rest: FakeFlink, clock: Clock) -> None:
    flink = FlinkJob(rest.address, "17", clock)
    rest.answers[CHECKPOINTS] = statistics(0, 1, None)
    assert [flink.checkpoints(), flink.checkpoints()] == [Checkpoints(0, 1, None)] * 2
    assert rest.requests == [CHECKPOINTS]
    rest.answers[CHECKPOINTS] = statistics(3, 1, 250)
    clock.now_s += 1
    assert flink.checkpoints() == Checkpoints(3, 1, 0.25)


def test_what_flink_has_told_last_stays(rest: FakeFlink, clock: Clock) -> None:
    """A Flink that does not answer is left alone for half a minute."""
    flink = FlinkJob(rest.address, "17", clock)
    rest.answers[CHECKPOINTS] = statistics(3, 0, 250)
    flink.checkpoints()
    del rest.answers[CHECKPOINTS]
    for _ in range(29):
        clock.now_s += 1
        assert flink.checkpoints() == Checkpoints(3, 0, 0.25)
    assert len(rest.requests) == 2
    rest.answers[CHECKPOINTS] = statistics(4, 0, 250)
    clock.now_s += 2
    assert flink.checkpoints() == Checkpoints(4, 0, 0.25)


def test_the_last_failure_is_in_its_own_words(rest: FakeFlink) -> None:
    """The first line of the innermost cause, of the latest failure."""
    flink = FlinkJob(rest.address, "17")
    assert flink.last_failure() is None
    flink = FlinkJob(rest.address, "17")
    rest.answers[FAILURES] = {"exceptionHistory": {"entries": []}}
    assert flink.last_failure() is None
    traces = [
        "x.JobException: no\n\tat y\nCaused by: worker[0] attempt 1: KeyError: 'a'\n\nTraceback\n",
        "Caused by: an earlier one",
    ]
    rest.answers[FAILURES] = {"exceptionHistory": {"entries": [{"stacktrace": trace} for trace in traces]}}
    assert flink.last_failure() == "worker[0] attempt 1: KeyError: 'a'"


def test_where_nobody_answers_nothing_is_told() -> None:
    flink = FlinkJob(f"127.0.0.1:{free_ports(1)[0]}", "17")
    assert (flink.checkpoints(), flink.last_failure()) == (None, None)
