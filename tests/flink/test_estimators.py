"""Estimators: a table is fitted in a job of its own, and what came out of it transforms tables."""

from __future__ import annotations

import importlib
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pyflink.table import DataTypes
from pyflink.table.expressions import null_of
from support.flink import PROGRAMS, collect, make_flink
from support.pages import write_programs

from ml_operator import JobFailed, PlanError, Resources
from ml_operator.bridge import environment_options
from tf_integration import KerasEstimator
from torch_integration import TorchEstimator

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from ml_framework.rpc.wire import ClusterStatus

pytestmark = pytest.mark.flink

TYPES = {
    "flag": DataTypes.BOOLEAN(),
    "tiny": DataTypes.TINYINT(),
    "small": DataTypes.SMALLINT(),
    "whole": DataTypes.INT(),
    "large": DataTypes.BIGINT(),
    "single": DataTypes.FLOAT(),
    "double": DataTypes.DOUBLE(),
}
SQL = dict(zip(TYPES, ["BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE"], strict=True))
ANSWER = [("answer", DataTypes.FLOAT())]


def drawn(count: int) -> list[tuple[Any, ...]]:
    """Rows of a value of each type."""
    draw = random.Random(3)
    return [
        (draw.random() < 0.5, *(draw.randint(-3, 3) for _ in range(4)), draw.gauss(0, 1), draw.gauss(0, 1))
        for _ in range(count)
    ]


def line(row: Any) -> float:
    """2x + 1, where x is the sum of a row."""
    return float(2 * sum(row) + 1)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The models of PyTorch."""
    monkeypatch.syspath_prepend(PROGRAMS)
    return importlib.import_module("estimator_programs")


def in_a_fresh_process(model: str, path: Path, rows: list[Any], columns: dict[str, str]) -> list[Any]:
    """The rows as the saved model transforms them, in another interpreter and another JVM."""
    done = subprocess.run(
        [sys.executable, "-m", "estimator_programs"],
        input=json.dumps({"name": model, "path": str(path), "rows": rows, "columns": columns}),
        cwd=PROGRAMS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_torch_fits_every_type_and_a_fresh_process_transforms(tmp_path: Path, programs: ModuleType) -> None:
    """Columns one by one, each in its type; the model comes back in several rows and is saved by name."""
    flink = make_flink(parallelism=1)
    rows = drawn(256)
    table = flink.rows({**TYPES, "y": DataTypes.DOUBLE()}, [(*row, line(row)) for row in rows])
    statuses: list[ClusterStatus] = []
    estimator = TorchEstimator(
        programs.OfEachType,
        loss=programs.nn.functional.mse_loss,
        optimizer=programs.Adam,
        schedule=programs.Halving,
        inputs=[*TYPES],
        dtype=None,
        label="y",
        output=ANSWER,
        epochs=100,
        batch_size=64,
    )
    model = estimator.fit(table, statuses.append)
    assert len(model.losses) == 100
    assert model.losses[-1] < 1e-4
    assert model.losses[0] > 1
    assert statuses
    assert json.loads((model.save(tmp_path / "line") / "estimator.json").read_text())["factory"] == (
        "estimator_programs:OfEachType"
    )
    asked = [list(row) for row in drawn(20)]
    found = in_a_fresh_process("torch_integration:TorchModel", tmp_path / "line", asked, SQL)
    assert [row[:5] for row in found] == [row[:5] for row in asked]
    assert [row[-1] for row in found] == pytest.approx([line(row) for row in asked], abs=1e-2)
    assert model.module().ballast.tolist() == list(range(1_000_000))


def test_two_workers_fit_three_inputs_and_leave_the_environment_as_it_was(programs: ModuleType) -> None:
    """No checkpoint is taken while they do. Two tables are transformed in one job, and a null is refused."""
    flink = make_flink(parallelism=2, execution__checkpointing__interval="1 s")
    before = environment_options(flink.env).to_dict()
    columns = {"flag": DataTypes.BOOLEAN(), "large": DataTypes.BIGINT(), "single": DataTypes.FLOAT()}
    columns["three"] = DataTypes.ARRAY(DataTypes.DOUBLE(nullable=False))
    rows = [(row[0], row[4], row[5], [row[6], row[1] / 2, row[2] / 2]) for row in drawn(301)]
    labels = [round(line((*row[:3], *row[3]))) for row in rows]
    table = flink.rows(
        {**columns, "y": DataTypes.INT()}, [(*row, y) for row, y in zip(rows, labels, strict=True)]
    )
    model = TorchEstimator(
        programs.OfThree,
        loss=lambda answers, labels: (answers - labels).square(),
        optimizer=programs.Adam,
        inputs=["both", "single", "three"],
        groups={"both": ["flag", "large"], "three": 3},
        label="y",
        output=ANSWER,
        epochs=60,
        batch_size=32,
        parallelism=2,
    ).fit(table)
    assert environment_options(flink.env).to_dict() == before
    assert model.losses[-1] < 0.15 < model.losses[0]  # labels were rounded
    flink = make_flink(parallelism=1)
    three = [1.0, 2.0, 0.5]
    first = model.score(flink.rows(columns, [(True, 2, 0.5, three), (None, 2, 0.5, three)]))
    second = model.transform(flink.rows(columns, [(False, -2, 0.25, three)]))
    refused = first.refused.add_columns(null_of(ANSWER[0][1]).alias("answer"))
    same = [refused.flag, refused.large, refused.single, refused.answer, refused.error]
    answered = first.rows.union_all(second).add_columns(null_of(DataTypes.STRING()).alias("error"))
    found = sorted(collect(answered.union_all(refused.select(*same))), key=str)
    assert found[1] == (None, 2, 0.5, None, "flag is null")
    assert [(*row[:3], row[4]) for row in found[::2]] == [(False, -2, 0.25, None), (True, 2, 0.5, None)]
    assert [row[3] for row in found[::2]] == pytest.approx([4.5, 15.0], abs=0.5)


@pytest.fixture
def of_keras(programs: ModuleType) -> ModuleType:
    """The models of Keras."""
    return importlib.import_module("keras_programs")


def test_keras_fits_every_type_and_a_fresh_process_transforms(tmp_path: Path, of_keras: ModuleType) -> None:
    """All types in one group, and one more column: two inputs, a model that is made by a lambda."""
    flink = make_flink(parallelism=1)
    rows = drawn(256)
    table = flink.rows({**TYPES, "y": DataTypes.FLOAT()}, [(*row, line(row)) for row in rows])
    estimator = KerasEstimator(
        lambda: of_keras.of_two(),  # noqa: PLW0108 - which has no name
        loss="mse",
        optimizer=of_keras.decaying,
        inputs=["all", "whole"],
        groups={"all": [*TYPES]},
        label="y",
        output=ANSWER,
        epochs=100,
        batch_size=64,
    )
    model = estimator.fit(table)
    assert model.losses[-1] < 1e-4
    model.save(tmp_path / "line")
    asked = [list(row) for row in drawn(20)]
    found = in_a_fresh_process("tf_integration:KerasModel", tmp_path / "line", asked, SQL)
    assert [row[-1] for row in found] == pytest.approx([line(row) for row in asked], abs=1e-2)


def test_two_workers_of_keras_fit_and_transform_at_once(of_keras: ModuleType) -> None:
    """Of 97 rows one worker has more; the model is not saved, and the estimator not kept."""
    flink = make_flink(parallelism=1)
    rows = [(x / 10, 2 * x / 10 + 1) for x in range(97)]
    table = flink.rows({"x": DataTypes.DOUBLE(), "y": DataTypes.DOUBLE()}, rows)
    estimator = KerasEstimator(
        of_keras.of_one,
        loss="mean_squared_error",
        optimizer={"class_name": "Adam", "config": {"learning_rate": 0.1}},
        inputs=["x"],
        label="y",
        output=ANSWER,
        epochs=100,
        batch_size=16,
        parallelism=2,
    )
    found = collect(estimator.fit(table).transform(table))
    assert sorted(row[:2] for row in found) == rows
    assert [row[2] for row in found] == pytest.approx([row[1] for row in found], abs=1e-2)


def test_workers_get_what_they_ask_for(programs: ModuleType) -> None:
    """Which planning refuses where the cluster does not have it."""
    estimator = TorchEstimator(
        partial(programs.nn.Linear, 1, 1),
        loss=programs.nn.MSELoss(),
        optimizer=programs.Adam,
        inputs=["x"],
        label="y",
        output=ANSWER,
        resources=Resources(gpu=1),
    )
    flink = make_flink(parallelism=1)
    table = flink.rows({"x": DataTypes.FLOAT(), "y": DataTypes.FLOAT()}, [(1.0, 2.0)])
    with pytest.raises(PlanError, match="gpu"):
        estimator.fit(table)


@pytest.mark.parametrize(
    ("rows", "rate", "cause"),
    [
        (
            [(1.0, 1.0), (None, 1.0)],
            0.1,
            r"ValueError: column 'x' is null in a row to learn from",
        ),
        (
            [(1e18, 1.0), (2.0, 1.0)],
            1e20,
            r"ModelError: the loss is (inf|nan) in epoch \d of 5, step \d of 2: lower the learning rate",
        ),
    ],
)
def test_a_failed_job_tells_why(programs: ModuleType, rows: list[Any], rate: float, cause: str) -> None:
    """The first cause begins with the worker."""
    flink = make_flink(parallelism=1)
    estimator = TorchEstimator(
        partial(programs.nn.Linear, 1, 1),
        loss=programs.nn.MSELoss(),
        optimizer=partial(programs.torch.optim.SGD, lr=rate),
        inputs=["of x"],
        groups={"of x": ["x"]},
        label="y",
        output=ANSWER,
        epochs=5,
        batch_size=1,
    )
    with pytest.raises(JobFailed, match=r"worker\[0\] attempt 0: .*" + cause):
        estimator.fit(flink.rows({"x": DataTypes.DOUBLE(), "y": DataTypes.DOUBLE()}, rows))


def test_ctrl_c_ends_the_job_and_the_table_can_be_fitted_again(programs: ModuleType) -> None:
    """As in a notebook; the signal comes in the middle of a call into the JVM."""
    flink = make_flink(parallelism=1)
    table = flink.rows({"x": DataTypes.DOUBLE(), "y": DataTypes.DOUBLE()}, [(1.0, 3.0), (2.0, 5.0)])
    estimator = TorchEstimator(
        partial(programs.nn.Linear, 1, 1),
        loss=programs.nn.functional.mse_loss,
        optimizer=programs.Adam,
        inputs=["of x"],
        groups={"of x": ["x"]},
        label="y",
        output=ANSWER,
        epochs=1_000_000_000,
    )
    interrupts: list[threading.Timer] = []

    def interrupt(status: ClusterStatus) -> None:
        if not interrupts and any(node.numbers.get("epoch") for node in status.nodes):
            interrupts.append(threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)))
            interrupts[0].start()

    with pytest.raises(KeyboardInterrupt):
        estimator.fit(table, interrupt)
    assert len(replace(estimator, epochs=3).fit(table).losses) == 3


def test_the_page_about_estimators_shows_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its programs, one after the other."""
    write_programs("estimators.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    runpy.run_path("fit.py")
    found = runpy.run_path("transform.py")["found"]
    assert [row[:3] for row in found] == [("p", 3, 2.0), ("q", 5, 0.0)]
    assert [row[3] for row in found] == pytest.approx([5.0, 11.0], abs=0.05)
