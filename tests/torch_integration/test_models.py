"""Models of PyTorch as they score: the forms of their files, and what stands before and behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from ml_framework.codec import Schema, decode, encode, plan_layout
from ml_framework.errors import ModelError
from torch_integration.batches import Batch
from torch_integration.models import TorchModels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAYOUT = plan_layout(Schema.parse([("a", "FLOAT NOT NULL"), ("b", "FLOAT NOT NULL")]))


class Weighted(nn.Module):
    """a · weight + b; with dropout, which must not act where a stream is scored."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(3.0))
        self.dropout = nn.Dropout(0.9)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        weighted: torch.Tensor = self.dropout(a * self.weight) + b
        return weighted


def models(**options: Any) -> TorchModels:
    none = dict.fromkeys(("factory", "preprocess", "postprocess"))
    return TorchModels(**{"inputs": ("a", "b"), "outputs": ("y",), **none, **options})


def batch(rows: int) -> Batch:
    """A is 1, 2, …, b is 10."""
    values = {"a": np.arange(1, rows + 1, dtype=np.float32), "b": np.full(rows, 10, np.float32)}
    return Batch(decode(LAYOUT, memoryview(bytearray().join(encode(LAYOUT, values)))), rows, 1)


def state_dict(path: Path) -> None:
    torch.save(Weighted().state_dict(), path)


def script(path: Path) -> None:
    torch.jit.script(Weighted()).save(path)


def exported(path: Path) -> None:
    rows = torch.export.Dim("rows")
    example = torch.ones(2), torch.ones(2)
    program = torch.export.export(Weighted().eval(), example, dynamic_shapes=({0: rows}, {0: rows}))
    torch.export.save(program, path)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("save", "name", "factory"),
    [(state_dict, "model.pt", Weighted), (script, "model.pt", None), (exported, "model.pt2", None)],
)
def test_every_form_scores_alike(
    tmp_path: Path, save: Callable[[Path], None], name: str, factory: Any
) -> None:
    """Whatever the number of rows, as trained: dropout is off."""
    save(tmp_path / name)
    model = models(factory=factory)(tmp_path / name)
    for rows in (3, 1, 5):
        assert model(batch(rows))["y"].tolist() == [3.0 * a + 10 for a in range(1, rows + 1)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.parametrize(("save", "name"), [(script, "model.pt"), (exported, "model.pt2")])
def test_a_whole_model_takes_no_factory(tmp_path: Path, save: Callable[[Path], None], name: str) -> None:
    """It would do nothing."""
    save(tmp_path / name)
    with pytest.raises(ModelError, match=rf"factory= makes a model for weights, and .*{name} is a whole mod"):
        models(factory=Weighted)(tmp_path / name)


@pytest.mark.parametrize(
    "preprocess",
    [
        lambda rows: {"b": rows["b"], "a": rows["a"] * 2},
        lambda rows: (rows["a"] * 2, rows["b"]),
    ],
)
def test_pre_processing_makes_the_arguments(tmp_path: Path, preprocess: Any) -> None:
    """By name or by position."""
    state_dict(tmp_path / "model.pt")
    model = models(factory=Weighted, preprocess=preprocess, inputs=())(tmp_path / "model.pt")
    assert model(batch(2))["y"].tolist() == [16.0, 22.0]


@pytest.mark.parametrize(
    "postprocess",
    [lambda y: {"low": y - 1, "high": y + 1}, lambda y: (y + 1, y - 1), lambda y: [y + 1, (y - 1).tolist()]],
)
def test_post_processing_makes_the_answers(tmp_path: Path, postprocess: Any) -> None:
    """By name, or in the order of the output."""
    state_dict(tmp_path / "model.pt")
    made = models(factory=Weighted, postprocess=postprocess, outputs=("high", "low"))
    answers = made(tmp_path / "model.pt")(batch(2))
    assert {name: values.tolist() for name, values in answers.items()} == {
        "high": [14.0, 17.0],
        "low": [12.0, 15.0],
    }


def test_the_number_of_answers_is_that_of_the_output(tmp_path: Path) -> None:
    state_dict(tmp_path / "model.pt")
    model = models(factory=Weighted, outputs=("y", "z"))(tmp_path / "model.pt")
    with pytest.raises(ModelError, match="the model answers 1 tensors, the output has y, z"):
        model(batch(2))


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    """With the remedy where there is one."""
    state_dict(tmp_path / "model.pt")
    with pytest.raises(ModelError, match=r"model.pt holds no module but a state dict: pass factory="):
        models()(tmp_path / "model.pt")
    with pytest.raises(ModelError, match=r"is no file: a model of PyTorch is one"):
        models()(tmp_path)
    with pytest.raises(RuntimeError, match=r"Missing key"):
        models(factory=lambda: nn.Linear(1, 1))(tmp_path / "model.pt")
    with pytest.raises(ModelError, match=r"the factory makes a dict, it has to make a torch.nn.Module"):
        models(factory=dict)(tmp_path / "model.pt")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is here")
@pytest.mark.parametrize(
    ("save", "name", "factory"),
    [(state_dict, "model.pt", Weighted), (script, "model.pt", None), (exported, "model.pt2", None)],
)
def test_a_gpu_computes_where_there_is_one(
    tmp_path: Path, save: Callable[[Path], None], name: str, factory: Any
) -> None:
    """What it is called with goes there, and what it answers comes back."""
    save(tmp_path / name)
    before = torch.cuda.memory_allocated()
    model = models(factory=factory)(tmp_path / name)
    assert torch.cuda.memory_allocated() > before
    assert model(batch(3))["y"].tolist() == [13.0, 16.0, 19.0]
