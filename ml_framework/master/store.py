"""Facts about the nodes that change no state: what the status and the page show. All of it is bounded."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ml_framework.master.event import NodeLost
from ml_framework.master.samples import Samples
from ml_framework.master.state import LIVE
from ml_framework.rpc.wire import (
    AttemptEnd,
    ClusterStatus,
    Ended,
    Heartbeat,
    NodeEvent,
    NodeState,
    NodeStatus,
    Registered,
    Started,
    bounded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ml_framework.master.state import Snapshot
    from ml_framework.page.view import Series
    from ml_framework.spec import NodeId, Token

ENDS = 10
"""How many ended attempts of each node are remembered."""

_CAUSE_CHARS = 1000


@dataclass(frozen=True)
class Facts:
    """What one life of a node has told.

    Args:
        token: the life.
        heard_s: when it was last heard, on the executor's monotonic clock.
        numbers: the last value of every number that user code logged.
        measured: what the agent has measured last.
    """

    token: Token
    heard_s: float
    numbers: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)
    pid: int | None = None
    log_dir: str = ""


class NodeStore:
    """The latest facts of every node. Not thread-safe; it lives on the executor's loop.

    Args:
        wall_s: seconds since the epoch.
    """

    def __init__(self, wall_s: Callable[[], float] = time.time) -> None:
        self._wall_s = wall_s
        self._facts: dict[NodeId, Facts] = {}
        self._samples: defaultdict[NodeId, Samples] = defaultdict(Samples)
        self._ends: defaultdict[NodeId, deque[AttemptEnd]] = defaultdict(lambda: deque(maxlen=ENDS))

    def note(self, event: NodeEvent, now_s: float) -> None:
        """Take down what `event` tells, heard at `now_s`; a new token starts with a clean sheet."""
        known = self._facts.get(event.node)
        if known is None or isinstance(event, Registered):
            known = Facts(event.token, now_s)
        if event.token != known.token:
            return
        match event:
            case Heartbeat(numbers=numbers, measured=measured):
                known = replace(
                    known,
                    numbers=bounded({**known.numbers, **numbers}),
                    measured=bounded(measured) or known.measured,  # not in every heartbeat, but all of it
                )
                self._samples[event.node].take(known.measured, known.numbers, now_s, self._wall_s())
            case Started(pid=pid, log_dir=log_dir):
                known = replace(known, pid=pid, log_dir=log_dir)
            case Ended() | NodeLost():
                self._ends[event.node].append(_end(event, self._wall_s()))
        self._facts[event.node] = replace(known, heard_s=now_s)

    def excuse(self, now_s: float) -> None:
        """Begin anew at `now_s` to count everybody's silence."""
        self._facts = {node: replace(facts, heard_s=now_s) for node, facts in self._facts.items()}

    def series(self, node: NodeId, after: int) -> Series | None:
        """The samples of `node` behind its first `after` ones, None where it has none."""
        return self._samples[node].after(after) if node in self._samples else None

    def why_no_log(self, snapshot: Snapshot, node: NodeId) -> str:
        """Why a node that is not attended cannot be asked for its log, and where that lies."""
        facts = self._facts.get(node)
        place = f"; its log is in {facts.log_dir} on its host" if facts is not None and facts.log_dir else ""
        return f"{node} is {snapshot.nodes[node].state} and not attended{place}"

    def last_heard_s(self, snapshot: Snapshot) -> dict[NodeId, float]:
        """When each node whose silence matters was last heard."""
        return {node: self._facts[node].heard_s for node in snapshot.in_state(*LIVE) if node in self._facts}

    def status(self, snapshot: Snapshot, now_s: float) -> ClusterStatus:
        """The whole cluster, as the client sees it."""
        return ClusterStatus(
            job=snapshot.job.name,
            state=snapshot.state.value,
            first_cause=snapshot.first_cause,
            restarts=snapshot.restarts,
            nodes=tuple(self._node_status(snapshot, node, now_s) for node in snapshot.nodes),
            history=snapshot.history,
        )

    def _node_status(self, snapshot: Snapshot, node: NodeId, now_s: float) -> NodeStatus:
        record = snapshot.nodes[node]
        status = NodeStatus(
            node, record.token, record.state, record.address, ends=tuple(self._ends.get(node, ()))
        )
        facts = self._facts.get(node)
        if facts is None or facts.token != record.token:
            return status
        return replace(
            status,
            pid=facts.pid,
            heartbeat_age_s=now_s - facts.heard_s,
            numbers=facts.numbers,
            measured=facts.measured,
            log_dir=facts.log_dir,
        )


def _end(event: Ended | NodeLost, wall_s: float) -> AttemptEnd:
    match event:
        case NodeLost(reason=reason, time_s=time_s):
            return AttemptEnd(event.token, NodeState.LOST, reason, time_s)
        case Ended(outcome=outcome, failure=failure):
            cause = "" if failure is None else failure.summary[:_CAUSE_CHARS]
            time_s = wall_s if failure is None else failure.time_s
            return AttemptEnd(event.token, NodeState(outcome.value), cause, time_s)
