"""The counters: what the process stores and the agent reads."""

from __future__ import annotations

import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from ml_framework.byte_queue import FrameKind
from ml_framework.context.counters import Count, Counters, Phase, create
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAUSE_S = 0.05
PAUSE_NS = PAUSE_S * 1e9


@pytest.fixture
def page() -> Iterator[int]:
    """The descriptor of a new page."""
    fd = create()
    yield fd
    os.close(fd)


def counted(counters: Counters) -> Count:
    """What was counted; something was."""
    count = counters.read()
    assert count is not None
    return count


def test_a_process_that_has_not_begun_has_counted_nothing(page: int) -> None:
    assert Counters(page).read() is None


def test_the_other_end_sees_where_the_time_goes(page: int) -> None:
    """Each phase gets the time until the next one, the one under way the time until now."""
    process, agent = Counters(page), Counters(page)
    process.enter(Phase.USER)
    time.sleep(PAUSE_S)
    process.enter(Phase.WAIT)
    first = counted(agent)
    time.sleep(PAUSE_S)
    second = counted(agent)
    assert first.spent_ns[Phase.USER] == second.spent_ns[Phase.USER] >= PAUSE_NS
    assert second.spent_ns[Phase.WAIT] - first.spent_ns[Phase.WAIT] >= PAUSE_NS
    assert second.spent_ns[Phase.STEP] == 0


def test_a_phase_within_another_is_taken_off_it(page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = itertools.count(1)  # by one at each look
    monkeypatch.setattr("ml_framework.context.counters.monotonic_ns", lambda: next(now_ns))
    process, agent = Counters(page), Counters(page)
    process.begin_step(1)
    with process.during(Phase.ENCODE), process.during(Phase.BLOCKED):
        for _ in range(100):
            next(now_ns)
    spent = counted(agent).spent_ns
    assert (spent[Phase.BLOCKED], spent[Phase.ENCODE], spent[Phase.STEP]) == (101, 2, 2)
    assert agent.step_began_s is not None


def test_what_another_thread_has_begun_meanwhile_goes_on(page: int) -> None:
    """Leaving a phase puts nothing back where it is not the phase any more."""
    process = Counters(page)
    process.enter(Phase.WAIT)
    with process.during(Phase.ENCODE):
        process.begin_step(1)  # as the thread that reads would
    assert process.step_began_s is not None


def test_the_other_end_sees_when_the_step_began(page: int) -> None:
    """A step begins at a time and ends; the next one begins later; at rest there is none."""
    process, agent = Counters(page), Counters(page)
    assert agent.step_began_s is None
    before_s = time.monotonic()
    process.begin_step(3)
    first_s = agent.step_began_s
    assert first_s is not None
    assert before_s <= first_s <= time.monotonic()
    process.end_step()
    process.begin_step(4)
    assert agent.step_began_s is not None
    assert agent.step_began_s > first_s
    process.enter(Phase.WAIT)
    assert agent.step_began_s is None


def test_a_step_that_waits_for_room_begins_anew(page: int) -> None:
    """There is none while it waits, and none after where none was before."""
    process, agent = Counters(page), Counters(page)
    process.enter(Phase.USER)
    with process.during(Phase.BLOCKED):
        assert agent.step_began_s is None
    assert agent.step_began_s is None
    process.begin_step(1)
    first_s = agent.step_began_s
    with process.during(Phase.BLOCKED):
        assert agent.step_began_s is None
    assert first_s is not None
    assert agent.step_began_s is not None
    assert agent.step_began_s > first_s


def test_rows_batches_and_steps_are_counted(page: int) -> None:
    """A step counts when it has ended, with the time of user code alone."""
    process, agent = Counters(page), Counters(page)
    process.begin_step(3)
    time.sleep(PAUSE_S)
    process.end_step()
    process.begin_step(4)
    process.count_emitted(5)
    count = counted(agent)
    assert (count.rows_in, count.batches, count.rows_out, count.steps) == (7, 2, 5, 1)
    assert PAUSE_NS <= count.steps_ns <= count.spent_ns[Phase.STEP]
    assert (count.stall_ns, count.version) == (None, None)
    process.stalled(17)
    process.serves(0)
    count = counted(agent)
    assert (count.stall_ns, count.version) == (17, 0)


def test_a_process_that_was_killed_while_a_phase_changed_can_be_read(page: int) -> None:
    process, agent = Counters(page), Counters(page)
    process.enter(Phase.USER)
    time.sleep(PAUSE_S)
    process.begin_step(3)
    process._words[0] = 0
    count = counted(agent)
    assert count.rows_in == 3
    assert count.spent_ns[Phase.USER] >= PAUSE_NS


def test_the_page_outlives_its_descriptor() -> None:
    """Both ends go on when the descriptor is closed: each has mapped the page."""
    fd = create()
    process, agent = Counters(fd), Counters(fd)
    os.close(fd)
    process.begin_step(1)
    assert agent.step_began_s is not None


def test_counters_that_nobody_looks_at_count_all_the_same() -> None:
    counters = Counters(None)
    counters.begin_step(1)
    assert counted(counters).rows_in == 1


def test_a_context_counts_what_passes_it(make_task: Callable[..., Any], page: int) -> None:
    """Rows both ways, batches and steps; the last checkpoint's stall; nothing is waited for that is there."""
    task = make_task(counters=os.dup(page))
    agent = Counters(page)
    task.rows(5)
    task.control_frame(FrameKind.CHECKPOINT, 1)
    task.rows(2)
    task.end()
    with task.running() as ctx:
        assert counted(agent).rows_in == 0
        for batch in ctx.batches(2):
            ctx.emit(id=batch["id"][:1])
            time.sleep(0.01)
        assert agent.step_began_s is None
        count = counted(agent)
        assert (count.rows_in, count.batches, count.rows_out, count.steps) == (7, 4, 4, 4)
        assert count.spent_ns[Phase.STEP] >= 4 * 0.01 * 1e9
        assert count.steps_ns == count.spent_ns[Phase.STEP]
        assert count.stall_ns is not None
        assert 0 < count.stall_ns < 10e9
        assert count.spent_ns[Phase.DECODE] > 0
        assert count.spent_ns[Phase.ENCODE] > 0
        assert count.spent_ns[Phase.BLOCKED] == 0


def test_a_context_that_waits_for_rows_says_so(make_task: Callable[..., Any], page: int) -> None:
    """Waiting is no step, and takes all the time that passes meanwhile."""
    task = make_task(counters=os.dup(page))
    agent = Counters(page)
    with task.running() as ctx:
        batches = iter(ctx.batches())
        task.rows(1)
        next(batches)
        before, began_ns = counted(agent).spent_ns, time.monotonic_ns()

        def send_late() -> None:
            eventually(lambda: counted(agent).spent_ns[Phase.WAIT] > before[Phase.WAIT])
            time.sleep(PAUSE_S)
            task.rows(1)

        with ThreadPoolExecutor(1) as thread:
            sent = thread.submit(send_late)
            next(batches)
            sent.result()
        after, took_ns = counted(agent).spent_ns, time.monotonic_ns() - began_ns
        waited_ns = after[Phase.WAIT] - before[Phase.WAIT]
        assert waited_ns >= PAUSE_NS
        assert 0 < after[Phase.DECODE] - before[Phase.DECODE] <= took_ns - waited_ns
        task.end()


def test_a_context_that_waits_for_room_says_so(make_task: Callable[..., Any], page: int) -> None:
    """And nothing else does while it waits: not user code, not encoding."""
    task = make_task(counters=os.dup(page), capacity=4096)
    agent = Counters(page)
    with task.running() as ctx:
        before, began_ns = counted(agent).spent_ns, time.monotonic_ns()

        def read_late() -> int:
            eventually(lambda: counted(agent).spent_ns[Phase.BLOCKED] > before[Phase.BLOCKED])
            time.sleep(PAUSE_S)
            rows = 0
            while rows < 1000:
                rows += len(task.answer()[1])
            return rows

        with ThreadPoolExecutor(1) as thread:
            read = thread.submit(read_late)
            ctx.emit(id=range(1000))
            after, took_ns = counted(agent).spent_ns, time.monotonic_ns() - began_ns
            assert read.result() == 1000
        blocked_ns = after[Phase.BLOCKED] - before[Phase.BLOCKED]
        assert blocked_ns >= PAUSE_NS
        assert 0 < after[Phase.ENCODE] - before[Phase.ENCODE] <= took_ns - blocked_ns
        assert counted(agent).rows_out == 1000
