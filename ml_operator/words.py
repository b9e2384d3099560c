"""Numbers and nodes in words, the same wherever they are shown: in the terminal, and by the command line."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ml_framework.rpc.wire import ClusterStatus, NodeStatus
    from ml_operator.terminal.flink import Checkpoints

ABSENT = "–"
_LARGEST_WHOLE = 1e15
_UNITS = ("", "k", "M", "G", "T")
_STEP = 1000
_AGES = (("d", 86_400), ("h", 3600), ("min", 60))


def number(value: float) -> str:
    """``120,000`` or ``0.314``: a whole number in full, another with four digits."""
    if value == value // 1 and abs(value) < _LARGEST_WHOLE:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def amount(value: float | None, unit: str = "") -> str:
    """`value` in three digits or so, with k, M, G or T for its thousands; a dash for None."""
    if value is None:
        return ABSENT
    scaled, step = float(value), 0
    while abs(scaled) >= _STEP - 0.5 and step < len(_UNITS) - 1:  # what would be written as 1000
        scaled, step = scaled / _STEP, step + 1
    return f"{scaled:.3g}{' ' if unit else ''}{_UNITS[step]}{unit}"


def percent(share: float | None) -> str:
    """``42 %`` for 0.42; a dash for None."""
    return ABSENT if share is None else f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """``0:01:02``."""
    return str(timedelta(seconds=round(seconds)))


def age(seconds: float) -> str:
    """A time in its largest unit: ``3 min``."""
    for unit, length in _AGES:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def whole(value: float | None) -> str:
    """``120,000``; a dash for None."""
    return ABSENT if value is None else f"{value:,.0f}"


def spent(node: NodeStatus, phase: str) -> str:
    """The share of the last second that the process has spent so: ``wait``, ``compute`` or ``blocked``."""
    ms_per_second = node.measured.get(f"{phase}_ms_per_second")
    return percent(None if ms_per_second is None else ms_per_second / 1000)


def logged(numbers: Mapping[str, float]) -> str:
    """``loss 0.314  epoch 3``: what user code has logged."""
    return "  ".join(f"{name} {number(value)}" for name, value in sorted(numbers.items()))


def nodes(status: ClusterStatus) -> str:
    """``worker 2 running, ps 1 registered``: nodes by role and state."""
    by_role: dict[str, Counter[str]] = {}
    for node in status.nodes:
        by_role.setdefault(node.node.role, Counter())[node.state.value] += 1
    return ", ".join(f"{role} {_states(states.items())}" for role, states in by_role.items())


def restarts(status: ClusterStatus) -> str:
    """``restarts 2``, of those in place; empty where there was none."""
    return f"restarts {status.restarts}" if status.restarts else ""


def checkpoints(seen: Checkpoints | None) -> str:
    """``checkpoints 12, 1 failed, last 0.31 s``; empty where there was none, or nobody knows."""
    if seen is None or not seen.completed + seen.failed:
        return ""
    told = [f"checkpoints {seen.completed:,}"]
    if seen.failed:
        told.append(f"{seen.failed:,} failed")
    if seen.last_s is not None:
        told.append(f"last {number(seen.last_s)} s")
    return ", ".join(told)


def failures(status: ClusterStatus) -> list[str]:
    """``worker[1] attempt 0 failed: ValueError: bad value``: the attempts that went wrong, oldest first."""
    ends = sorted(
        ((end, node.node) for node in status.nodes for end in node.ends if end.cause),
        key=lambda pair: pair[0].time_s,
    )
    return [f"{node} attempt {end.token.attempt} {end.outcome.value}: {end.cause}" for end, node in ends]


def _states(states: Iterable[tuple[str, int]]) -> str:
    return " ".join(f"{count} {state}" for state, count in states)
