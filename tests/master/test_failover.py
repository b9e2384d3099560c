"""The failure policy, as a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.master.failover import Decision, GiveUp, RestartAfter, decide, first_cause, to_restart
from ml_framework.master.state import Snapshot
from ml_framework.rpc.wire import Cause, Failure, NodeState
from ml_framework.spec import JobSpec, NodeId, RoleKind, RoleSpec, Token

JOB = JobSpec(
    "job",
    (
        RoleSpec("worker", 3, restartable=True),
        RoleSpec("ps", 1, RoleKind.SERVES, restartable=True),
        RoleSpec("sink", 1),
        RoleSpec("board", 1, RoleKind.SIDE, restartable=True),
    ),
)
STATES = {letter: state for state in NodeState for letter in [state.value[:2]]}


def cause(node: str, time_s: float = 0.0, *, collateral: bool = False) -> Cause:
    role, index = node.split("/")
    return Cause(NodeId(role, int(index)), Token(), Failure("Boom", time_s=time_s, collateral=collateral))


def snapshot(
    states: str = "", *, restarts: int = 0, failures: tuple[Cause, ...] = (), **policy: object
) -> Snapshot:
    """A cluster whose nodes are in `states`, two letters for each node in order of the spec."""
    result = Snapshot.of(JOB, Timeouts(), RestartPolicy(**policy))  # type: ignore[arg-type]
    for node, letters in zip(JOB.nodes, states.split(), strict=False):
        result = result.with_node(node, state=STATES[letters])
    return replace(result, restarts=restarts, failures=failures)


@pytest.mark.parametrize(
    ("failed", "restarts", "budget", "decision"),
    [
        (["worker/0"], 0, 3, RestartAfter(timedelta(milliseconds=200))),
        (["worker/0"], 1, 3, RestartAfter(timedelta(milliseconds=400))),
        (["worker/0", "ps/0"], 2, 3, RestartAfter(timedelta(milliseconds=800))),
        (["worker/0"], 20, 30, RestartAfter(timedelta(seconds=10))),
        (["worker/0"], 3, 3, GiveUp()),
        (["worker/0"], 0, 0, GiveUp()),
        (["sink/0"], 0, 3, GiveUp()),
        (["worker/0", "sink/0"], 0, 3, GiveUp()),
    ],
)
def test_the_decision(failed: list[str], restarts: int, budget: int, decision: Decision) -> None:
    """Restart with a growing wait, while the budget lasts and every failed node may be restarted."""
    failures = tuple(map(cause, failed))
    assert decide(snapshot(restarts=restarts, failures=failures, budget=budget)) == decision


@pytest.mark.parametrize(
    ("scope", "states", "restarted"),
    [
        # worker 0 1 2, ps, sink, board
        ("failed", "fa ru ru ru ru ru", ["worker/0"]),
        ("failed", "fa su lo ru ru ru", ["worker/0", "worker/2"]),
        ("all", "fa ru ru ru ru ru", ["worker/0", "worker/1", "worker/2", "ps/0"]),
        ("all", "fa su ru su ru ru", ["worker/0", "worker/1", "worker/2"]),
        ("all", "su su ru fa ru ru", ["worker/2", "ps/0"]),
        ("all", "lo re ab ru ru fa", ["worker/0", "ps/0"]),
        ("all", "fa st ru ru ru lo", ["worker/0", "worker/2", "ps/0"]),
    ],
)
def test_whom_to_restart(scope: str, states: str, restarted: list[str]) -> None:
    """By scope, role and state; never side nodes, nor roles that may not be restarted."""
    assert to_restart(snapshot(states, scope=scope)) == tuple(cause(node).node for node in restarted)


@pytest.mark.parametrize(
    ("failures", "first"),
    [
        ([cause("worker/0", 2.0), cause("worker/1", 1.0)], "worker[1]"),
        ([cause("worker/0", 1.0, collateral=True), cause("worker/1", 2.0)], "worker[1]"),
        ([cause("worker/0", 2.0, collateral=True), cause("worker/1", 1.0, collateral=True)], "worker[1]"),
    ],
)
def test_the_first_cause(failures: list[Cause], first: str) -> None:
    """The earliest that is no echo; among echoes the earliest."""
    assert str(first_cause(failures).node) == first
