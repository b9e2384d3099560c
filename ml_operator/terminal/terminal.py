"""`Terminal`: shows the state of a cluster while its job runs, and what was left at the end."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live

from ml_operator import words
from ml_operator.terminal.lines import Lines
from ml_operator.terminal.pace import Pace
from ml_operator.terminal.table import render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from ml_framework.rpc.wire import ClusterStatus
    from ml_operator.terminal.flink import FlinkJob


class Terminal:
    """Shows the state of a cluster. A context manager, for one thread.

    Args:
        rows: that the nodes will read together, where somebody knows: for the bar and the time to go.
        flink: tells of checkpoints, and why the job was started again; None where nobody can be asked.
        console: where to show it; None takes standard error.
        clock: seconds that only grow.

    Attributes:
        last: what was shown last; None before the first.
    """

    def __init__(
        self,
        rows: int | None = None,
        flink: FlinkJob | None = None,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(file=sys.stderr, soft_wrap=not sys.stderr.isatty())
        self._flink = flink
        self._clock = clock
        self._began_s = clock()
        self._pace = Pace(rows)
        self._lines = Lines()
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self.last: ClusterStatus | None = None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        if self.last is not None:
            self._print(self._summary(self.last, "finished" if error is None else "ended"))

    def tell(self, lines: Iterable[str]) -> None:
        """Print `lines`, above what changes."""
        for line in lines:
            self._print(line)

    def show(self, status: ClusterStatus) -> None:
        """Show `status`."""
        if self.last is not None and _execution(status) > _execution(self.last):
            self._print(self._started_again(status.job))
        self.last = status
        self._pace.take(self._clock(), status)
        checkpoints = None if self._flink is None else self._flink.checkpoints()
        if self._live is not None:
            self._live.update(render(status, self._elapsed_s, self._pace, checkpoints), refresh=True)
        else:
            self.tell(self._lines.say(status, self._elapsed_s, self._pace, checkpoints))

    @property
    def _elapsed_s(self) -> float:
        return self._clock() - self._began_s

    def _started_again(self, job: str) -> str:
        cause = None if self._flink is None else self._flink.last_failure()
        told = f"{job} has failed, and Flink has started it again; Ctrl-C ends it"
        return f"{told}. The cause: {cause}" if cause else told

    def _summary(self, last: ClusterStatus, how: str) -> str:
        told = [f"{last.job} {how} after {words.duration(self._elapsed_s)}"]
        if self._pace.rows:
            told.append(f"{self._pace.rows:,} rows read")
        if last.restarts:
            told.append(f"{last.restarts} restart{'s' if last.restarts > 1 else ''}")
        folders = sorted({node.log_dir.rpartition("/")[0] for node in last.nodes if node.log_dir})
        if folders:
            told.append(f"logs in {', '.join(folders)}")
        return "; ".join(told)

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


def _execution(status: ClusterStatus) -> int:
    """Flink's attempt at the job."""
    return max((node.token.execution for node in status.nodes), default=0)
