"""How fast rows come, and when the last one will."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_framework.rpc.wire import ClusterStatus, NodeStatus

_SPAN_S = 10.0


class Pace:
    """Rows that the nodes have read, over the time that it is told of; of one without input those it emitted.

    Args:
        total: rows that they will read; None where nobody knows.

    Attributes:
        total: the same.
        rows: read so far.
        per_second: over the last few seconds.
    """

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.rows = 0
        self.per_second = 0.0
        self._samples: deque[tuple[float, int]] = deque()

    def take(self, now_s: float, status: ClusterStatus) -> None:
        """Take in what the nodes had read at `now_s`; after a restart they begin anew."""
        rows = int(sum(_rows(node) for node in status.nodes))
        if rows < self.rows:
            self._samples.clear()
        self.rows = rows
        self._samples.append((now_s, rows))
        while now_s - self._samples[0][0] > _SPAN_S and len(self._samples) > 2:  # noqa: PLR2004 - of a slope
            self._samples.popleft()
        then_s, before = self._samples[0]
        self.per_second = (rows - before) / (now_s - then_s) if now_s > then_s else 0.0

    @property
    def share(self) -> float | None:
        """Of all rows, 0 to 1; None where nobody knows."""
        return None if not self.total else min(self.rows / self.total, 1.0)

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the last row has been read, at this pace; None where nobody knows."""
        if self.total is None or self.per_second <= 0:
            return None
        return max(self.total - self.rows, 0) / self.per_second


def _rows(node: NodeStatus) -> float:
    return node.measured.get("rows_in", node.measured.get("rows_out", 0.0))
