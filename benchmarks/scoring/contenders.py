"""Who is measured: our inference, PyFlink's ways to run Python, a server beside Flink, and the bare loop."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from pyflink.common import Types
from pyflink.table import DataTypes, Table
from pyflink.table.expressions import col
from pyflink.table.udf import udf

from benchmarks.contenders import (
    BUNDLE_SIZE,
    BUNDLE_TIME,
    MAP,
    NO_BUFFERING,
    PANDAS,
    SHORT_BUNDLES,
    Contender,
)
from benchmarks.scoring import models
from benchmarks.scoring.bare_loop import warm_up
from benchmarks.scoring.flights import FEATURES
from benchmarks.scoring.functions import ScoreRow, ScoreSeries
from benchmarks.scoring.models import FLIGHTS, GROUPS, HEAVIER, MODELS, encode
from ml_framework.inference.runner import KEPT_MEMORY
from ml_operator import MLJob
from ml_operator.sql import use_models
from torch_integration import inference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from benchmarks.jobs import Job
    from benchmarks.rows import Shape

Score: TypeAlias = "Callable[[Job, Table], Table]"
"""Plans what makes ``(id, score)`` of the rows."""

OURS = "our inference"
SQL = "our ML_PREDICT"
HTTP = "HTTP call per row"
BARE = "bare loop, no Flink"

_SCORE = ("score", DataTypes.FLOAT())
_WAYS = ("there and back",)
_INTERVAL_NS = 1_000_000
"""Of the rows that come at a pace: 1,000 a second."""
_MAX_BATCH = 16_384
_CAPACITY = 64
_SQL_BATCH = 1024
_IN_FLIGHT = {"max-concurrent-operations": str(3 * _SQL_BATCH), "timeout": "0 s"}
"""For rows of `ML_PREDICT`: Flink's ten leave nothing to be batched, and each time-out is a timer.

A batch is scored, one waits, one is made or taken apart; more than these fall out of the caches.
"""
_ROWS = {
    FLIGHTS: {
        OURS: 9_000_000,
        SQL: 18_000_000,
        PANDAS: 3_600_000,
        MAP: 30_000,
        HTTP: 18_000,
        BARE: 9_000_000,
    },
    HEAVIER: {OURS: 600_000, SQL: 600_000, PANDAS: 1_200_000, MAP: 24_000, HTTP: 12_000, BARE: 600_000},
}
"""For runs of a few seconds."""
_BUNDLES = {"python.fn-execution.arrow.batch.size": "20000", BUNDLE_SIZE: "200000", BUNDLE_TIME: "10000"}
_ROW_BUNDLES = {BUNDLE_SIZE: "1000", BUNDLE_TIME: "10000"}


@dataclass(frozen=True)
class Subject:
    """A model, and what belongs to it.

    Args:
        model: one of `MODELS`.
        shape: of the rows.
        truth: file with the score of each distinct row.
        weights: file with its state dict.
        url: of the server that has it.
    """

    model: str
    shape: Shape
    truth: Path
    weights: Path
    url: str


def rated(subject: Subject) -> list[Contender]:
    """Everybody, as fast as can be."""
    ours = partial(_ours, subject, max_batch=_MAX_BATCH)
    return [
        _rated(subject, OURS, ours, notes=f"max_batch={_MAX_BATCH}, 2 groups, threads=1"),
        _rated(
            subject,
            SQL,
            partial(_sql, subject, {"max-batch": str(_SQL_BATCH)}),
            notes=f"max-batch={_SQL_BATCH}, {_listed(_IN_FLIGHT)}, 2 groups, threads=1",
        ),
        _rated(subject, PANDAS, partial(_pandas, subject), _BUNDLES),
        _rated(subject, MAP, partial(_map, subject), _ROW_BUNDLES),
        _rated(subject, HTTP, partial(_http, subject), notes=f"orderedWait, capacity={_CAPACITY}"),
        _contender(
            subject, BARE, partial(_bare, subject, _MAX_BATCH, 0), notes=f"batches of {_MAX_BATCH}, threads=1"
        ),
    ]


def paced(subject: Subject, rows: int) -> list[Contender]:
    """Everybody at 1,000 rows a second, of which the first ones warm up."""
    return [
        _paced(subject, rows, OURS, partial(_ours, subject), notes="2 groups, threads=1"),
        _paced(
            subject,
            rows,
            SQL,
            partial(_sql, subject, {}),
            notes=f"{_listed(_IN_FLIGHT)}, 2 groups, threads=1",
        ),
        _paced(subject, rows, PANDAS, partial(_pandas, subject), settings=SHORT_BUNDLES),
        _paced(subject, rows, MAP, partial(_map, subject), settings=SHORT_BUNDLES),
        _paced(subject, rows, HTTP, partial(_http, subject), notes=f"orderedWait, capacity={_CAPACITY}"),
        _contender(subject, BARE, partial(_bare, subject, 1, _INTERVAL_NS), rows=rows, notes="threads=1"),
    ]


def _contender(
    subject: Subject,
    name: str,
    plan: Callable[[Job], None],
    *,
    rows: int | None = None,
    settings: Mapping[str, str] | None = None,
    notes: str = "",
) -> Contender:
    rows = rows or _ROWS[subject.model][name]
    return Contender(name, subject.shape, plan, _WAYS, rows, settings or {}, notes)


def _rated(
    subject: Subject, name: str, score: Score, settings: Mapping[str, str] | None = None, notes: str = ""
) -> Contender:
    def plan(job: Job) -> None:
        job.receive_scores(score(job, job.rows()), subject.truth)

    return _contender(subject, name, plan, settings=settings, notes=notes)


def _paced(
    subject: Subject,
    rows: int,
    name: str,
    score: Score,
    *,
    settings: Mapping[str, str] | None = None,
    notes: str = "",
) -> Contender:
    def plan(job: Job) -> None:
        scores = score(job, job.paced_rows(_INTERVAL_NS))
        job.receive_paced_scores(scores, subject.truth, warm_up(job.count))

    return _contender(
        subject, name, plan, rows=rows, settings={**NO_BUFFERING, **(settings or {})}, notes=notes
    )


def _ours(subject: Subject, job: Job, table: Table, **options: Any) -> Table:
    ml_job = MLJob(job.env, "bench", table_env=job.tables)
    ml_job.add_am_role()
    scored = inference(
        ml_job,
        table,
        subject.weights,
        factory=MODELS[subject.model],
        preprocess=encode,
        groups=GROUPS,
        output=[_SCORE],
        carry=["id"],
        threads=1,
        **options,
    )
    return scored.rows


def _sql(subject: Subject, options: Mapping[str, str], job: Job, table: Table) -> Table:
    use_models(job.tables)
    job.tables.create_temporary_view("flights", table)
    said = {
        "provider": "ml-on-flink",
        "path": str(subject.weights),
        "format": "state-dict",
        "factory": f"{models.__name__}:{MODELS[subject.model].__name__}",
        "preprocess": f"{models.__name__}:{encode.__name__}",
        "groups": "; ".join(f"{name}={','.join(columns)}" for name, columns in GROUPS.items()),
        "threads": "1",
        **options,
    }
    features = ", ".join(f"`{name}` {kind}" for name, kind in FEATURES)
    job.tables.execute_sql(
        f"CREATE TEMPORARY MODEL delay INPUT ({features}) OUTPUT (score FLOAT) "
        f"WITH ({_listed(said, quote=True)})"
    )
    names = ", ".join(f"`{name}`" for name, _ in FEATURES)
    in_flight = ", ".join(f"'{key}', '{value}'" for key, value in _IN_FLIGHT.items())
    return job.tables.sql_query(
        f"SELECT id, score FROM ML_PREDICT(TABLE flights, MODEL delay, DESCRIPTOR({names}), MAP[{in_flight}])"
    )


def _listed(options: Mapping[str, str], *, quote: bool = False) -> str:
    mark = "'" if quote else ""
    return ", ".join(f"{mark}{key}{mark}={mark}{value}{mark}" for key, value in options.items())


def _pandas(subject: Subject, job: Job, table: Table) -> Table:
    *features, last = map(col, job.shape.names)
    score = udf(ScoreSeries(subject.model), result_type=_SCORE[1], func_type="pandas")
    return table.select(last, score(*features).alias(_SCORE[0]))


def _map(subject: Subject, job: Job, table: Table) -> Table:
    """A `DataStream` of rows, one call a row."""
    scored = Types.ROW_NAMED(["id", _SCORE[0]], [Types.LONG(), Types.FLOAT()])
    stream = job.stream(table).map(ScoreRow(subject.model), output_type=scored)
    return job.tables.from_data_stream(stream)


def _http(subject: Subject, job: Job, table: Table) -> Table:
    return job.ask(table, subject.url, _CAPACITY)


def _bare(subject: Subject, batch_rows: int, interval_ns: int, job: Job) -> None:
    numbers = map(str, (job.count, batch_rows, interval_ns))
    job.run_instead(
        [sys.executable, "-m", "benchmarks.scoring.bare_loop", subject.model, str(job.file), *numbers],
        KEPT_MEMORY,  # as our process has it: else the bound would be lower than what it bounds
    )
