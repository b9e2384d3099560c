"""Ranks in processes of their own, with uneven input: no step hangs, and every row weighs the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ml_framework.config import RestartPolicy
from ml_framework.spec import RoleSpec
from ml_framework.testing.local_cluster import LocalCluster, LocalRole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_framework.runner import Program
    from ml_framework.testing.flink_end import FlinkEnd


def start(program: Program, parallelism: int) -> LocalCluster:
    """A cluster of one role, with one attempt."""
    role = LocalRole(RoleSpec("worker", parallelism), program)
    return LocalCluster([role], restart=RestartPolicy(budget=0))


def feed(flink: FlinkEnd | None, rows: range, frame: int) -> None:
    """Send `rows`, `frame` of them at a time; the values of a row follow from its id."""
    assert flink is not None
    for start in range(rows.start, rows.stop, frame):
        ids = np.arange(start, min(start + frame, rows.stop))
        names = [None] * len(ids)
        flink.feed(timeout_s=60, id=ids, x=features(ids), name=names, score=np.zeros(len(ids), np.float32))


def features(ids: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """``(rows, 2)`` inputs in [-1, 1]."""
    return np.stack([np.sin(ids), np.cos(3 * ids)], axis=1)


def test_uneven_ranks_train_as_one_process_would(
    program: Callable[..., Program], programs: Any, tmp_path: Path
) -> None:
    """Ranks with 1000, 10 and no rows take the same steps, and learn from the union of each."""
    ranges = [range(1000), range(1000, 1010), range(1010, 1010)]
    with start(program(batch_size=16, folder=str(tmp_path)), 3) as cluster:
        for index, rows in enumerate(ranges):
            feed(cluster.nodes["worker", index].flink, rows, frame=50)
        for index in range(3):
            flink = cluster.nodes["worker", index].flink
            assert flink is not None
            flink.end(timeout_s=60)
        assert cluster.wait().outcome == "finished"
        emitted = [node.flink.rows() for node in cluster.nodes.values() if node.flink is not None]
    sizes = [json.loads((tmp_path / f"sizes-{rank}.json").read_text()) for rank in range(3)]
    for rows, own in zip(ranges, emitted, strict=True):
        assert own["id"] == list(rows)
    assert len({len(own) for own in sizes}) == 1
    for step in zip(*sizes, strict=True):
        assert {total for _, total, *_ in step} == {sum(rows for rows, *_ in step)}
        assert {tuple(form[2:4]) for form in step} == {("torch.float64", 2)}
        assert all(rows == names for rows, _, _, _, names in step)
    assert [rows for rows, *_ in sizes[0] if rows] == [16] * 62 + [8]
    assert [rows for rows, *_ in sizes[1] if rows] == [10]
    expected = replayed(programs, emitted, len(sizes[0]))
    for name, value in torch.load(tmp_path / "model.pt").items():
        torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-12)


def replayed(programs: Any, emitted: list[dict[str, list[int]]], steps: int) -> dict[str, torch.Tensor]:
    """The weights after one process has taken the same steps, each over the rows of all ranks."""
    model = programs.new_model()
    optimizer = torch.optim.SGD(model.parameters(), programs.LEARNING_RATE)
    for step in range(steps):
        ids = [i for own in emitted for i, at in zip(own["id"], own["step"], strict=True) if at == step]
        optimizer.zero_grad()
        programs.row_losses(model, torch.from_numpy(features(np.array(ids)))).mean().backward()
        optimizer.step()
    return model.state_dict()


def test_the_return_of_one_rank_ends_the_loop_of_all(program: Callable[..., Program]) -> None:
    """Rank 0 returns after three steps; rank 1, with rows left, takes three as well."""
    with start(program("leaves_early"), 2) as cluster:
        for node in cluster.nodes.values():
            feed(node.flink, range(100), frame=100)
        assert cluster.wait().outcome == "finished"
        assert [cluster.log("worker", index).strip() for index in range(2)] == ["steps 3"] * 2


def test_the_first_cause_is_the_rank_that_raised(program: Callable[..., Program]) -> None:
    """That the others lost it is an echo, whoever reports first."""
    with start(program("dies"), 2) as cluster:
        result = cluster.wait()
    assert result.outcome == "failed"
    assert result.cause is not None
    assert result.cause.startswith("worker[1] attempt 0: ValueError: bad value")
