"""The benchmark of inference measures what it says: everybody scores the same rows, or is found out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import psutil
import pytest

from benchmarks.contenders import MAP, PANDAS
from benchmarks.measure import Bench
from benchmarks.rows import PERIOD, Shape
from benchmarks.scoring import flights
from benchmarks.scoring.bare_loop import truth
from benchmarks.scoring.contenders import BARE, HTTP, OURS, SQL, Subject, paced, rated
from benchmarks.scoring.measure import run, subjects
from benchmarks.scoring.models import FLIGHTS, HEAVIER, Alone, encode_row, encode_series
from benchmarks.scoring.server import served
from benchmarks.scoring.targets import figures, judge
from ml_framework.inference.runner import KEPT_MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.contenders import Contender

PACED_ROWS = 350


@pytest.fixture(scope="module")
def bench(gateway: None, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def subject(bench: Bench) -> Iterator[Subject]:
    with subjects(bench, (FLIGHTS,)) as (found,):
        yield found


def named(contenders: list[Contender], name: str) -> Contender:
    return next(contender for contender in contenders if contender.name == name)


def test_a_row_alone_and_a_batch_of_pandas_score_as_our_batches_do() -> None:
    """Every way in makes the same arguments of a row, unknown numbers included."""
    columns = flights.features()
    assert {name for name, values in columns.items() if None in values} >= {"wind_gust", "temp"}
    model, expected = Alone(FLIGHTS), truth(FLIGHTS)
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    alone = [model(*encode_row(row)).item() for row in rows[:50]]
    np.testing.assert_allclose(alone, expected[:50], atol=1e-5)
    series = {
        name: pd.Series(values, dtype=np.float32 if kind == "FLOAT" else None)
        for (name, kind), values in zip(flights.FEATURES, columns.values(), strict=True)
    }
    np.testing.assert_allclose(model(*encode_series(series)), expected, atol=1e-5)
    assert len(np.unique(expected)) > 0.99 * PERIOD  # a score tells which row it is of


def test_the_bare_loop_keeps_memory_as_our_process_does(tmp_path: Path) -> None:
    """It is the bound of what Flink costs, and nothing else may differ."""
    subject = Subject(FLIGHTS, Shape(FLIGHTS, flights.COLUMNS), tmp_path, tmp_path, url="")
    job = MagicMock(count=1, file=tmp_path / "receipt")
    named(rated(subject), BARE).plan(job)
    [(_, variables)] = [call.args for call in job.run_instead.call_args_list]
    assert variables == KEPT_MEMORY


@pytest.mark.flink
@pytest.mark.parametrize("name", [OURS, SQL, PANDAS, MAP, HTTP, BARE])
def test_everybody_scores_every_row(bench: Bench, subject: Subject, name: str) -> None:
    contender = replace(named(rated(subject), name), settings={})  # so that few rows are enough
    result = run(bench, contender, contender.rows_for(0.01))
    assert result.receipt["wrong"] == 0
    assert result.rows_per_s > 0


@pytest.mark.flink
@pytest.mark.parametrize("name", [OURS, SQL, HTTP, BARE])
def test_the_times_of_rows_that_come_at_a_pace(bench: Bench, subject: Subject, name: str) -> None:
    receipt = run(bench, named(paced(subject, PACED_ROWS), name), PACED_ROWS).receipt
    assert 0 < receipt["p50_ns"] <= receipt["p99_ns"] <= receipt["worst_ns"]


@pytest.mark.flink
def test_a_wrong_score_ends_the_benchmark(bench: Bench, subject: Subject) -> None:
    """The scores of the other rows are wrong in this place."""
    shifted = bench.folder / "shifted.txt"
    shifted.write_text("\n".join(np.roll(truth(FLIGHTS), 1).astype(str)))
    contender = named(rated(replace(subject, truth=shifted)), OURS)
    with pytest.raises(ValueError, match=r"our inference, flight model: of 600 rows .*'wrong': 59."):
        run(bench, contender, 600)


def test_the_server_ends_with_the_benchmark() -> None:
    """Also where it ends by an exception; one whose benchmark was killed sees the end of its input."""
    before, servers = set(psutil.Process().children()), set()

    def fail_while_served() -> None:
        with served(FLIGHTS) as url:
            servers.update(set(psutil.Process().children()) - before)
            raise KeyError(url)

    with pytest.raises(KeyError):
        fail_while_served()
    assert [server.is_running() for server in servers] == [False]


def test_a_server_that_does_not_start_is_told() -> None:
    with pytest.raises(RuntimeError, match="server of the unheard of does not start"), served("unheard of"):
        pass


def test_targets_are_about_the_model_of_the_demo() -> None:
    speeds = {OURS: 800.0, SQL: 500.0, PANDAS: 400.0, MAP: 4.0, HTTP: 2.0, BARE: 1000.0}
    waits = {OURS: (200.0, 900.0), PANDAS: (5000.0, 20_000.0)}
    measured = {
        "rates": [{"contender": name, "rows_per_s": speed} for name, speed in speeds.items()],
        "latency": [{"contender": name, "p50_us": p50, "p99_us": p99} for name, (p50, p99) in waits.items()],
    }
    heavier = {"rates": [{"contender": BARE, "rows_per_s": 100.0}]}
    found = {"models": {FLIGHTS: measured, HEAVIER: heavier}}
    assert {target["target"]: (target["measured"], target["met"]) for target in judge(found)} == {
        "rows/s, ours / process-mode map": (200.0, True),
        "rows/s, ours / pandas UDF": (2.0, False),
        "rows/s, ours / bare loop": (0.8, True),
        "rows/s, ML_PREDICT / our inference": (0.625, True),
        "rows/s, ML_PREDICT / HTTP call per row": (250.0, True),
        "p99 at 1,000 rows/s": (900.0, True),
        "p99 at 1,000 rows/s, ours / pandas UDF": (0.045, True),
    }
    assert list(figures(found).values()) == ["10.0 x", "400.0 x", "200 us", "900 us"]
