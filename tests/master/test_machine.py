"""The state machine, driven bare."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.errors import StateMachineError
from ml_framework.master.command import Admit, Command, Conclude, Reject, Schedule, Tell
from ml_framework.master.diagram import render
from ml_framework.master.event import (
    BackoffElapsed,
    Ended,
    Event,
    GangTimeout,
    GraceElapsed,
    NodeLost,
    Registered,
    SettleElapsed,
    StopRequested,
)
from ml_framework.master.machine import TRANSITIONS, TableMachine
from ml_framework.master.state import TERMINAL, NodeRecord, Snapshot, State
from ml_framework.rpc.wire import Abort, Failure, Finish, NodeState, Outcome, Restart, Start, StopNode
from ml_framework.spec import JobSpec, NodeId, RoleKind, RoleSpec, Token

W0, W1 = NodeId("worker", 0), NodeId("worker", 1)
PS0, SIDE0 = NodeId("ps", 0), NodeId("board", 0)
TIMEOUTS = Timeouts()
NO_GRACE = timedelta()
GRACE = TIMEOUTS.stop_grace + TIMEOUTS.heartbeat_interval
WORKERS = RoleSpec("worker", 2, restartable=True)
FIXED_WORKERS = RoleSpec("worker", 2)
PS = RoleSpec("ps", 1, RoleKind.SERVES)
BOARD = RoleSpec("board", 1, RoleKind.SIDE)


class Drive:
    """A job, driven event by event; remembers the last commands."""

    def __init__(self, *roles: RoleSpec, **policy: Any) -> None:
        self.machine = TableMachine()
        self.snapshot, self.commands = self.machine.initial(
            JobSpec("job", roles), TIMEOUTS, RestartPolicy(**policy)
        )

    def __call__(self, *events: Event) -> tuple[Command, ...]:
        for event in events:
            self.snapshot, self.commands = self.machine.step(self.snapshot, event)
        return self.commands

    def start(self) -> Drive:
        self(*(registered(node) for node in self.snapshot.gang))
        assert self.state is State.RUNNING
        return self

    @property
    def state(self) -> State:
        return self.snapshot.state

    def told(self, node: NodeId) -> list[Any]:
        return [c.command for c in self.commands if isinstance(c, Tell) and c.node == node]

    def token(self, node: NodeId) -> Token:
        return self.snapshot.nodes[node].token


def registered(node: NodeId, token: Token | None = None) -> Registered:
    return Registered(node, token or Token(), f"host-{node.index}:1{node.index}")


def ended(node: NodeId, outcome: Outcome = Outcome.SUCCEEDED, token: Token | None = None) -> Ended:
    return Ended(node, token or Token(), outcome)


def failed(
    node: NodeId, summary: str = "ValueError: bad value", *, token: Token | None = None, **kind: Any
) -> Ended:
    return Ended(node, token or Token(), Outcome.FAILED, Failure(summary, "the traceback", **kind))


def lost(node: NodeId, token: Token | None = None) -> NodeLost:
    return NodeLost(node, token or Token(), "no heartbeat for 15 s", 1.0)


# -- the gang -----------------------------------------------------------------------------------------------


def test_the_gang_starts_when_its_last_node_has_registered() -> None:
    """Nobody starts before; then everybody is told where all of them listen."""
    drive = Drive(WORKERS, PS)
    assert drive.commands == (Schedule(GangTimeout(), TIMEOUTS.gang),)
    assert drive(registered(W1)) == (Admit(W1),)
    assert drive(registered(PS0)) == (Admit(PS0),)
    drive(registered(W0))
    assert drive.state is State.RUNNING
    [start] = drive.told(W0)
    assert start.cluster.addresses == {"worker": ("host-0:10", "host-1:11"), "ps": ("host-0:10",)}
    assert drive.told(W1) == drive.told(PS0) == [start]


def test_a_gang_of_side_nodes_only_waits_for_nobody() -> None:
    """There is nothing to wait for, and each starts when it comes."""
    drive = Drive(BOARD)
    assert (drive.state, drive.commands) == (State.RUNNING, ())
    drive(registered(SIDE0))
    assert isinstance(drive.told(SIDE0)[0], Start)


@pytest.mark.parametrize(
    ("come", "story"),
    [
        ((), "worker[0] and 2 more of 3 nodes had not registered after 30 s"),
        ((W0,), "worker[1] and 1 more of 3 nodes had not registered after 30 s"),
        ((W0, W1), "ps[0] of 3 nodes had not registered after 30 s"),
    ],
)
def test_an_incomplete_gang_fails_with_names_and_numbers(come: tuple[NodeId, ...], story: str) -> None:
    """The cause names the first missing node, how many more, of how many, and the time waited."""
    drive = Drive(WORKERS, PS, BOARD)
    drive(*map(registered, come), GangTimeout())
    assert (drive.state, drive.snapshot.first_cause) == (State.FAILED, story)
    assert drive.told(W0) == [Abort(story)]
    assert drive.commands[-1] == Conclude(State.FAILED, story)


def test_a_side_node_neither_blocks_the_gang_nor_is_left_out() -> None:
    """It starts with the gang if it is there, or when it comes; until then its address is empty."""
    drive = Drive(FIXED_WORKERS, BOARD).start()
    assert drive.told(W0)[0].cluster.addresses["board"] == ("",)
    drive(registered(SIDE0))
    assert drive.told(SIDE0)[0].cluster.addresses["board"] == ("host-0:10",)
    early = Drive(FIXED_WORKERS, BOARD)
    early(registered(SIDE0), registered(W0))
    assert early.told(SIDE0) == []
    early(registered(W1))
    assert isinstance(early.told(SIDE0)[0], Start)


# -- the good end -------------------------------------------------------------------------------------------


def test_the_job_finishes_when_every_driver_has_succeeded() -> None:
    """The others are stopped, and FINISHED waits for them."""
    drive = Drive(FIXED_WORKERS, PS, BOARD).start()
    drive(registered(SIDE0))
    assert drive(ended(W0)) == (Tell(W0, Finish()),)
    assert drive(ended(W1)) == (
        Tell(W1, Finish()),
        Tell(PS0, StopNode()),
        Tell(SIDE0, StopNode()),
        Schedule(GraceElapsed(), GRACE),
    )
    assert drive.state is State.STOPPING
    assert drive(ended(SIDE0, Outcome.STOPPED)) == (Tell(SIDE0, Finish()),)
    assert drive(ended(PS0, Outcome.STOPPED)) == (Tell(PS0, Finish()), Conclude(State.FINISHED))
    assert drive.state is State.FINISHED


def test_whoever_has_nobody_to_wait_for_concludes_at_once() -> None:
    """The grace is no fixed wait."""
    drive = Drive(FIXED_WORKERS).start()
    assert drive(ended(W0), ended(W1)) == (Tell(W1, Finish()), Schedule(GraceElapsed(), NO_GRACE))
    assert drive(GraceElapsed()) == (Conclude(State.FINISHED),)


def test_a_stubborn_server_does_not_hold_the_job() -> None:
    """After the grace the job has finished all the same, also if the server fails while it is stopped."""
    drive = Drive(FIXED_WORKERS, PS).start()
    drive(ended(W0), ended(W1))
    assert drive(GraceElapsed()) == (Tell(PS0, Finish()), Conclude(State.FINISHED))
    drive = Drive(FIXED_WORKERS, PS).start()
    drive(ended(W0), ended(W1), failed(PS0))
    assert drive.state is State.FINISHED


def test_a_node_that_may_start_over_is_held_until_the_job_has_ended() -> None:
    """A success may have to be repeated when a peer fails, so its agent stays."""
    drive = Drive(WORKERS).start()
    assert drive(ended(W0)) == ()
    assert drive(ended(W1)) == (Tell(W0, Finish()), Tell(W1, Finish()), Schedule(GraceElapsed(), NO_GRACE))


def test_a_job_stopped_on_request_is_stopped_not_finished() -> None:
    """In RUNNING everybody is told; a second request changes nothing."""
    drive = Drive(FIXED_WORKERS).start()
    assert drive(StopRequested())[:2] == (Tell(W0, StopNode()), Tell(W1, StopNode()))
    assert drive(StopRequested()) == ()
    drive(ended(W0, Outcome.STOPPED), ended(W1))
    assert (drive.state, drive.commands[-1]) == (State.STOPPED, Conclude(State.STOPPED))


def test_a_node_that_comes_after_the_request_to_stop_is_stopped_too() -> None:
    """A stop in INIT waits for those on their way, so that none of them finds nobody."""
    drive = Drive(FIXED_WORKERS)
    drive(registered(W0), StopRequested())
    assert drive(registered(W1)) == (Admit(W1), Tell(W1, StopNode()))
    drive(ended(W0, Outcome.STOPPED), ended(W1, Outcome.STOPPED))
    assert drive.state is State.STOPPED
    assert drive(registered(W1, Token(1))) == (Admit(W1), Tell(W1, StopNode()))
    assert drive(ended(W1, Outcome.STOPPED, Token(1))) == (Tell(W1, Finish()),)


def test_drivers_that_were_stopped_elsewhere_leave_a_stopped_job() -> None:
    """FINISHED says that every driver succeeded; a driver that Flink stopped has not."""
    drive = Drive(FIXED_WORKERS).start()
    drive(ended(W0), ended(W1, Outcome.STOPPED), GraceElapsed())
    assert drive.state is State.STOPPED


# -- failures -----------------------------------------------------------------------------------------------


def test_a_failure_that_cannot_be_repaired_ends_the_job_with_its_cause() -> None:
    """Everybody is told the node, the attempt, the exception and the traceback."""
    drive = Drive(FIXED_WORKERS, PS).start()
    drive(failed(W1))
    cause = "worker[1] attempt 0: ValueError: bad value\nthe traceback"
    assert (drive.state, drive.snapshot.first_cause) == (State.FAILED, cause)
    assert [drive.told(node) for node in (W0, W1, PS0)] == [[Abort(cause)]] * 3
    assert drive(registered(W1, Token(1))) == (Admit(W1), Tell(W1, Abort(cause)))
    assert drive(ended(W0)) == ()


@pytest.mark.parametrize("role", [FIXED_WORKERS, PS])
def test_a_lost_node_is_a_failure(role: RoleSpec) -> None:
    """Its cause says how it was lost."""
    drive = Drive(FIXED_WORKERS, PS).start()
    drive(lost(role.nodes[0]))
    assert drive.snapshot.first_cause == f"{role.nodes[0]} attempt 0: lost: no heartbeat for 15 s"


@pytest.mark.parametrize("state", [State.INIT, State.RUNNING])
def test_a_side_node_harms_nobody(state: State) -> None:
    """Neither its failure nor its loss changes the state; its agent may go."""
    for event, told in ((failed(SIDE0), [Finish()]), (lost(SIDE0), [])):
        drive = Drive(WORKERS, BOARD)
        drive(registered(SIDE0))
        if state is State.RUNNING:
            drive.start()
        drive(event)
        assert (drive.state, drive.told(SIDE0), drive.snapshot.failures) == (state, told, ())


def test_a_failure_that_looks_like_an_echo_waits_for_its_first_cause() -> None:
    """The failure that was first is the cause, whoever reported first."""
    drive = Drive(FIXED_WORKERS).start()
    echo = failed(W0, "RuntimeError: connection closed by peer", time_s=2.0, collateral=True)
    assert drive(echo) == (Schedule(SettleElapsed(), TIMEOUTS.settle),)
    drive(failed(W1, "MemoryError", time_s=1.9))
    assert drive.snapshot.first_cause == "worker[1] attempt 0: MemoryError\nthe traceback"


def test_an_echo_without_a_first_cause_is_the_cause_after_all() -> None:
    """It does not wait longer than the settle time, and not at all when nobody is left to tell another."""
    drive = Drive(RoleSpec("worker", 3)).start()
    drive(failed(W0, "late", time_s=3.0, collateral=True), failed(W1, "early", time_s=2.0, collateral=True))
    assert drive.commands == ()
    drive(SettleElapsed())
    assert drive.snapshot.first_cause == "worker[1] attempt 0: early\nthe traceback"
    alone = Drive(RoleSpec("worker", 1)).start()
    alone(failed(W0, collateral=True))
    assert alone.state is State.FAILED


def test_an_echo_of_a_node_that_flink_stopped_waits_for_flinks_word() -> None:
    """A task that fails in Flink stops its node; the peers' echo of that is not the cause yet."""
    drive = Drive(FIXED_WORKERS).start()
    drive(ended(W0, Outcome.STOPPED))
    assert drive(failed(W1, collateral=True))[-1] == Schedule(SettleElapsed(), TIMEOUTS.settle)
    assert drive.state is State.RUNNING


def test_an_echo_does_not_spoil_a_success() -> None:
    """A server that fails because the last driver left has done its duty."""
    drive = Drive(FIXED_WORKERS, PS).start()
    drive(ended(W0), failed(PS0, collateral=True))
    assert drive.state is State.RUNNING
    drive(ended(W1), GraceElapsed())
    assert drive.state is State.FINISHED


# -- restarts -----------------------------------------------------------------------------------------------


def test_a_failure_is_repaired_in_place() -> None:
    """After the back-off all start over with their next tokens; late news of an earlier life is ignored."""
    drive = Drive(WORKERS).start()
    assert drive(failed(W1)) == (Schedule(BackoffElapsed(), timedelta(milliseconds=200)),)
    assert drive.state is State.FAILOVER
    drive(BackoffElapsed())
    assert drive.state is State.INIT
    assert drive.commands == (
        Schedule(GangTimeout(), TIMEOUTS.gang),
        Tell(W0, Restart(Token(0, 1))),
        Tell(W1, Restart(Token(0, 1))),
    )
    assert drive(failed(W0)) == drive(lost(W1)) == ()
    assert isinstance(drive(registered(W0))[0], Reject)
    drive(registered(W0, Token(0, 1)), registered(W1, Token(0, 1)))
    assert (drive.state, drive.snapshot.restarts) == (State.RUNNING, 1)


def test_the_budget_ends_in_the_cause_of_the_last_failure() -> None:
    """The first line names node and attempt; the second says how often it was tried."""
    drive = Drive(RoleSpec("worker", 1, restartable=True), budget=2).start()
    for process in range(2):
        drive(failed(W0, token=Token(0, process)), BackoffElapsed(), registered(W0, Token(0, process + 1)))
    drive(failed(W0, "KeyError: 7", token=Token(0, 2)))
    assert (
        drive.snapshot.first_cause
        == "worker[0] attempt 2: KeyError: 7\nafter 2 restarts in place\nthe traceback"
    )


def test_a_restarted_gang_that_does_not_come_back_fails_with_what_broke_it() -> None:
    """The lost node is the cause, not the time-out that followed."""
    drive = Drive(WORKERS).start()
    drive(lost(W1), BackoffElapsed(), registered(W0, Token(0, 1)), GangTimeout())
    assert drive.snapshot.first_cause == (
        "worker[1] attempt 0: lost: no heartbeat for 15 s\nafter 1 restart in place\n"
        "worker[1] of 2 nodes had not registered after 30 s"
    )


def test_a_lost_node_may_come_back_as_a_later_life() -> None:
    """It needs no restart then; the others do."""
    drive = Drive(WORKERS).start()
    drive(lost(W1), registered(W1, Token(1)), BackoffElapsed())
    assert (drive.told(W0), drive.told(W1)) == ([Restart(Token(0, 1))], [])
    drive(registered(W0, Token(0, 1)))
    assert drive.state is State.RUNNING


def test_a_failure_beyond_repair_during_the_backoff_ends_the_job() -> None:
    """With the first cause, which is the failure that was to be repaired."""
    drive = Drive(WORKERS, PS, scope="failed").start()
    drive(failed(W0, "first", time_s=1.0), failed(PS0, "echo", time_s=2.0, collateral=True))
    assert drive.state is State.FAILED
    assert drive.snapshot.first_cause == "worker[0] attempt 0: first\nafter 1 restart in place\nthe traceback"


def test_a_success_during_the_backoff_may_finish_the_job() -> None:
    """When the drivers are done nobody needs the server that was to be restarted."""
    servers = RoleSpec("ps", 1, RoleKind.SERVES, restartable=True)
    drive = Drive(FIXED_WORKERS, servers, scope="failed").start()
    drive(failed(PS0), ended(W0), ended(W1))
    assert drive.state is State.STOPPING
    assert drive.told(PS0) == [Finish()]
    drive(GraceElapsed())
    assert drive.state is State.FINISHED


def test_a_cluster_is_restarted_whole_or_not_at_all() -> None:
    """A server that lost its variables is none to workers that go on; what stands aside does not count."""
    servers = RoleSpec("ps", 1, RoleKind.SERVES, restartable=True)
    drive = Drive(FIXED_WORKERS, servers).start()
    drive(failed(PS0, "gone"))
    assert drive.state is State.FAILED
    assert drive.snapshot.first_cause.startswith("ps[0] attempt 0: gone")
    drive = Drive(WORKERS, RoleSpec("board", 1, RoleKind.SIDE)).start()
    drive(failed(W0))
    assert drive.state is State.FAILOVER


# -- who is welcome -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (registered(NodeId("worker", 2)), "worker[2] is no node of job 'job'"),
        (registered(NodeId("chief", 0)), "chief[0] is no node of job 'job'"),
        (registered(W0, Token(1, 0)), "worker[0] is stale: it came with token 1.0, token 2.0 is known"),
        (registered(W0, Token(2, 0)), "worker[0] is attended already, with token 2.0"),
    ],
)
def test_an_unwelcome_node_is_refused_and_nobody_is_disturbed(event: Registered, reason: str) -> None:
    """The refusal says why; the snapshot stays what it was."""
    drive = Drive(FIXED_WORKERS)
    drive(registered(W0, Token(2)), registered(W1))
    before = drive.snapshot
    assert drive(event) == (Reject(reason),)
    assert drive.snapshot is before


def test_a_life_that_has_ended_is_over() -> None:
    """The same token does not register twice."""
    drive = Drive(WORKERS).start()
    drive(ended(W0))
    assert drive(registered(W0)) == (Reject("worker[0] has succeeded with token 0.0 already"),)


# -- the rules of the house ---------------------------------------------------------------------------------


def test_an_event_without_a_cell_tells_its_story_and_changes_nothing() -> None:
    """Who, from where, which event, and the last transitions."""
    drive = Drive(FIXED_WORKERS).start()
    before = drive.snapshot
    with pytest.raises(
        StateMachineError, match=r"job 'job' in RUNNING met BackoffElapsed .*INIT -> RUNNING: worker\[1\]"
    ):
        drive(BackoffElapsed())
    assert drive.snapshot is before


def test_a_report_of_a_life_that_never_registered_is_an_error() -> None:
    """A token from the future is nobody's."""
    drive = Drive(FIXED_WORKERS).start()
    with pytest.raises(StateMachineError, match="which never registered"):
        drive(ended(W0, token=Token(0, 1)))


def test_a_cell_may_lead_only_where_it_says() -> None:
    """Another table is held to its declarations as ours is."""
    cell = TRANSITIONS[State.INIT][StopRequested]
    liar = TableMachine({State.INIT: {StopRequested: type(cell)(cell.act, ())}})
    snapshot, _ = liar.initial(JobSpec("job", (FIXED_WORKERS,)), TIMEOUTS, RestartPolicy())
    with pytest.raises(StateMachineError, match="may not lead to STOPPING"):
        liar.step(snapshot, StopRequested())


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_terminal_rows_are_explicit_and_lead_nowhere(state: State) -> None:
    """Nodes may come late and report late; the outcome stays."""
    assert set(TRANSITIONS[state]) == {Registered, Ended, NodeLost, StopRequested}
    assert all(cell.targets == () for cell in TRANSITIONS[state].values())


def test_every_state_has_a_row_and_can_be_reached() -> None:
    """No state is left out of the table, and none is unreachable."""
    reached = {State.INIT} | {
        t for row in TRANSITIONS.values() for cell in row.values() for t in cell.targets
    }
    assert set(TRANSITIONS) == reached == set(State)


def test_snapshots_are_frozen() -> None:
    """Not even the records of the nodes can be changed in place."""
    snapshot: Any = Snapshot.of(JobSpec("job", (FIXED_WORKERS,)), TIMEOUTS, RestartPolicy())
    with pytest.raises(FrozenInstanceError):
        snapshot.state = State.FAILED
    with pytest.raises(TypeError):
        snapshot.nodes[W0] = NodeRecord(state=NodeState.LOST)


def test_history_keeps_the_last_twenty_transitions() -> None:
    """It is bounded, however often a job is restarted."""
    drive = Drive(RoleSpec("worker", 1, restartable=True), budget=30).start()
    for process in range(10):
        drive(failed(W0, token=Token(0, process)), BackoffElapsed(), registered(W0, Token(0, process + 1)))
    assert len(drive.snapshot.history) == 20
    assert drive.snapshot.history[-1] == "INIT -> RUNNING: worker[0] registered as attempt 10"


def test_the_page_about_the_state_machine_is_what_the_table_says() -> None:
    """Run `python -m ml_framework.master.diagram > docs/state-machine.md` when this fails."""
    page = Path(__file__).parents[2] / "docs" / "state-machine.md"
    assert page.read_text(encoding="utf-8") == render()
