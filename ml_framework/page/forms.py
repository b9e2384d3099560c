"""What the AM knows, as values for JSON: nodes as ``worker/1``, times in seconds since the epoch, no NaN."""

from __future__ import annotations

import codecs
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml_framework.page.view import Series, View
    from ml_framework.rpc.wire import AttemptEnd, LogPiece, NodeStatus


def status(view: View, began_s: float) -> dict[str, Any]:
    """The cluster as it is now; `began_s` tells one AM from the next at the same address."""
    cluster = view.status()
    return {
        "job": cluster.job,
        "state": cluster.state,
        "first_cause": cluster.first_cause,
        "restarts": cluster.restarts,
        "began_s": began_s,
        "now_s": time.time(),
        "nodes": list(map(node, cluster.nodes)),
        "transitions": [vars(transition) for transition in view.transitions()],
        "edges": view.edges(),
    }


def node(found: NodeStatus) -> dict[str, Any]:
    """A node as it is now."""
    return {
        "node": found.node.path,
        "name": str(found.node),
        "role": found.node.role,
        "index": found.node.index,
        "state": found.state.value,
        "attempt": found.token.attempt,
        "address": found.address,
        "pid": found.pid,
        "heartbeat_age_s": found.heartbeat_age_s,
        "log_dir": found.log_dir,
        "measured": {name: _finite(value) for name, value in found.measured.items()},
        "numbers": {name: _finite(value) for name, value in found.numbers.items()},
        "ends": [_end(end) for end in found.ends],
    }


def series(found: Series) -> dict[str, Any]:
    """Samples, by column."""
    return {
        "taken": found.taken,
        "times_s": found.times_s,
        "measured": _columns(found.measured),
        "numbers": _columns(found.numbers),
    }


def piece(found: LogPiece) -> dict[str, Any]:
    """A piece of a log as text; `next` is where to read on, before a character that is not whole yet."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(found.text)
    rest, _ = decoder.getstate()
    return {
        "text": text,
        "offset": found.offset,
        "next": found.offset + len(found.text) - len(rest),
        "size": found.size,
        "path": found.path,
    }


def _end(end: AttemptEnd) -> dict[str, Any]:
    return {
        "attempt": end.token.attempt,
        "outcome": end.outcome.value,
        "cause": end.cause,
        "time_s": end.time_s,
    }


def _columns(columns: Mapping[str, Sequence[float]]) -> dict[str, list[float | None]]:
    return {name: [_finite(value) for value in values] for name, values in columns.items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
