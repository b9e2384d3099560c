"""The example's SQL on a mini-cluster, with random scores in place of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dataset
import numpy as np
import pyarrow.compute as pc
import pytest
import report
import tables
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment
from sklearn.metrics import log_loss, roc_auc_score

if TYPE_CHECKING:
    from pathlib import Path

    from pyflink.table import Table

pytestmark = pytest.mark.flink


def with_scores(t_env: StreamTableEnvironment, departures: Table) -> Table:
    """The departures as the workers give them back, each with a random score."""
    t_env.create_temporary_view("departures", departures)
    names = ", ".join(f"`{name}`" for name in report.SCORE_TYPES if name != "score")
    return t_env.sql_query(f"SELECT {names}, CAST(RAND(7) AS FLOAT) AS score FROM departures")


@pytest.fixture(scope="module")
def written(gateway: None, first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one job has written: `departures`, `scores` and `weeks`."""
    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(1)
    t_env = StreamTableEnvironment.create(env)
    folder = tmp_path_factory.mktemp("written")
    departures = tables.departures(t_env, first)
    statements = tables.write_scores(t_env, with_scores(t_env, departures), folder)
    statements.add_insert(tables.csv_sink(folder / "departures"), departures)
    statements.execute().wait()
    return folder


def test_the_join_brings_every_departure_once_in_order_with_its_weather(written: Path, first: Path) -> None:
    expected = dataset.departures(first)
    found = report.read_csv(written / "departures", {field.name: field.type for field in expected.schema})
    assert found.equals(expected)
    assert pc.sum(pc.invert(found["has_weather"])).as_py() > 0


def test_no_score_is_lost_on_the_way_to_the_files_and_to_the_weeks(written: Path, first: Path) -> None:
    scored, weeks = report.read_scores(written / "scores"), report.read_weeks(written / "weeks")
    report.check(scored, weeks, dataset.departures(first))


def test_the_weeks_hold_exact_metrics_of_every_score(written: Path) -> None:
    scored = report.read_scores(written / "scores")
    for week in report.read_weeks(written / "weeks").to_pylist():
        start, end = week["window_start"], week["window_end"]
        inside = scored.filter((pc.field("sched") >= start) & (pc.field("sched") < end))
        late, score = inside["label"].to_numpy(), inside["score"].to_numpy().astype(np.float64)
        assert (week["flights"], week["late"]) == (len(inside), late.sum())
        assert week["auc"] == pytest.approx(roc_auc_score(late, score), abs=1e-6)
        assert week["log_loss"] == pytest.approx(log_loss(late, score), abs=1e-6)
        assert week["predicted"] == pytest.approx(score.mean())
        assert week["observed"] == pytest.approx(late.mean())
