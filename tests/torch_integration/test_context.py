"""`TorchContext` with one rank: tensors over the queue, and what a training loop does with the context."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from ml_framework.byte_queue import FrameKind
from torch_integration import TorchRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT = timedelta(seconds=10)


def feed(node: Any, rows: int) -> None:
    """Send one frame of rows, every second score null, and END."""
    ids = np.arange(rows)
    scores = [None if row % 2 else row / 2 for row in range(rows)]
    names = [f"name {row}" for row in range(rows)]
    node.flink.feed(id=ids, x=np.stack([ids, -ids], 1).astype(float), name=names, score=scores)
    node.flink.end()


def test_a_batch_holds_tensors_by_name(node: Callable[..., Any]) -> None:
    """Columns are ``(rows,)``, groups ``(rows, width)``, strings a sequence; a null is NaN and not valid."""
    one = node()
    feed(one, 3)
    with one.context as ctx:
        (batch,) = ctx.batches()
        assert list(batch) == ["id", "x", "name", "score"]
        assert (batch["id"].dtype, batch["x"].dtype, batch["score"].dtype) == (
            torch.int64,
            torch.float64,
            torch.float32,
        )
        assert batch["id"].tolist() == [0, 1, 2]
        assert batch["x"].tolist() == [[0, 0], [1, -1], [2, -2]]
        assert batch["name"].tolist() == ["name 0", "name 1", "name 2"]
        assert batch["score"].isnan().tolist() == [False, True, False]
        assert batch.valid("score").tolist() == [True, False, True]
        assert (batch.rows, batch.global_rows, batch.world_size) == (3, 3, 1)


def test_tensors_lie_over_the_queue(node: Callable[..., Any]) -> None:
    """Two batches of one frame are neighbours in memory: nothing was copied."""
    one = node()
    feed(one, 4)
    with one.context as ctx:
        batches = iter(ctx.batches(2))
        first, second = next(batches), next(batches)
        for name in ("id", "x", "score"):
            assert second[name].data_ptr() - first[name].data_ptr() == first[name].nbytes


def test_the_process_group_is_there_for_a_single_rank_too(node: Callable[..., Any], tmp_path: Path) -> None:
    """DDP works as it is, its model is saved without the wrapper, and a clean end leaves no group behind."""
    one = node()
    with one.context as ctx:
        model = DistributedDataParallel(torch.nn.Linear(2, 1))
        assert (distributed.get_world_size(), distributed.get_backend()) == (1, "gloo")
        assert ctx.device == torch.device("cpu")
        path = ctx.save_model(tmp_path / "model.pt", model)
        ctx.save_model(tmp_path / "weights.pt", {"w": torch.ones(1)})
    assert torch.load(path).keys() == {"weight", "bias"}
    assert torch.load(tmp_path / "weights.pt") == {"w": torch.ones(1)}
    assert not distributed.is_initialized()


def test_tensors_are_emitted_and_logged_with_their_gradients(node: Callable[..., Any]) -> None:
    """Neither needs a detach."""
    one = node()
    with one.context as ctx:
        steps = torch.nn.Parameter(torch.ones(2))
        ctx.emit(id=torch.tensor([1, 2]), step=steps.long())
        ctx.metrics.log(loss=steps.sum())
    assert one.flink.rows() == {"id": [1, 2], "step": [1, 1]}
    assert [kind for kind, _ in one.flink.answers()] == [FrameKind.BATCH, FrameKind.STATE, FrameKind.END]


def test_batches_are_a_dataset_for_a_loader_in_the_same_process(node: Callable[..., Any]) -> None:
    """``DataLoader(…, batch_size=None)`` passes batches on as they are."""
    one = node()
    feed(one, 3)
    with one.context as ctx:
        loaded = [(batch.rows, batch["id"].tolist()) for batch in DataLoader(ctx.batches(2), batch_size=None)]
    assert loaded == [(2, [0, 1]), (1, [2])]


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_batches_are_refused_in_a_worker_of_a_loader(node: Callable[..., Any], start: str) -> None:
    """The queue belongs to one process; the error says what to do instead."""
    with node().context as ctx, pytest.raises(RuntimeError, match=r"num_workers=0"):
        list(DataLoader(ctx.batches(2), batch_size=None, num_workers=1, multiprocessing_context=start))


def test_the_echo_of_a_lost_rank_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch says when a peer has gone, is no first cause."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    store = distributed.HashStore()
    with ThreadPoolExecutor(2) as threads:
        groups = list(
            threads.map(lambda rank: distributed.ProcessGroupGloo(store, rank, 2, TIMEOUT), range(2))
        )
    groups.pop()
    with pytest.raises(RuntimeError) as lost:
        groups[0].allreduce([torch.ones(1)]).wait()
    runner = TorchRunner("module:function")
    assert runner.is_collateral({"type": type(lost.value).__qualname__, "message": str(lost.value)})
    assert not runner.is_collateral({"type": "RuntimeError", "message": "shapes cannot be multiplied"})


@pytest.mark.parametrize("seen", [True, False])
def test_a_gpu_of_its_own_is_the_device(
    node: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, *, seen: bool
) -> None:
    """Where torch sees none, the node fails before anything is computed on the CPU by mistake."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen)
    context = node().context
    context._launch = replace(context._launch, device="gpu")
    if seen:
        assert context._device() == torch.device("cuda", 0)
    else:
        with pytest.raises(
            RuntimeError, match=r"worker has a GPU for each node, and torch .* sees none here"
        ):
            context._device()
