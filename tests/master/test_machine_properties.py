"""Whatever happens in whatever order, the state machine keeps its rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.errors import StateMachineError
from ml_framework.master.command import Admit, Command, Conclude, Reject, Schedule, Tell
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
    Timer,
)
from ml_framework.master.machine import TableMachine
from ml_framework.master.state import LIVE, TERMINAL, State
from ml_framework.rpc.wire import Abort, Failure, Finish, NodeState, Outcome, Restart, Start
from ml_framework.spec import JobSpec, NodeId, RoleKind, RoleSpec, Token

roles = st.builds(
    lambda kinds: tuple(
        RoleSpec(f"role{number}", parallelism, kind, restartable)
        for number, (parallelism, kind, restartable) in enumerate(kinds)
    ),
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(RoleKind), st.booleans()), min_size=1, max_size=3),
)
policies = st.builds(RestartPolicy, st.integers(0, 2), st.sampled_from(["all", "failed"]))
fractions = st.floats(0, 1, exclude_max=True)


class Cluster(RuleBasedStateMachine):
    """Plays the executor and every agent, good and bad."""

    @initialize(roles=roles, policy=policies)
    def begin(self, roles: tuple[RoleSpec, ...], policy: RestartPolicy) -> None:
        self.machine = TableMachine()
        self.timers: list[Timer] = []
        self.finished: dict[NodeId, Token] = {}
        self.conclusions: list[Conclude] = []
        self.clock_s = 0.0
        self.snapshot, commands = self.machine.initial(JobSpec("job", roles), Timeouts(), policy)
        self.previous = self.snapshot
        self.perform(commands)

    # -- what the executor does

    def submit(self, event: Event) -> tuple[Command, ...]:
        self.previous = self.snapshot
        self.snapshot, commands = self.machine.step(self.snapshot, event)
        if self.snapshot.state is not self.previous.state:
            self.timers.clear()
        self.perform(commands)
        return commands

    def perform(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            match command:
                case Schedule(timer, delay):
                    assert delay >= timedelta()
                    assert timer not in self.timers
                    self.timers.append(timer)
                case Tell(node, Finish()):
                    assert self.finished.get(node) != self.snapshot.nodes[node].token, "let go twice"
                    self.finished[node] = self.snapshot.nodes[node].token
                case Tell(node, Restart(token)):
                    assert node not in self.finished or self.finished[node] < self.previous.nodes[node].token
                    assert token == self.snapshot.nodes[node].token
                case Conclude():
                    self.conclusions.append(command)
                case _:
                    pass

    def pick(self, fraction: float, *states: NodeState) -> NodeId | None:
        nodes = self.snapshot.in_state(*states)
        return nodes[int(fraction * len(nodes))] if nodes else None

    # -- what can happen

    @rule(fraction=fractions, more=st.integers(0, 1))
    def come(self, fraction: float, more: int) -> None:
        node = self.pick(fraction, NodeState.ABSENT)
        if node is not None:
            token = self.snapshot.nodes[node].token
            commands = self.submit(Registered(node, replace(token, execution=token.execution + more), "h:1"))
            assert commands[0] == Admit(node)

    @rule()
    def come_all(self) -> None:
        for node in self.snapshot.in_state(NodeState.ABSENT):
            self.submit(Registered(node, self.snapshot.nodes[node].token, "h:1"))

    @rule(fraction=fractions)
    def come_anew(self, fraction: float) -> None:
        node = self.pick(fraction, NodeState.LOST)
        if node is not None:
            self.submit(Registered(node, Token(self.snapshot.nodes[node].token.execution + 1), "h:1"))

    @rule(fraction=fractions)
    def come_twice(self, fraction: float) -> None:
        node = self.pick(fraction, *LIVE)
        if node is not None:
            before = self.snapshot
            [command] = self.submit(Registered(node, before.nodes[node].token, "h:1"))
            assert isinstance(command, Reject)
            assert self.snapshot is before

    @rule(
        fraction=fractions, outcome=st.sampled_from([Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.STOPPED])
    )
    def end(self, fraction: float, outcome: Outcome) -> None:
        node = self.pick(fraction, NodeState.RUNNING)
        if node is not None:
            self.submit(Ended(node, self.snapshot.nodes[node].token, outcome))

    @rule(fraction=fractions, collateral=st.booleans())
    def fail(self, fraction: float, *, collateral: bool) -> None:
        node = self.pick(fraction, NodeState.RUNNING)
        if node is not None:
            self.clock_s += 1
            failure = Failure("Boom", time_s=self.clock_s, collateral=collateral)
            self.submit(Ended(node, self.snapshot.nodes[node].token, Outcome.FAILED, failure))

    @rule(fraction=fractions)
    def lose(self, fraction: float) -> None:
        node = self.pick(fraction, *LIVE)
        if node is not None:
            self.clock_s += 1
            self.submit(NodeLost(node, self.snapshot.nodes[node].token, "gone", self.clock_s))

    @rule(fraction=fractions)
    def report_late(self, fraction: float) -> None:
        nodes = tuple(self.snapshot.nodes)
        node = nodes[int(fraction * len(nodes))]
        token = self.snapshot.nodes[node].token
        if token.process:
            before = self.snapshot
            assert (
                self.submit(Ended(node, replace(token, process=token.process - 1), Outcome.SUCCEEDED)) == ()
            )
            assert self.snapshot is before

    @precondition(lambda self: self.timers)
    @rule(fraction=fractions)
    def let_time_pass(self, fraction: float) -> None:
        self.submit(self.timers.pop(int(fraction * len(self.timers))))

    @rule(chance=st.integers(0, 9))
    def ask_to_stop(self, chance: int) -> None:
        if chance == 0:
            self.submit(StopRequested())

    @rule(timer=st.sampled_from([GangTimeout(), SettleElapsed(), BackoffElapsed(), GraceElapsed()]))
    def meet_a_stray_timer(self, timer: Timer) -> None:
        if type(timer) not in self.machine.table[self.snapshot.state]:
            with pytest.raises(StateMachineError):
                self.machine.step(self.snapshot, timer)

    # -- what must hold

    @invariant()
    def a_terminal_state_is_the_end(self) -> None:
        if self.previous.state in TERMINAL:
            assert self.snapshot.state is self.previous.state
            assert self.snapshot.first_cause == self.previous.first_cause
        assert len(self.conclusions) == (self.snapshot.state in TERMINAL)
        assert not (self.timers and self.snapshot.state in TERMINAL)

    @invariant()
    def tokens_and_restarts_never_go_backwards(self) -> None:
        for node, record in self.snapshot.nodes.items():
            assert record.token >= self.previous.nodes[node].token
        assert self.previous.restarts <= self.snapshot.restarts <= self.snapshot.restart.budget

    @invariant()
    def finished_says_that_every_driver_succeeded(self) -> None:
        if self.snapshot.state is State.FINISHED and self.previous.state is not State.FINISHED:
            assert {self.snapshot.nodes[node].state for node in self.snapshot.drivers} == {
                NodeState.SUCCEEDED
            }

    @invariant()
    def failed_has_a_cause_and_only_failed(self) -> None:
        assert (self.snapshot.first_cause is None) is (self.snapshot.state is not State.FAILED)

    @invariant()
    def nobody_runs_before_the_gang_is_there(self) -> None:
        if self.snapshot.state is State.RUNNING:
            assert not self.snapshot.missing

    @invariant()
    def something_will_happen(self) -> None:
        """No state waits for ever: a timer runs, or a node whose end decides is alive."""
        if self.snapshot.state in TERMINAL:
            return
        gang_lives = any(self.snapshot.nodes[node].state in LIVE for node in self.snapshot.drivers)
        assert self.timers or (
            self.snapshot.state is State.RUNNING and (gang_lives or not self.snapshot.drivers)
        )


Cluster.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
test_the_rules_hold_whatever_happens = Cluster.TestCase


def test_every_start_tells_the_same_cluster_to_the_whole_gang() -> None:
    """Nobody starts with another idea of who is where."""
    machine = TableMachine()
    snapshot, _ = machine.initial(JobSpec("job", (RoleSpec("worker", 3),)), Timeouts(), RestartPolicy())
    for node in snapshot.gang:
        snapshot, commands = machine.step(snapshot, Registered(node, Token(), f"h:{node.index}"))
    starts = [command.command for command in commands if isinstance(command, Tell)]
    assert starts == [Start(snapshot.cluster)] * 3


def test_an_abort_reaches_whoever_is_attended() -> None:
    """Side nodes too: the job is over for them as well."""
    machine = TableMachine()
    job = JobSpec("job", (RoleSpec("worker"), RoleSpec("board", 1, RoleKind.SIDE)))
    snapshot, _ = machine.initial(job, Timeouts(), RestartPolicy())
    snapshot, commands = machine.step(snapshot, GangTimeout())
    told = {
        command.node
        for command in commands
        if isinstance(command, Tell) and isinstance(command.command, Abort)
    }
    assert told == set(job.nodes)
