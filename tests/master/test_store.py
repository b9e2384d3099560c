"""What the AM remembers of nodes, and that it is bounded whatever users log."""

from __future__ import annotations

import math
import sys
from datetime import timedelta

import pytest

from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.master import Snapshot
from ml_framework.master.event import NodeLost
from ml_framework.master.samples import INTERVAL_S, KEPT, NAMES, Samples
from ml_framework.master.store import ENDS, NodeStore
from ml_framework.rpc.wire import (
    NAME_CHARS,
    NUMBERS,
    AttemptEnd,
    Ended,
    Failure,
    Heartbeat,
    NodeState,
    Outcome,
    Registered,
)
from ml_framework.spec import JobSpec, NodeId, RoleSpec, Token

NODE = NodeId("worker", 0)
JOB = JobSpec("job", (RoleSpec("worker"),))


def test_samples_are_taken_at_intervals() -> None:
    """Heartbeats in between are not kept, and one that comes a little early is."""
    samples = Samples()
    for now_s in (0.0, 0.2, 1.0, 0.95 * INTERVAL_S, INTERVAL_S + 0.1, 2 * INTERVAL_S):
        samples.take({"rows_in": now_s}, {}, now_s, 1000.0 + now_s)
    series = samples.after(0)
    assert series.measured == {"rows_in": [0.0, 0.95 * INTERVAL_S, 2 * INTERVAL_S]}
    assert series.times_s == [1000.0, 1000.0 + 0.95 * INTERVAL_S, 1000.0 + 2 * INTERVAL_S]
    assert series.taken == 3


def test_samples_are_kept_for_ten_minutes() -> None:
    """The oldest go; whoever asks for more than there is gets what is kept."""
    samples = Samples()
    for step in range(KEPT + 5):
        samples.take({"step": step}, {}, step * INTERVAL_S, step * INTERVAL_S)
    assert timedelta(minutes=10).total_seconds() == KEPT * INTERVAL_S
    for after in (0, 3, KEPT + 6, -1):
        assert samples.after(after).measured["step"] == list(range(5, KEPT + 5))
    assert samples.after(KEPT + 3).measured["step"] == [KEPT + 3, KEPT + 4]
    assert samples.after(KEPT + 5).measured["step"] == []


def test_a_number_that_comes_later_has_nothing_before() -> None:
    """And one that stays away nothing since."""
    samples = Samples()
    for step, numbers in enumerate(({"a": 1.0}, {"a": 2.0, "b": 3.0}, {"b": 4.0})):
        samples.take({}, numbers, step * INTERVAL_S, 0.0)
    taken = samples.after(0).numbers
    assert (taken["a"][:2], taken["b"][1:]) == ([1.0, 2.0], [3.0, 4.0])
    assert math.isnan(taken["a"][2])
    assert math.isnan(taken["b"][0])


def test_many_names_do_not_make_the_samples_grow() -> None:
    """The first ones are kept, and measured ones have room of their own."""
    samples = Samples()
    for step in range(KEPT):
        numbers = {f"number {step} {place}": 1.0 for place in range(100)}
        samples.take({"rows_in": 1.0}, numbers, step * INTERVAL_S, 0.0)
    taken = samples.after(0)
    assert list(taken.numbers) == [f"number 0 {place}" for place in range(NAMES)]
    assert taken.measured == {"rows_in": [1.0] * KEPT}
    assert sum(sys.getsizeof(row) for row in samples._numbers._rows) < 150_000


def store_of(*numbers: dict[str, float]) -> NodeStore:
    store = NodeStore(wall_s=lambda: 50.0)
    store.note(Registered(NODE, Token(), "127.0.0.1:1"), 0.0)
    for step, logged in enumerate(numbers):
        store.note(Heartbeat(NODE, Token(), logged), float(step))
    return store


def test_the_status_holds_so_many_numbers() -> None:
    """Those that came first, up to date; long names are none."""
    store = store_of(
        {"loss": 1.0, "x" * (NAME_CHARS + 1): 1.0},
        {f"n{place}": 2.0 for place in range(1000)},
        {"loss": 3.0},
    )
    [status] = store.status(Snapshot.of(JOB, Timeouts(), RestartPolicy()), 1.0).nodes
    assert list(status.numbers) == ["loss", *(f"n{place}" for place in range(NUMBERS - 1))]
    assert status.numbers["loss"] == 3.0


@pytest.mark.parametrize(
    ("event", "end"),
    [
        (Ended(NODE, Token(), Outcome.SUCCEEDED), AttemptEnd(Token(), NodeState.SUCCEEDED, "", 50.0)),
        (Ended(NODE, Token(), Outcome.STOPPED), AttemptEnd(Token(), NodeState.STOPPED, "", 50.0)),
        (
            Ended(NODE, Token(), Outcome.FAILED, Failure("bad" * 1000, "detail", 7.0)),
            AttemptEnd(Token(), NodeState.FAILED, ("bad" * 1000)[:1000], 7.0),
        ),
        (
            NodeLost(NODE, Token(), "no heartbeat for 15 s", 8.0),
            AttemptEnd(Token(), NodeState.LOST, "no heartbeat for 15 s", 8.0),
        ),
    ],
    ids=["succeeded", "stopped", "failed", "lost"],
)
def test_the_end_of_an_attempt_is_remembered(event: Ended | NodeLost, end: AttemptEnd) -> None:
    """How, why in one line, and when."""
    store = store_of()
    store.note(event, 1.0)
    [status] = store.status(Snapshot.of(JOB, Timeouts(), RestartPolicy()), 1.0).nodes
    assert status.ends == (end,)


def test_so_many_ends_are_remembered() -> None:
    """The latest, over all attempts."""
    store = NodeStore(wall_s=lambda: 50.0)
    for attempt in range(ENDS + 5):
        token = Token(0, attempt)
        store.note(Registered(NODE, token, "127.0.0.1:1"), 0.0)
        store.note(Ended(NODE, token, Outcome.SUCCEEDED), 0.0)
    [status] = store.status(Snapshot.of(JOB, Timeouts(), RestartPolicy()), 1.0).nodes
    assert [end.token.process for end in status.ends] == list(range(5, ENDS + 5))
