"""The measurements: how many rows a second each contender scores, and how long a row takes."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.measure import Bench, percentiles, rates
from benchmarks.rows import Shape
from benchmarks.scoring import flights
from benchmarks.scoring.bare_loop import truth
from benchmarks.scoring.contenders import Subject, paced, rated
from benchmarks.scoring.models import MODELS
from benchmarks.scoring.server import served

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.contenders import Contender
    from benchmarks.jobs import Result


@contextmanager
def subjects(bench: Bench, models: Iterable[str] = MODELS) -> Iterator[list[Subject]]:
    """Some of `MODELS`, each with its files and its server."""
    rows = bench.folder / "rows.tsv"
    flights.write(rows)
    with ExitStack() as stack:
        found = []
        for number, model in enumerate(models):
            scores, weights = bench.folder / f"truth-{number}.txt", bench.folder / f"weights-{number}.pt"
            scores.write_text("".join(f"{score}\n" for score in truth(model).tolist()))
            torch.save(MODELS[model]().state_dict(), weights)
            shape = Shape(model, flights.COLUMNS, prepared=rows)
            found.append(Subject(model, shape, scores, weights, stack.enter_context(served(model))))
        yield found


def run(bench: Bench, contender: Contender, rows: int) -> Result:
    """Run one contender; its scores are compared with the truth.

    Raises:
        ValueError: a row was lost, or came with a wrong score or out of order.
    """
    job = bench.job(contender, rows)
    contender.plan(job)
    result = job.run()
    found = result.receipt
    if (found["rows"], found["wrong"]) != (rows, 0):
        raise ValueError(f"{contender.name}, {contender.shape.name}: of {rows} rows {dict(found)}")
    return result


def throughput(bench: Bench, subject: Subject, rounds: int, share: float) -> list[dict[str, Any]]:
    """Rows a second of every contender."""
    return rates(bench, rated(subject), rounds, share, run)


def latency(bench: Bench, subject: Subject, rounds: int, rows: int) -> list[dict[str, Any]]:
    """How long a row takes at 1,000 rows a second, open loop: the median round of each contender.

    The contenders take turns, so that each meets a JVM that is warm and a machine that is noisy.
    """
    contenders = paced(subject, rows)
    receipts: list[list[dict[str, float]]] = [[] for _ in contenders]
    for turn in range(rounds):
        for contender, mine in zip(contenders, receipts, strict=True):
            print(f"  {subject.model}: {contender.name}, paced, round {turn + 1} of {rounds}", flush=True)
            mine.append(percentiles(run(bench, contender, rows).receipt))
    return [
        {
            "contender": contender.name,
            "rows": rows,
            "settings": contender.settings_text,
            **{name: median(receipt[name] for receipt in mine) for name in mine[0]},
        }
        for contender, mine in zip(contenders, receipts, strict=True)
    ]
