"""`TFContext` of a worker that is alone, and of an evaluator beside it, in one cluster."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_framework.codec import Schema, plan_layout
from ml_framework.config import Timeouts
from ml_framework.runner import Program
from ml_framework.spec import RoleKind, RoleSpec
from ml_framework.testing.local_cluster import LocalCluster, LocalRole
from ml_framework.testing.waiting import eventually
from tf_integration import TFRunner

HERE = Path(__file__).parent
GRACE = timedelta(seconds=60)
_COLUMNS = [
    ("id", "BIGINT NOT NULL"),
    ("name", "STRING"),
    ("score", "FLOAT"),
    ("flag", "BOOLEAN"),
    ("price", "DECIMAL(10, 2)"),
    ("at", "TIMESTAMP(3)"),
    ("blob", "BYTES"),
    ("embedding", "ARRAY<FLOAT NOT NULL>"),
    ("tags", "ARRAY<STRING>"),
]
_VALUES: dict[str, Any] = {
    "name": ["Ada", None],
    "score": [0.5, None],
    "flag": [True, None],
    "price": [Decimal("1.25"), None],
    "at": [1767323045678, None],
    "blob": [b"a\x00", None],
    "embedding": np.array([[1, 2], [3, 4]], np.float32),
    "tags": [["x", "yz"], None],
}


def role(  # noqa: PLR0917 - a line a role
    name: str, kind: RoleKind, folder: Path, entrypoint: str, layout: Any, codec: str
) -> LocalRole:
    """One node that runs a function of `tf_single`."""
    runner = TFRunner(f"tf_single:{entrypoint}", {"folder": str(folder)}, python_path=(str(HERE),))
    runner.validate(name)
    return LocalRole(RoleSpec(name, 1, kind), Program(runner, layout.to_json(), codec=codec))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the worker and the evaluator have found, and how the worker ended when it was asked to."""
    folder = tmp_path_factory.mktemp("run")
    layout = plan_layout(Schema.parse(_COLUMNS), {"embedding": 2})
    objects = plan_layout(Schema.parse([("line", "STRING")]))
    with LocalCluster(
        [
            role("worker", RoleKind.DRIVES, folder, "alone", layout, "columns"),
            role("evaluator", RoleKind.SIDE, folder, "beside", objects, "json"),
        ],
        timeouts=Timeouts(stop_grace=GRACE),
    ) as cluster:
        flink = cluster.nodes["worker", 0].flink
        assert flink is not None
        columns = {
            name: np.concatenate([values] * 4) if name == "embedding" else list(values) * 4
            for name, values in _VALUES.items()
        }
        flink.feed(timeout_s=60, id=np.arange(8), **columns)
        master = cluster.master.process
        eventually(lambda: "waits\n" in _log(cluster) or master.poll() is not None, timeout_s=60)
        assert master.poll() is None, cluster.wait().cause
        asked = time.monotonic()
        cluster.stop()
        outcome = cluster.wait(GRACE.total_seconds()).outcome
        took_s = time.monotonic() - asked
        log = _log(cluster)
    found = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("alone", "beside")}
    return {**found, "outcome": outcome, "took_s": took_s, "log": log}


def _log(cluster: LocalCluster) -> str:
    try:
        return cluster.log("worker")
    except FileNotFoundError:
        return ""


@pytest.fixture(scope="module")
def alone(run: dict[str, Any]) -> dict[str, Any]:
    """What the worker has found."""
    found: dict[str, Any] = run["alone"]
    return found


def test_a_worker_that_is_alone_needs_no_strategy(alone: dict[str, Any]) -> None:
    """Its scope changes nothing, so that the same program runs with one worker and with many."""
    assert (alone["strategy"], alone["replicas"]) == ("_DefaultDistributionStrategy", 1)
    assert (alone["device"], alone["place"]) == ("/device:CPU:0", [0, 1])


def test_elements_are_specified_by_the_layout(alone: dict[str, Any]) -> None:
    """With any number of rows, by the names and in the order of the schema."""
    assert alone["names"] == [name for name, _ in _COLUMNS]
    assert alone["specs"]["id"] == "TensorSpec(shape=(None,), dtype=tf.int64, name=None)"
    assert alone["specs"]["embedding"] == "TensorSpec(shape=(None, 2), dtype=tf.float32, name=None)"
    assert alone["specs"]["name"] == "TensorSpec(shape=(None,), dtype=tf.string, name=None)"
    assert alone["specs"]["tags"].startswith("RaggedTensorSpec(TensorShape([None, None]), tf.string, 1")


def test_columns_become_tensors(alone: dict[str, Any]) -> None:
    """A null is NaN among floats and decimals, and else zero or empty."""
    assert alone["values"] == {
        "name": ["Ada", ""],
        "score": [0.5, "NaN"],
        "flag": [True, False],
        "price": [1.25, "NaN"],
        "at": [1767323045678, 0],
        "blob": ["a\x00", ""],
        "embedding": [[1.0, 2.0], [3.0, 4.0]],
        "tags": [["x", "yz"], []],
    }
    assert alone["rows"] == [2, 2, 1]
    assert alone["weights"] == [1.0, 1.0]


def test_a_null_is_told_from_a_value(alone: dict[str, Any]) -> None:
    """In a dataset, in a batch by itself, and in a `tf.function`; a group has no nulls."""
    whole = {"id", "embedding"}
    expected = {name: [True, name in whole] for name, _ in _COLUMNS}
    assert alone["valid"] == [expected, expected, expected]


def test_a_look_takes_nothing_and_all_ways_of_reading_share_one_stream(alone: dict[str, Any]) -> None:
    """``next(iter(dataset))`` twice, then a `tf.function`, an iterator again, and `batches`."""
    assert alone["shown"] == [[0, 1], [0, 1]]
    assert alone["in_function"] == [[0, 1], [2, 3]]
    assert alone["eager"] == [[4, 5], [6, 7]]


def test_a_loss_that_is_reduced_already_is_refused(alone: dict[str, Any]) -> None:
    """The error tells the remedy."""
    assert 'give the loss function reduction="none"' in alone["scalar"]


@pytest.mark.parametrize("stage", ["shuffle", "prefetch", "batch", "map"])
def test_stages_behind_the_queue_are_refused(alone: dict[str, Any], stage: str) -> None:
    """They would hold rows; the error tells what to do instead."""
    assert alone["refused"][stage].startswith(f"ctx.dataset() takes no {stage}(): a stage behind the queue")
    assert "batch_size= and transform=" in alone["refused"][stage]


def test_loops_in_a_graph_are_refused(alone: dict[str, Any]) -> None:
    """They would ask for rows while a step is under way; the error names Keras's option."""
    assert "Leave steps_per_execution at 1" in alone["loop_refused"]


def test_models_are_replaced_whole(alone: dict[str, Any]) -> None:
    """A SavedModel in the place of another, and whatever `NodeContext.save_model` takes."""
    assert alone["module"] == 6.0
    assert (alone["bytes"], alone["written"]) == ("some", "more")
    assert {"bytes", "module", "written"} == {*alone["left"]} - {"beside.json", "beside.part"}


def test_a_worker_that_waits_for_rows_ends_when_it_is_asked(run: dict[str, Any]) -> None:
    """In good order, long before the grace is over, and its code is unwound."""
    assert run["outcome"] == "stopped"
    assert run["log"].splitlines()[-3:] == ["waits", "is stopped", "goodbye"]
    assert run["took_s"] < GRACE.total_seconds()


def test_an_evaluator_stands_aside(run: dict[str, Any]) -> None:
    """It is not part of the cluster that it is told of, and needs no strategy."""
    beside = run["beside"]
    assert beside["config"] == {
        "cluster": {"worker": beside["addresses"]["worker"]},
        "task": {"type": "evaluator", "index": 0},
    }
    assert (beside["strategy"], beside["place"]) == ("_DefaultDistributionStrategy", [0, 1])


def test_objects_are_no_dataset(run: dict[str, Any]) -> None:
    """Of a codec's objects there are no tensors; the error names the way."""
    assert run["beside"]["refused"].startswith("evaluator has codec 'json', whose objects are no tensors")
