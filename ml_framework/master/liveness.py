"""Who has fallen silent, and when to look next. Pure; times are seconds of one monotonic clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_framework.spec import NodeId


def lost(last_heard_s: Mapping[NodeId, float], now_s: float, limit_s: float) -> tuple[NodeId, ...]:
    """The nodes that have been silent for `limit_s` or longer, the most silent first."""
    silent = (node for node, heard_s in last_heard_s.items() if now_s >= heard_s + limit_s)
    return tuple(sorted(silent, key=lambda node: (last_heard_s[node], node)))


def next_deadline(last_heard_s: Mapping[NodeId, float], limit_s: float) -> float | None:
    """When the next node would be lost if none were heard again; None without nodes."""
    return min(last_heard_s.values()) + limit_s if last_heard_s else None


def has_stalled(due_s: float, now_s: float, tolerance_s: float) -> bool:
    """Whether the listener itself did not run, as it looks only at `now_s` at what was due at `due_s`.

    What was sent to it meanwhile has not been read yet, so that the silence is nobody's.
    """
    return now_s - due_s > tolerance_s
