"""A cluster without Flink: the real application master and real agents."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ml_framework.byte_queue import FrameKind
from ml_framework.codec import Schema, plan_layout
from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.errors import JobFailed, PlanError
from ml_framework.spec import NodeId
from ml_framework.testing.local_cluster import LocalCluster, LocalResult, python_role, run_local
from ml_framework.testing.local_node import LocalNode
from ml_framework.testing.waiting import eventually, gone

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = "ml_framework.testing.programs"
FAST = Timeouts(stop_grace=timedelta(seconds=20), settle=timedelta(milliseconds=200))
ONCE = RestartPolicy(budget=0)


@pytest.fixture(autouse=True, scope="session")
def _compiled_once() -> Iterator[None]:
    """The many child processes compile our modules once, also where tests are told to write no bytecode."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


def assert_nothing_left(cluster: LocalCluster) -> None:
    """No process and no directory of the cluster remains."""
    nodes = cluster.nodes.values()
    started = [event["pid"] for node in nodes for event in node.events if event["event"] == "started"]
    assert all(map(gone, [*started, *(node.pid for node in nodes), cluster.master.pid]))
    assert [node.directory for node in nodes if node.directory.exists()] == []
    assert not cluster.log_dir.exists()


def turns(agent):
    """What the agent has told, but for what it measures."""
    return [event for event in agent.events if event["event"] != "measured"]


def test_every_node_runs_once():
    """Each node knows who it is, and there is one process for each."""
    role = python_role("worker", f"{PROGRAMS}:happy", parallelism=2)
    with LocalCluster([role], timeouts=FAST) as cluster:
        assert cluster.wait() == LocalResult("finished")
        assert [cluster.log("worker", index) for index in (0, 1)] == [
            "worker[0] of 2, attempt 0\n",
            "worker[1] of 2, attempt 0\n",
        ]
    for agent in cluster.nodes.values():
        assert [event["event"] for event in turns(agent)] == ["started", "succeeded"]
    assert_nothing_left(cluster)


def test_servers_are_stopped_when_the_drivers_are_done(tmp_path):
    """The job ends with its workers; the parameter server is then stopped in good order."""
    params = {"file": str(tmp_path / "served")}
    roles = [
        python_role("worker", f"{PROGRAMS}:awaits_file", params, parallelism=2),
        python_role("ps", f"{PROGRAMS}:serve", params, kind="serves"),
    ]
    with LocalCluster(roles, timeouts=FAST) as cluster:
        assert cluster.wait() == LocalResult("finished")
        assert cluster.log("ps") == "serving\ngoodbye\n"
    assert {node: agent.events[-1]["event"] for node, agent in cluster.nodes.items()} == {
        ("worker", 0): "succeeded",
        ("worker", 1): "succeeded",
        ("ps", 0): "stopped",
    }
    assert_nothing_left(cluster)


def test_the_first_cause_reaches_every_node():
    """One rank's exception ends the others, and the job's cause is its traceback."""
    role = python_role("worker", f"{PROGRAMS}:sad_rank", {"rank": 1}, parallelism=2)
    with LocalCluster([role], timeouts=FAST, restart=ONCE) as cluster:
        result = cluster.wait()
    assert result.outcome == "failed"
    assert result.cause.startswith("worker[1] attempt 0: ValueError: bad value\n")
    assert result.cause.rstrip().endswith("ValueError: bad value")
    causes = [agent.events[-1] for agent in cluster.nodes.values()]
    assert causes == [{"event": "failed", "cause": result.cause}] * 2
    assert_nothing_left(cluster)


def test_a_rank_that_hangs_is_the_cause():
    """The job's cause names the rank, the time and the line, and then its callers and its log."""

    def hang(ctx):
        if ctx.rank == 1:
            ctx.counters.begin_step(1)
        signal.pause()

    step = replace(FAST, step=timedelta(seconds=0.5))
    plan = plan_layout(Schema.parse([("x", "BIGINT NOT NULL")])).to_json()
    role = python_role("worker", hang, parallelism=2, input_layout=plan)
    with LocalCluster([role], timeouts=step, restart=ONCE) as cluster:
        result = cluster.wait()
        log_file = cluster.log_dir / "attempt_0" / "worker-1.log"
        assert "in hang\n" in log_file.read_text()
    first, *callers, where = result.cause.split("\n")
    assert first.startswith(f'worker[1] attempt 0: no progress for 0.5 s: File "{__file__}", line ')
    assert first.endswith(" in hang")
    assert [caller.rpartition(" in ")[2] for caller in callers] == ["hang"]
    assert where == f"the stacks of all its threads are in {log_file}"
    assert_nothing_left(cluster)


def test_restarts_in_place_count_attempts():
    """A worker that dies in attempts 0 and 1 is started three times, and the job succeeds."""
    role = python_role("worker", f"{PROGRAMS}:die_on_attempt", {"attempts": [0, 1]}, restartable=True)
    with LocalCluster([role], timeouts=FAST) as cluster:
        assert cluster.wait() == LocalResult("finished")
        assert cluster.log("worker", attempt=2) == "attempt 2\n"
    attempts = [event.get("attempt") for event in turns(cluster.nodes["worker", 0])]
    assert attempts == [0, 1, 2, None]
    assert_nothing_left(cluster)


def test_a_spent_budget_fails_with_the_last_traceback():
    """With one restart allowed, the second failure is the job's."""
    role = python_role("worker", f"{PROGRAMS}:die_on_attempt", {"attempts": [0, 1]}, restartable=True)
    with LocalCluster([role], timeouts=FAST, restart=RestartPolicy(budget=1)) as cluster:
        result = cluster.wait()
    assert result.outcome == "failed"
    assert result.cause.startswith("worker[0] attempt 1: ValueError: attempt 1 was to die")
    assert_nothing_left(cluster)


def test_a_killed_agent_fails_the_job():
    """A node that is lost is named; its process goes with it."""
    role = python_role("worker", f"{PROGRAMS}:forever", parallelism=2)
    with LocalCluster([role], timeouts=FAST, restart=ONCE) as cluster:
        agent = cluster.nodes["worker", 1]
        pid = agent.wait_for("started", timeout_s=20)["pid"]
        agent.process.kill()
        result = cluster.wait()
        eventually(lambda: gone(pid))
    assert result.outcome == "failed"
    assert result.cause.startswith("worker[1] attempt 0: ")
    assert_nothing_left(cluster)


def test_a_stopped_job_and_its_status():
    """The AM sees the nodes run, and stops them when asked."""
    role = python_role("worker", f"{PROGRAMS}:serve", parallelism=2)
    with LocalCluster([role], timeouts=FAST) as cluster:
        eventually(lambda: [node.state for node in cluster.status().nodes] == ["running"] * 2)
        assert cluster.status().state == "RUNNING"
        cluster.stop()
        assert cluster.wait() == LocalResult("stopped")
    assert_nothing_left(cluster)


def test_a_stale_node_is_refused_and_disturbs_nobody(tmp_path):
    """A node of an earlier execution attempt hears why it is not welcome; the job goes on."""
    role = python_role("worker", f"{PROGRAMS}:serve")
    with LocalCluster([role], timeouts=FAST, execution_attempt=1) as cluster:
        cluster.nodes["worker", 0].wait_for("started", timeout_s=20)
        with LocalNode(NodeId("worker", 0), role.program, tmp_path) as stale:
            stale.attend(cluster.address, cluster.token)
            farewell = stale.farewell(timeout_s=20)
        assert farewell["event"] == "failed"
        assert farewell["cause"].startswith("worker[0] attempt 0: refused by the application master: ")
        assert cluster.status().state == "RUNNING"
        cluster.stop()
        assert cluster.wait() == LocalResult("stopped")
    assert [event["event"] for event in stale.events] == ["failed"]
    assert_nothing_left(cluster)


def test_rows_go_through_the_queues():
    """Every row is answered exactly once, and the end of the input is the end of the job."""
    plans = {
        "input_layout": plan_layout(Schema.parse([("x", "BIGINT NOT NULL")])).to_json(),
        "output_layout": plan_layout(Schema.parse([("y", "BIGINT NOT NULL")])).to_json(),
    }
    role = python_role("worker", f"{PROGRAMS}:add_one", parallelism=2, **plans)
    with LocalCluster([role], timeouts=FAST) as cluster:
        ends = [cluster.nodes["worker", index].flink for index in (0, 1)]
        for start in range(0, 1000, 100):
            ends[start // 100 % 2].feed(x=list(range(start, start + 100)))
        for end in ends:
            end.send(FrameKind.WATERMARK, 5)
            end.end()
        answered = [value for end in ends for value in end.rows()["y"]]
        kinds = [kind for kind, _ in ends[0].answers()]
        assert cluster.wait() == LocalResult("finished")
    assert sorted(answered) == list(range(1, 1001))
    assert kinds[-3:] == [FrameKind.WATERMARK, FrameKind.STATE, FrameKind.END]
    assert_nothing_left(cluster)


def test_run_local_runs_a_function_by_value(capfd):
    """A training function needs no file, and its output is shown."""
    run_local(lambda ctx: print("rank", ctx.rank, "of", ctx.world_size, ctx.params), {"a": 1}, workers=2)
    shown = capfd.readouterr().err
    assert "worker[0] | rank 0 of 2 {'a': 1}" in shown
    assert "worker[1] | rank 1 of 2 {'a': 1}" in shown


def test_run_local_raises_the_first_cause():
    """What the training function raised is in the error."""
    with pytest.raises(JobFailed, match=r"worker\[0\] attempt 0: sys.exit\(3\)"):
        run_local(f"{PROGRAMS}:exit_3")


def test_run_local_refuses_what_cannot_run():
    """A wrong name is an error before anything starts."""
    with pytest.raises(PlanError, match="did you mean 'happy'"):
        run_local(f"{PROGRAMS}:hapy")


def test_toy_programs_import_nothing_that_users_do_not_have():
    """The package of the tests is imported by user processes."""
    assert "ml_framework.testing.programs" not in vars(sys.modules["ml_framework.testing"])
