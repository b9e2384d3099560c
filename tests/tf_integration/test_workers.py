"""Workers in processes of their own: uneven input hangs no step, and every row weighs the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
RANGES = [range(1000), range(1000, 1010)]
BATCH_SIZE = 16


@pytest.fixture(scope="module")
def run(
    program: Callable[..., Any],
    start: Callable[..., Any],
    feed: Callable[..., None],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """One run of two workers with 1000 and 10 rows; what they emitted, noted, printed and saved."""
    folder = tmp_path_factory.mktemp("run")
    with start(program("trains", batch_size=BATCH_SIZE, folder=str(folder)), 2) as cluster:
        nodes = [cluster.nodes["worker", index] for index in range(2)]
        for node, rows in zip(nodes, RANGES, strict=True):
            feed(node.flink, rows, frame=50)
        for node in nodes:
            node.flink.end(timeout_s=60)
        result = cluster.wait(100)
        emitted = [node.flink.rows() for node in nodes] if result.outcome == "finished" else []
        logs = [cluster.log("worker", index) for index in range(2)]
    assert result.outcome == "finished", result.cause
    steps = [json.loads((folder / f"steps-{rank}.json").read_text()) for rank in range(2)]
    return {"folder": folder, "emitted": emitted, "logs": logs, "steps": steps}


@pytest.fixture(scope="module")
def differences(run: dict[str, Any]) -> dict[str, Any]:
    """How far a fresh process that replays the run ends from it, and from what it loads."""
    done = subprocess.run(
        [sys.executable, str(HERE / "tf_replay.py"), str(run["folder"])],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_row_comes_once_and_in_order(run: dict[str, Any]) -> None:
    """Over the loop and `fit` together; what Keras looked at to build its model comes again."""
    for rank, rows in enumerate(RANGES):
        steps = run["steps"][rank]
        assert steps["fit"][0] == steps["fit"][1]
        ids = [row for own, _ in steps["loop"] + steps["fit"][1:] for row in own]
        assert ids == list(rows)
        assert run["emitted"][rank]["id"] == [row for own, _ in steps["loop"] for row in own]


def test_workers_take_the_same_steps(run: dict[str, Any]) -> None:
    """In each step both know how many rows there are, and one may have none."""
    for part in ("loop", "fit"):
        for both in zip(*(steps[part] for steps in run["steps"]), strict=True):
            assert {rows for _, rows in both} == {sum(len(ids) for ids, _ in both)}
    sizes = [len(ids) for ids, _ in run["steps"][1]["loop"]]
    assert sum(sizes) == len(RANGES[1])
    assert 0 in sizes
    full = [len(ids) for ids, _ in run["steps"][0]["loop"] + run["steps"][0]["fit"][1:] if ids]
    assert full == [BATCH_SIZE] * 62 + [8]


def test_fit_asks_for_rows_when_it_is_done_with_those_before(run: dict[str, Any]) -> None:
    """A checkpoint is answered when rows are asked for: none may be in a step that has not been taken."""
    for steps in run["steps"]:
        before = sum(len(ids) for ids, _ in steps["loop"])
        taken = accumulate((len(ids) for ids, _ in steps["fit"][1:]), initial=before)
        assert steps["read"] == [*taken][1:]


@pytest.mark.parametrize("part", ["given", "loop", "fit"])
def test_workers_learn_what_one_process_would(differences: dict[str, Any], part: str) -> None:
    """From batches of their own, in a loop with `mean_loss`, and with `fit`; both hold the same weights."""
    assert max(differences[part]) < 1e-9


@pytest.mark.parametrize("form", ["keras", "weights", "saved"])
def test_a_fresh_process_loads_what_was_saved(differences: dict[str, Any], form: str) -> None:
    """The model as Keras file, its weights, and a SavedModel that serves."""
    assert differences[form] < 1e-9


def test_only_whole_models_are_left(run: dict[str, Any]) -> None:
    """Rank 0 wrote them, rank 1 nothing, and nothing partial is left beside them."""
    names = {path.name for path in run["folder"].iterdir() if path.suffix not in (".npz", ".json")}
    assert names == {"model.keras", "model.weights.h5", "saved"}


def test_a_process_says_what_it_is_and_little_else(run: dict[str, Any]) -> None:
    """One line from us, none from TensorFlow."""
    for rank, log in enumerate(run["logs"]):
        (line,) = log.splitlines()
        assert line.startswith("TensorFlow 2.")
        assert f"worker[{rank}], rank {rank} of 2" in line


def test_the_return_of_one_worker_ends_the_stream_of_all(
    program: Callable[..., Any], start: Callable[..., Any], feed: Callable[..., None]
) -> None:
    """Rank 0 returns after three steps; rank 1, with rows left, takes three as well."""
    with start(program("leaves_early"), 2) as cluster:
        for node in cluster.nodes.values():
            feed(node.flink, range(100), frame=100)
        assert cluster.wait(100).outcome == "finished"
        assert cluster.log("worker", 1).splitlines()[1:] == ["steps 3 []"]
