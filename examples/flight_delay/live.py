"""What is seen of the scores while the job runs, and what follows from it: the next version of the model."""

from __future__ import annotations

import math
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc
from evaluation import RollingAuc
from progress import RowsLine, auc_text
from report import SCORE_TYPES, read_parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stages import Stages

SERVED_TYPES = {
    **SCORE_TYPES,
    "process": pa.int64(),
    "version": pa.int64(),
    "at": pa.timestamp("ms", tz="UTC"),
}
"""A scored flight, the process and the version of the model that have scored it, and when the sink got it."""


class Sink:
    """The scored flights that the job has committed: a file appears whole, once, with a checkpoint."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: set[Path] = set()
        self._tables = [pa.schema(SERVED_TYPES).empty_table()]

    def new(self) -> pa.Table:
        """Those that have come since the last call."""
        parts = sorted(set(self._folder.glob("part-*")) - self._read)
        self._read.update(parts)
        self._tables.append(read_parts(parts, SERVED_TYPES))
        return self._tables[-1]

    def all(self) -> pa.Table:
        """Those of all calls."""
        return pa.concat_tables(self._tables)


class Live:
    """Shows the scores as they come, and has the next version made of flights that are out.

    All of them: a version that learns from what has been scored can score none of it, so that nothing is
    measured with flights that it was learned from.

    Args:
        sink: where the scores come from.
        stages: which flights the next version learns from.
        release: makes and publishes it, in a thread of its own; returns when it was published, in seconds
            since the epoch.
        line: where to show them.
    """

    def __init__(self, sink: Sink, stages: Stages, release: Callable[[], float], line: RowsLine) -> None:
        self._sink = sink
        self._stages = stages
        self._release = release
        self._line = line
        self._thread = ThreadPoolExecutor(1, "release")
        self._released: Future[float] | None = None
        self._recent: defaultdict[int, RollingAuc] = defaultdict(RollingAuc)
        self._rows = 0
        self._to_learn_from = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def __call__(self, _status: object = None) -> None:
        """Look what has come."""
        rows = self._sink.new()
        self._rows += len(rows)
        self._to_learn_from += pc.sum(pc.less(rows["sched"], self._stages.release)).as_py() or 0
        for version in pc.unique(rows["version"]).to_pylist():
            of_it = rows.filter(pc.equal(rows["version"], version))
            self._recent[version].update(of_it["score"].to_numpy(), of_it["label"].to_numpy())
        if self._released is None and self._to_learn_from == self._stages.served_before_release:
            self._released = self._thread.submit(self._release)
        self._line.show(self._rows, self._told())

    @property
    def released_at(self) -> float:
        """When the next version was published; NaN where it was not. Raises what `release` has raised."""
        return math.nan if self._released is None else self._released.result()

    def _told(self) -> str:
        if not self._recent:
            return ""
        *older, (serving, recent) = sorted(self._recent.items())
        aside = [f"version {version} {_auc(auc)}" for version, auc in older]
        if self._released is not None and not self._released.done():
            aside.append(f"version {serving + 1} learns")
        told = f"version {serving} serves  latest AUC {_auc(recent)}"
        return told + (f" ({', '.join(aside)})" if aside else "")


def _auc(recent: RollingAuc) -> str:
    return auc_text(recent.of(recent.counts))
