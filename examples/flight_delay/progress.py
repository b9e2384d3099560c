"""What the terminal shows while the job runs."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Any

_RATE_SPAN_S = 5.0


class RowsLine:
    """Shows how many rows there are, and how many a second.

    On a terminal one line that changes, elsewhere a line for every tenth of the rows.

    Args:
        total: rows that will come.
        console: where to show it.
        clock: seconds that only grow.
    """

    def __init__(
        self, total: int, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._console = console or Console()
        self._clock = clock
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._samples: deque[tuple[float, float]] = deque()
        self._tenths = -1

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, rows: float, told: str) -> None:
        """Show the rows until now, and behind them what else is told."""
        line = self._line(rows) + told
        tenths = int(10 * rows / max(self._total, 1))
        if self._console.is_terminal:
            self._live.update(line, refresh=True)
        elif tenths > self._tenths:
            self._console.print(line, soft_wrap=True)
        self._tenths = max(tenths, self._tenths)

    def _line(self, rows: float) -> str:
        done = 100 * rows / max(self._total, 1)
        return f"{done:4.0f} %  {rows:9,.0f} of {self._total:,} flights  {self._rate(rows):7,.0f}/s  "

    def _rate(self, rows: float) -> float:
        """Rows a second over the last few seconds."""
        now = self._clock()
        self._samples.append((now, rows))
        while now - self._samples[0][0] > _RATE_SPAN_S and len(self._samples) > 2:
            self._samples.popleft()
        then, before = self._samples[0]
        return (rows - before) / (now - then) if now > then else 0.0


class Progress(RowsLine):
    """Takes the status of the cluster, shows rows, rows a second and the AUC of the latest scores."""

    def __call__(self, status: Any) -> None:
        """Show a `ClusterStatus`."""
        nodes = [node for node in status.nodes if node.node.role == "worker"]
        workers = {node.node.index: node.numbers for node in nodes}
        rows = sum(node.measured.get("rows_out", 0.0) for node in nodes)
        own = {index: numbers for index, numbers in sorted(workers.items()) if "auc" in numbers}
        each = ", ".join(f"worker {index} {_auc(numbers, 'auc')}" for index, numbers in own.items())
        of_all = _auc(workers.get(0, {}), "auc_of_all")
        self.show(rows, f"latest AUC {of_all}" + (f" ({each})" if each else ""))


def _auc(numbers: Mapping[str, float], name: str) -> str:
    return auc_text(numbers.get(name, math.nan))


def auc_text(value: float) -> str:
    """An AUC in three digits; a dash where there is none."""
    return "  -  " if math.isnan(value) else f"{value:.3f}"
