"""A step that makes no progress: what the agent does about it, with real processes."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import threading
import time
from datetime import timedelta

import pytest

from ml_framework.codec import Schema, plan_layout
from ml_framework.context.counters import Phase
from ml_framework.rpc import wire
from ml_framework.runner import PythonRunner
from ml_framework.spec import NodeId
from ml_framework.testing.waiting import eventually, gone

NODE = NodeId("worker", 0)
WITH_INPUT = {"input_layout": plan_layout(Schema.parse([("x", "BIGINT NOT NULL")])).to_json()}
STEP_S = 0.5


def run(stage, entrypoint, params=None, fields=None, step_s=STEP_S):
    """A started node whose steps may take `step_s` seconds; it has data input unless `fields` are given."""
    timeouts = stage.timeouts(step=timedelta(seconds=step_s))
    fields = WITH_INPUT if fields is None else fields
    node = stage.node_running(PythonRunner(entrypoint, params or {}), timeouts=timeouts, fields=fields)
    return node, stage.start(node)


def failure(stage):
    """Why the node failed."""
    ended = stage.master.outcome(NODE)
    assert ended.outcome is wire.Outcome.FAILED
    return ended.failure


def wait_for_exit(pid, timeout_s):
    """Whether the process ends within that time."""
    pidfd = os.pidfd_open(pid)
    try:
        return bool(select.select([pidfd], [], [], timeout_s)[0])
    finally:
        os.close(pidfd)


def test_a_busy_loop_is_told_with_its_stack_and_ended(stage):
    """The cause is the line that hangs and who called it; the log has every thread; nobody waited longer."""

    def spin():
        while True:
            pass

    def entrypoint(ctx):
        threading.Thread(target=threading.Event().wait, name="other", daemon=True).start()
        print("begins", time.time(), flush=True)
        ctx.counters.begin_step(1)
        spin()

    _, pid = run(stage, entrypoint)
    told = failure(stage)
    assert told.summary.startswith(f'no progress for 0.5 s: File "{__file__}", line ')
    assert told.summary.endswith(" in spin")
    *frames, where = told.detail.split("\n")
    assert [frame.rpartition(" in ")[2] for frame in frames] == ["spin", "entrypoint"]
    log_file = stage.log_dir / "attempt_0" / "worker-0.log"
    assert where == f"the stacks of all its threads are in {log_file}"
    log = stage.log()
    assert log.count("(most recent call first):") >= 3  # these two threads, and the control socket's
    assert log.rstrip().endswith("in _run_module_as_main")
    begun_s = float(log.split()[1])
    assert begun_s + STEP_S <= told.time_s < begun_s + STEP_S + 10
    assert not told.collateral
    assert gone(pid)


def test_a_batch_is_a_step(stage):
    """It begins when the batch is handed out, and ends when the next one is asked for."""

    def entrypoint(ctx):
        for batch in ctx.batches():
            print(batch["x"].tolist(), flush=True)
            if batch["x"][0] == 2:
                threading.Event().wait()

    node, pid = run(stage, entrypoint, step_s=2)
    node.flink.feed(x=[1])
    eventually(lambda: stage.log() == "[1]\n")
    assert not wait_for_exit(pid, timeout_s=3)
    node.flink.feed(x=[2])
    told = failure(stage)
    assert told.summary.startswith("no progress for 2 s: ")
    callers = [frame.rpartition(" in ")[2] for frame in told.detail.split("\n")[:-1]]
    assert callers == ["wait", "wait", "entrypoint"]


def test_a_process_that_hangs_in_c_code_is_told_with_its_stack(stage):
    """Also when that keeps the interpreter's lock, so that no Python code can run, in any thread."""

    def entrypoint(ctx):
        ctx.counters.begin_step(1)
        while True:
            ctypes.PyDLL(None).sleep(1000)

    run(stage, entrypoint)
    assert failure(stage).summary.endswith(" in entrypoint")


def test_a_stopped_process_is_ended_without_a_stack(stage):
    """It cannot print one, and the cause says why."""

    def entrypoint(ctx):
        ctx.counters.begin_step(1)
        os.kill(os.getpid(), signal.SIGSTOP)

    _, pid = run(stage, entrypoint)
    assert failure(stage).summary == (
        "no progress for 0.5 s: the process gives no stack dump, its state is T (stopped)"
    )
    assert gone(pid)


def test_a_slow_process_that_progresses_is_left_alone(stage):
    """Steps that follow one another for several times the limit, each of them shorter, are no hang."""

    def entrypoint(ctx):
        pause = threading.Event()
        for _ in range(16):
            ctx.counters.begin_step(1)
            pause.wait(0.25)
        ctx.counters.enter(Phase.WAIT)
        print("done")

    run(stage, entrypoint, step_s=2)
    assert stage.master.outcome(NODE).outcome is wire.Outcome.SUCCEEDED
    assert stage.log() == "done\n"


@pytest.mark.parametrize("begin", [True, False])
def test_a_process_that_holds_no_batch_is_left_alone(stage, begin):
    """Waiting for rows is no step, before the first and after any other, however long it takes."""

    def entrypoint(ctx):
        if ctx.params["begin"]:
            ctx.counters.begin_step(1)
            ctx.counters.enter(Phase.WAIT)
        threading.Event().wait(1.5)

    run(stage, entrypoint, {"begin": begin})
    assert stage.master.outcome(NODE).outcome is wire.Outcome.SUCCEEDED


def test_user_code_outside_of_steps_is_left_alone(stage):
    """A role without input never holds a batch, however long it computes."""

    def entrypoint(ctx):
        threading.Event().wait(1.2)

    run(stage, entrypoint, fields={})
    assert stage.master.outcome(NODE).outcome is wire.Outcome.SUCCEEDED


def test_a_process_that_is_asked_to_stop_has_its_grace(stage):
    """The end of a step is no matter any more once the node is to end."""

    def entrypoint(ctx):
        assert not ctx.stopping.is_set()
        print("begins", flush=True)
        ctx.counters.begin_step(1)
        ctx.stopping.wait()
        threading.Event().wait(2.5)
        print("goodbye")

    run(stage, entrypoint, step_s=2)
    eventually(stage.log)
    stage.master.tell(wire.StopNode())
    ended = stage.master.outcome(NODE)
    assert (ended.outcome, ended.failure) == (wire.Outcome.STOPPED, None)
    assert stage.log() == "begins\ngoodbye\n"
