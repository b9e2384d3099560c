"""What each event does: the cells of the state machine's table, pure functions of snapshot and event."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ml_framework.errors import StateMachineError
from ml_framework.master import failover
from ml_framework.master.cell import Step, leads_to, story
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
)
from ml_framework.master.state import LIVE, Snapshot, State
from ml_framework.rpc import wire
from ml_framework.rpc.wire import Cause, Failure, NodeState
from ml_framework.spec import RoleKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.spec import NodeId, Token

# -- nodes come ---------------------------------------------------------------------------------------------


def _objection(snapshot: Snapshot, event: Registered) -> str | None:
    """Why the node that registers is not welcome, None if it is."""
    record = snapshot.nodes.get(event.node)
    if record is None:
        return f"{event.node} is no node of job {snapshot.job.name!r}"
    if event.token < record.token:
        return f"{event.node} is stale: it came with {_quoted(event.token)}, {_quoted(record.token)} is known"
    if record.state in LIVE:
        return f"{event.node} is attended already, with {_quoted(record.token)}"
    if event.token == record.token and record.state is not NodeState.ABSENT:
        return f"{event.node} has {record.state} with {_quoted(record.token)} already"
    return None


def _admitting(act: Callable[[Snapshot, NodeId], Step]) -> Callable[[Snapshot, Registered], Step]:
    """Refuse the unwelcome; take down the welcome and let `act` say what happens to it."""

    def register(snapshot: Snapshot, event: Registered) -> Step:
        objection = _objection(snapshot, event)
        if objection is not None:
            return snapshot, (Reject(objection),)
        record = {"token": event.token, "state": NodeState.REGISTERED, "address": event.address}
        after, commands = act(snapshot.with_node(event.node, **record), event.node)
        return after, (Admit(event.node), *commands)

    return register


@leads_to(State.RUNNING)
@_admitting
def gather(snapshot: Snapshot, _node: NodeId) -> Step:
    """The gang starts when the last of it has come."""
    return start_if_complete(snapshot)


@leads_to()
@_admitting
def join(snapshot: Snapshot, node: NodeId) -> Step:
    """A latecomer starts at once, unless the gang it belongs to is broken and will start anew."""
    if snapshot.failures and node in snapshot.gang:
        return snapshot, ()
    return _start(snapshot, (node,))


@leads_to()
@_admitting
def wait_for_failover(snapshot: Snapshot, _node: NodeId) -> Step:
    """A fresh life that came before its role starts over needs no restart."""
    return snapshot, ()


@leads_to()
@_admitting
def send_home(snapshot: Snapshot, node: NodeId) -> Step:
    """The end is decided; a node that comes now is stopped before it begins."""
    return snapshot, (Tell(node, wire.StopNode()),)


@leads_to()
@_admitting
def abort_latecomer(snapshot: Snapshot, node: NodeId) -> Step:
    """The job has failed; a node that comes now hears why."""
    return snapshot, (Tell(node, wire.Abort(snapshot.first_cause or "")),)


def start_if_complete(snapshot: Snapshot) -> Step:
    """Start whoever waits, unless somebody of the gang is missing or a failure is to be decided first."""
    if snapshot.missing or snapshot.failures:
        return snapshot, ()
    return _start(replace(snapshot, state=State.RUNNING), snapshot.in_state(NodeState.REGISTERED))


def _start(snapshot: Snapshot, nodes: tuple[NodeId, ...]) -> Step:
    start = wire.Start(snapshot.cluster)
    for node in nodes:
        snapshot = snapshot.with_node(node, state=NodeState.RUNNING)
    return snapshot, tuple(Tell(node, start) for node in nodes)


@leads_to(State.FAILOVER, State.FAILED)
def gang_incomplete(snapshot: Snapshot, _event: GangTimeout) -> Step:
    """Fail with the names and numbers of those who did not come."""
    if snapshot.failures:
        return _decide(snapshot)
    missing, limit_s = snapshot.missing, snapshot.timeouts.gang.total_seconds()
    more = f"and {len(missing) - 1} more " if len(missing) > 1 else ""
    absence = f"{missing[0]} {more}of {len(snapshot.gang)} nodes had not registered after {limit_s:g} s"
    if snapshot.repaired is None:
        return _fail(snapshot, absence)
    return _fail(snapshot, snapshot.repaired.text(_after_restarts(snapshot), absence))


# -- nodes go -----------------------------------------------------------------------------------------------


def _is_news(snapshot: Snapshot, event: Ended | NodeLost) -> bool:
    """Whether the report is about the node's present life and not yet known."""
    record = snapshot.nodes.get(event.node)
    if record is None or event.token > record.token:
        raise StateMachineError(story(snapshot, event, "which never registered"))
    return event.token == record.token and record.state in LIVE


def _noted(snapshot: Snapshot, event: Ended | NodeLost) -> Snapshot:
    """The end taken down in the node's record."""
    if isinstance(event, NodeLost):
        return snapshot.with_node(event.node, state=NodeState.LOST)
    return snapshot.with_node(event.node, state=NodeState(event.outcome.value))


def _cause(event: Ended | NodeLost) -> Cause | None:
    if isinstance(event, NodeLost):
        return Cause(event.node, event.token, Failure(f"lost: {event.reason}", time_s=event.time_s))
    return None if event.failure is None else Cause(event.node, event.token, event.failure)


def _is_held(snapshot: Snapshot, node: NodeId) -> bool:
    """Whether the node has ended but may not go yet, because it may have to start over."""
    role, state = snapshot.role(node), snapshot.nodes[node].state
    if role.kind is RoleKind.SIDE:
        return False
    return state is NodeState.FAILED or (state is NodeState.SUCCEEDED and role.restartable)


def _dismissal(event: Ended | NodeLost) -> tuple[Command, ...]:
    """Let a node go that has ended; one that is lost is not there to be told."""
    return (Tell(event.node, wire.Finish()),) if isinstance(event, Ended) else ()


def _ending(
    on_failure: Callable[[Snapshot], Step], on_end: Callable[[Snapshot], Step]
) -> Callable[..., Step]:
    """Take an end down; `on_failure` follows a failure in the gang, `on_end` any other end."""

    def end(snapshot: Snapshot, event: Ended | NodeLost) -> Step:
        if not _is_news(snapshot, event):
            return snapshot, ()
        cause = _cause(event)
        after = _noted(snapshot, event)
        if cause is not None and event.node in snapshot.gang:
            return on_failure(replace(after, failures=(*after.failures, cause)))
        dismissal = () if _is_held(after, event.node) else _dismissal(event)
        after, commands = on_end(after)
        return after, (*dismissal, *commands)

    return end


def _weigh(snapshot: Snapshot) -> Step:
    """Decide now, or let a failure that looks like an echo wait for its first cause."""
    is_echo = all(cause.failure.collateral for cause in snapshot.failures)
    # One that was stopped, and not by us, was stopped by Flink, which is about to say why.
    untold = (NodeState.RUNNING, NodeState.STOPPED)
    others = any(snapshot.nodes[node].state in untold for node in snapshot.gang)
    if not (is_echo and others):
        return _decide(snapshot)
    if len(snapshot.failures) > 1:
        return snapshot, ()
    return snapshot, (Schedule(SettleElapsed(), snapshot.timeouts.settle),)


def _decide(snapshot: Snapshot) -> Step:
    cause = failover.first_cause(snapshot.failures)
    match failover.decide(snapshot):
        case failover.RestartAfter(delay):
            after = replace(snapshot, state=State.FAILOVER, restarts=snapshot.restarts + 1, repaired=cause)
            return after, (Schedule(BackoffElapsed(), delay),)
        case failover.GiveUp():
            return _fail(snapshot, cause.text(_after_restarts(snapshot)))


def _give_up_if_beyond_repair(snapshot: Snapshot) -> Step:
    if failover.is_repairable(snapshot):
        return snapshot, ()
    return _fail(snapshot, failover.first_cause(snapshot.failures).text(_after_restarts(snapshot)))


def _stop_if_driven_home(snapshot: Snapshot) -> Step:
    """Once every driver has ended in order, stop the rest; if they all succeeded, the job has finished."""
    ends = {snapshot.nodes[node].state for node in snapshot.drivers}
    if not ends or not ends <= {NodeState.SUCCEEDED, NodeState.STOPPED}:
        return snapshot, ()
    return _stop(snapshot, State.STOPPED if NodeState.STOPPED in ends else State.FINISHED)


def _stay(snapshot: Snapshot) -> Step:
    return snapshot, ()


end_in_gang = leads_to(State.STOPPING, State.FAILOVER, State.FAILED)(_ending(_weigh, _stop_if_driven_home))
loss_in_gang = leads_to(State.FAILOVER, State.FAILED)(_ending(_weigh, _stay))
end_in_failover = leads_to(State.STOPPING, State.FAILED)(
    _ending(_give_up_if_beyond_repair, _stop_if_driven_home)
)
loss_in_failover = leads_to(State.FAILED)(_ending(_give_up_if_beyond_repair, _stay))


@leads_to(State.FAILOVER, State.FAILED)
def settled(snapshot: Snapshot, _event: SettleElapsed) -> Step:
    """No first cause has come; decide by what is known."""
    return _decide(snapshot)


@leads_to(State.INIT, State.RUNNING)
def restart(snapshot: Snapshot, _event: BackoffElapsed) -> Step:
    """The back-off is over: tell those that start over, and wait for the gang again."""
    nodes = failover.to_restart(snapshot)
    commands: list[Command] = [Schedule(GangTimeout(), snapshot.timeouts.gang)]
    for node in nodes:
        token = replace(snapshot.nodes[node].token, process=snapshot.nodes[node].token.process + 1)
        snapshot = snapshot.with_node(node, token=token, state=NodeState.ABSENT, address="")
        commands.append(Tell(node, wire.Restart(token)))
    after, more = start_if_complete(replace(snapshot, state=State.INIT, failures=()))
    return after, (*commands, *more) if after.state is State.INIT else more


# -- the end ------------------------------------------------------------------------------------------------


@leads_to(State.STOPPING)
def stop_on_request(snapshot: Snapshot, _event: StopRequested) -> Step:
    """Stop everybody in good order."""
    return _stop(snapshot, State.STOPPED)


def _stop(snapshot: Snapshot, outcome: State) -> Step:
    """Let go who was held, stop what lives, wait for it; agents may need their grace and a moment more."""
    held = (Tell(node, wire.Finish()) for node in snapshot.nodes if _is_held(snapshot, node))
    stops = (Tell(node, wire.StopNode()) for node in snapshot.in_state(*LIVE))
    grace = snapshot.timeouts.stop_grace + snapshot.timeouts.heartbeat_interval
    wait = timedelta() if snapshot.has_ended else grace
    after = replace(snapshot, state=State.STOPPING, outcome=outcome)
    return after, (*held, *stops, Schedule(GraceElapsed(), wait))


def _conclude_if_ended(snapshot: Snapshot) -> Step:
    return _conclude(snapshot) if snapshot.has_ended else (snapshot, ())


def _conclude(snapshot: Snapshot) -> Step:
    """Whoever is overdue may go without another word, and counts as stopped."""
    outcome = snapshot.outcome or State.STOPPED
    overdue = snapshot.in_state(*LIVE, NodeState.LOST)
    for node in snapshot.in_state(*LIVE):
        snapshot = snapshot.with_node(node, state=NodeState.STOPPED)
    dismissals = tuple(Tell(node, wire.Finish()) for node in overdue)
    return replace(snapshot, state=outcome), (*dismissals, Conclude(outcome))


def _departing(then: Callable[[Snapshot], Step]) -> Callable[[Snapshot, Ended | NodeLost], Step]:
    """Nobody will be started again: take the end down and let the node go."""

    def depart(snapshot: Snapshot, event: Ended | NodeLost) -> Step:
        if not _is_news(snapshot, event):
            return snapshot, ()
        after, commands = then(_noted(snapshot, event))
        return after, (*_dismissal(event), *commands)

    return depart


end_while_stopping = leads_to(State.FINISHED, State.STOPPED)(_departing(_conclude_if_ended))
end_after_conclusion = leads_to()(_departing(_stay))


@leads_to()
def end_after_failure(snapshot: Snapshot, event: Ended | NodeLost) -> Step:
    """The node was told to abort, which says all."""
    return (_noted(snapshot, event) if _is_news(snapshot, event) else snapshot), ()


@leads_to(State.FINISHED, State.STOPPED)
def grace_over(snapshot: Snapshot, _event: GraceElapsed) -> Step:
    """Whoever has not ended by now will not."""
    return _conclude(snapshot)


@leads_to()
def nothing_to_do(snapshot: Snapshot, _event: Event) -> Step:
    """The end is decided already."""
    return snapshot, ()


def _fail(snapshot: Snapshot, cause: str) -> Step:
    aborts = tuple(Tell(node, wire.Abort(cause)) for node in snapshot.nodes)
    return replace(snapshot, state=State.FAILED, first_cause=cause), (*aborts, Conclude(State.FAILED, cause))


def _quoted(token: Token) -> str:
    return f"token {token.execution}.{token.process}"


def _after_restarts(snapshot: Snapshot) -> str:
    count = snapshot.restarts
    return f"after {count} restart{'s' if count > 1 else ''} in place" if count else ""
