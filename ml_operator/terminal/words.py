"""Numbers and nodes in words, the same in the table and in plain lines."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ml_framework.rpc.wire import ClusterStatus, NodeStatus

ABSENT = "–"
_LARGEST_WHOLE = 1e15


def number(value: float) -> str:
    """``120,000`` or ``0.314``: a whole number in full, another with four digits."""
    if value == value // 1 and abs(value) < _LARGEST_WHOLE:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """``0:01:02``."""
    return str(timedelta(seconds=round(seconds)))


def measured(node: NodeStatus, name: str, form: str = "{:,.0f}", scale: float = 1.0) -> str:
    """What the agent has measured, a dash where it has not."""
    value = node.measured.get(name)
    return ABSENT if value is None else form.format(value * scale)


def logged(numbers: Mapping[str, float]) -> str:
    """``loss 0.314  epoch 3``: what user code has logged."""
    return "  ".join(f"{name} {number(value)}" for name, value in sorted(numbers.items()))


def nodes(status: ClusterStatus) -> str:
    """``worker 2 running, ps 1 registered``: nodes by role and state."""
    by_role: dict[str, Counter[str]] = {}
    for node in status.nodes:
        by_role.setdefault(node.node.role, Counter())[node.state.value] += 1
    return ", ".join(f"{role} {_states(states.items())}" for role, states in by_role.items())


def failures(status: ClusterStatus) -> list[str]:
    """``worker[1] attempt 0 failed: ValueError: bad value``: the attempts that went wrong, oldest first."""
    ends = sorted(
        ((end, node.node) for node in status.nodes for end in node.ends if end.cause),
        key=lambda pair: pair[0].time_s,
    )
    return [f"{node} attempt {end.token.attempt} {end.outcome.value}: {end.cause}" for end, node in ends]


def _states(states: Iterable[tuple[str, int]]) -> str:
    return " ".join(f"{count} {state}" for state, count in states)
