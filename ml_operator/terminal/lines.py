"""The state of the cluster as plain lines: now and then, and at once where something has happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_operator import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_framework.rpc.wire import ClusterStatus
    from ml_operator.terminal.flink import Checkpoints
    from ml_operator.terminal.pace import Pace

EVERY_S = 10.0


class Lines:
    """Says what is new."""

    def __init__(self) -> None:
        self._due_s = 0.0
        self._state = ""
        self._failures = 0

    def say(
        self, status: ClusterStatus, elapsed_s: float, pace: Pace, checkpoints: Checkpoints | None
    ) -> Iterator[str]:
        """The lines that are due after `elapsed_s` seconds."""
        failures = words.failures(status)
        yield from (f"{words.duration(elapsed_s)}  {failure}" for failure in failures[self._failures :])
        self._failures = len(failures)
        if status.state != self._state or elapsed_s >= self._due_s:
            self._state, self._due_s = status.state, elapsed_s + EVERY_S
            yield line(status, elapsed_s, pace, checkpoints)


def line(status: ClusterStatus, elapsed_s: float, pace: Pace, checkpoints: Checkpoints | None) -> str:
    """``0:00:12  flight-delay RUNNING  worker 2 running  120,000 rows, 25,000/s  loss 0.314``."""
    parts = [words.duration(elapsed_s), f"{status.job} {status.state}", words.nodes(status), _rows(pace)]
    parts += [words.restarts(status), words.checkpoints(checkpoints)]
    first = next((node for node in status.nodes if node.numbers), None)
    if first is not None:
        parts.append(f"{first.node}: {words.logged(first.numbers)}")
    return "  ".join(part for part in parts if part)


def _rows(pace: Pace) -> str:
    if not pace.rows:
        return ""
    told = f"{pace.rows:,} rows, {pace.per_second:,.0f}/s"
    if pace.share is not None:
        told += f", {words.percent(pace.share)}"
    if pace.remaining_s:
        told += f", {words.duration(pace.remaining_s)} to go"
    return told
