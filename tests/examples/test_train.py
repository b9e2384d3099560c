"""What a worker runs, with a context that takes notes in place of the real one."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dataset
import pytest
import torch
from evaluation import auc
from model import new_model
from plain_loop import BATCH_SIZE, progressive_auc
from torch import distributed, nn

sys.path.insert(0, str(Path(dataset.__file__).parent))  # another example has a `train` too
from train import main

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def process_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    store = distributed.FileStore(str(tmp_path / "store"), 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@dataclass
class Numbers:
    logged: dict[str, float] = field(default_factory=dict)

    def log(self, **numbers: float) -> None:
        self.logged |= numbers


@dataclass
class Context:
    """One worker in batch mode."""

    params: dict[str, Any]
    rank: int = 0
    world_size: int = 1
    metrics: Numbers = field(default_factory=Numbers)
    emitted: list[dict[str, Any]] = field(default_factory=list)
    saved: dict[str, nn.Module] = field(default_factory=dict)

    def emit(self, **columns: Any) -> None:
        self.emitted.append(columns)

    def save_model(self, path: str, model: nn.Module) -> None:
        self.saved[path] = model

    def column(self, name: str) -> torch.Tensor:
        return torch.cat([columns[name] for columns in self.emitted])


def test_one_worker_emits_every_flight_and_learns_as_the_plain_loop(first: Path, process_group: None) -> None:
    context = Context({"batch_size": BATCH_SIZE, "folder": str(first), "model": "model.pt"})
    main(context)
    expected = dataset.departures(first)
    assert context.column("flight").tolist() == expected["flight"].to_pylist()
    assert auc(context.column("score"), context.column("label")) == pytest.approx(
        progressive_auc(first), abs=1e-4
    )
    assert set(context.metrics.logged) == {"auc", "auc_of_all"}
    trained = context.saved["model.pt"].module.state_dict()
    assert any(not torch.equal(trained[name], value) for name, value in new_model().state_dict().items())
