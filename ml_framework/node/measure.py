"""What the agent measures of its process: by the page of counters, the queues' headers, and the kernel."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml_framework.context.counters import Count, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ml_framework.byte_queue import Level
    from ml_framework.context.counters import Counters
    from ml_framework.node.usage import Usage, Used

    Number = tuple[str, float]

_IN, _OUT = "in", "out"
_WAYS = {Phase.WAIT: _IN, Phase.DECODE: _IN, Phase.BLOCKED: _OUT, Phase.ENCODE: _OUT}
"""Phases that only nodes with such a queue can be in."""
_NS_PER_MS = 1e6


@dataclass(frozen=True)
class _Sample:
    """What was seen at one moment. `count` is None before the process counts, `used` once it is gone."""

    time_s: float
    count: Count | None
    used: Used | None
    bytes: Mapping[str, int]


class Measuring:
    """Measures one attempt at running a node's process.

    Args:
        counters: of the process.
        usage: of the process.
        levels: of the node's queues that carry rows, by ``in`` and ``out``.
        attempt: how often the node's process was started before.
        restarts: how often of that in place, since Flink has started the node.
    """

    def __init__(
        self, counters: Counters, usage: Usage, levels: Mapping[str, Level], *, attempt: int, restarts: int
    ) -> None:
        self._counters = counters
        self._usage = usage
        self._levels = levels
        self._attempt = attempt
        self._restarts = restarts
        self._start = self._positions()
        self._last = self._sample()

    def measure(self) -> dict[str, float]:
        """All numbers by name. Rates are over the time since the last call, totals over the attempt.

        What cannot be told is left out: the mean of no batches, the memory of a process that is gone.
        """
        before, self._last = self._last, self._sample()
        elapsed_s = max(self._last.time_s - before.time_s, 1e-9)
        return {
            "attempt": self._attempt,
            "restarts": self._restarts,
            **dict(self._queues(before, self._last, elapsed_s)),
            **dict(_usage(before.used, self._last.used, elapsed_s)),
            **dict(self._counted(before.count, self._last.count, elapsed_s)),
        }

    def totals(self) -> dict[str, float]:
        """`measure` without rates, for a process that has just ended."""
        return {name: value for name, value in self.measure().items() if not name.endswith("_per_second")}

    def _positions(self) -> dict[str, int]:
        """Bytes taken out of the in-queue, and put into the out-queue."""
        levels = self._levels.items()
        return {way: level.released if way == _IN else level.published for way, level in levels}

    def _sample(self) -> _Sample:
        moved = {way: position - self._start[way] for way, position in self._positions().items()}
        return _Sample(time.monotonic(), self._counters.read(), self._usage.read(), moved)

    def _queues(self, before: _Sample, now: _Sample, elapsed_s: float) -> Iterator[Number]:
        for way, level in self._levels.items():
            yield f"bytes_{way}", now.bytes[way]
            yield f"bytes_{way}_per_second", (now.bytes[way] - before.bytes[way]) / elapsed_s
            yield f"queue_{way}_fill", level.fill

    def _counted(self, before: Count | None, now: Count | None, elapsed_s: float) -> Iterator[Number]:
        if now is None:
            return
        before = before or Count()
        yield from self._spent(before.spent_ns, now.spent_ns, elapsed_s)
        for way, old, new in ((_IN, before.rows_in, now.rows_in), (_OUT, before.rows_out, now.rows_out)):
            if way in self._levels:
                yield f"rows_{way}", new
                yield f"rows_{way}_per_second", (new - old) / elapsed_s
        if batches := now.batches - before.batches:
            yield "batch_rows", (now.rows_in - before.rows_in) / batches
        if steps := now.steps - before.steps:
            yield "step_ms", (now.steps_ns - before.steps_ns) / steps / _NS_PER_MS
        if now.stall_ns is not None:
            yield "checkpoint_stall_ms", now.stall_ns / _NS_PER_MS
        if now.version is not None:
            yield "model_version", now.version

    def _spent(
        self, before: Mapping[Phase, int], now: Mapping[Phase, int], elapsed_s: float
    ) -> Iterator[Number]:
        ms = {phase: max(0, now[phase] - before[phase]) / _NS_PER_MS for phase in Phase}
        yield "compute_ms_per_second", (ms[Phase.USER] + ms[Phase.STEP]) / elapsed_s
        for phase, way in _WAYS.items():
            if way in self._levels:
                yield f"{phase.name.lower()}_ms_per_second", ms[phase] / elapsed_s


def _usage(before: Used | None, now: Used | None, elapsed_s: float) -> Iterator[Number]:
    if now is not None:
        yield "memory_bytes", now.memory_bytes
        yield "cpu_cores", max(0.0, now.cpu_s - (before.cpu_s if before else 0.0)) / elapsed_s
