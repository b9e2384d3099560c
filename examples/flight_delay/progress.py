"""What the terminal shows while the job runs."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

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


def auc_text(value: float) -> str:
    """An AUC in three digits; a dash where there is none."""
    return "  -  " if math.isnan(value) else f"{value:.3f}"
