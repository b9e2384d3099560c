"""A module in training: the gradients, what the loss function gets, and what comes out."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ml_framework.errors import ModelError
from ml_framework.estimator import Arguments
from torch_integration.models import filled
from torch_integration.training import TorchTrainer, scoring_module

SGD = partial(torch.optim.SGD, lr=0.5)
RATES = partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)


class Answers(nn.Module):
    """Weight times x, ``(rows,)``, in the shape that is asked for."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answers = self.weight * x
        return answers.reshape(-1, *(1 for _ in self.shape)).expand(-1, *self.shape)


def trainer(factory: Any = Answers, loss: Any = nn.functional.mse_loss, **options: Any) -> TorchTrainer:
    context: Any = SimpleNamespace(rank=0, world_size=1, device=torch.device("cpu"))
    return TorchTrainer(context, seed=0, factory=factory, loss=loss, **{"optimizer": SGD, **options})


def weight(trained: TorchTrainer) -> float:
    return filled(Answers, BytesIO(trained.weights())).get_parameter("weight").item()


X, Y = np.float32([1, 2]), np.array([3.0, 4.0])  # answers are 2 and 4, with weight 2


@pytest.mark.parametrize(
    "loss",
    [
        nn.functional.mse_loss,
        nn.MSELoss(),
        nn.MSELoss(reduction="none"),
        lambda answers, labels: (answers - labels).square(),
    ],
)
@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_step_goes_down_the_mean_loss(loss: Any, shape: tuple[int, ...]) -> None:
    """Whether it is one loss a row or their mean, of answers ``(rows,)`` or ``(rows, 1)``."""
    trained = trainer(partial(Answers, *shape), loss)
    assert trained.step([X], Y, 1.0) == pytest.approx(0.5)  # the mean of 1 and 0
    assert weight(trained) == pytest.approx(2 - 0.5 * -1)  # d/dw = mean(2 · (2w - 3) …) = mean(-2, 0)


def test_rows_weigh_as_their_share_of_the_step() -> None:
    """None, where they do not count."""
    trained = trainer()
    trained.step([X], Y, 0.25)
    assert weight(trained) == pytest.approx(2 + 0.5 * 0.25)
    trained.step([X], Y, 0.0)
    assert weight(trained) == pytest.approx(2 + 0.5 * 0.25)


def test_the_schedule_takes_a_step_an_epoch() -> None:
    trained = trainer(schedule=RATES)
    trained.step([X], Y, 0.0)
    trained.end_epoch()
    trained.step([X], Y, 1.0)
    assert weight(trained) == pytest.approx(2 + 0.25)


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.int16, np.int32, np.int64])
def test_an_integer_label_is_the_number_of_a_class(kind: Any) -> None:
    """As `cross_entropy` wants it."""
    seen = []

    def loss(answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append((tuple(labels.shape), labels.dtype))
        return nn.functional.cross_entropy(answers, labels)

    trained = trainer(partial(Answers, 3), loss)
    assert trained.step([X], np.array([0, 1], kind), 1.0) == pytest.approx(np.log(3))
    assert seen == [((2,), torch.int64)]


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.int64, np.float32, np.float64])
def test_another_label_is_of_the_answers_type_and_shape(kind: Any) -> None:
    seen = []

    def loss(answers: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append((tuple(labels.shape), labels.dtype))
        return answers - labels

    trainer(partial(Answers, 1), loss).step([X], np.array([0, 1], kind), 1.0)
    assert seen == [((2, 1), torch.float32)]


def test_what_cannot_be_is_told() -> None:
    """Shapes, and what a factory has to make."""
    with pytest.raises(ModelError, match=r"answers \(rows, 3\) to a label of \(rows,\) float64"):
        trainer(partial(Answers, 3)).step([X], Y, 1.0)
    with pytest.raises(ModelError, match=r"answers \(1,\) to 2 rows: answer each row"):
        trainer().step([X[:1]], Y, 1.0)
    with pytest.raises(ModelError, match=r"the loss has shape \(1,\) for 2 rows: return one loss a row"):
        trainer(loss=lambda answers, labels: (answers - labels)[:1]).step([X], Y, 1.0)
    with pytest.raises(ModelError, match=r"the factory makes a int, it has to make a torch.nn.Module"):
        trainer(lambda: 1)
    with pytest.raises(ModelError, match=r"the factory makes a int, it has to make a torch.nn.Module"):
        scoring_module(lambda: 1, Arguments(("x",)))


def test_several_answers_go_to_the_loss_function_as_they_are() -> None:
    """With the label as it came."""

    class Two(Answers):
        def forward(self, x: torch.Tensor) -> Any:
            return self.weight * x, x

    def loss(answers: tuple[torch.Tensor, torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        assert labels.dtype == torch.float64
        return answers[0] - answers[1] - labels

    assert trainer(Two, loss).step([X], Y, 1.0) == pytest.approx(-2)


def test_a_module_that_scores_takes_columns() -> None:
    """Cast, and as groups; its state dict is that of the factory's module."""
    arguments = Arguments(("pair", "x"), {"pair": ("a", "b")}, "float32")

    class Sums(Answers):
        def forward(self, pair: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            assert pair.dtype == x.dtype == torch.float32
            return self.weight * pair.sum(1) + x

    module = scoring_module(Sums, arguments)
    module.load_state_dict(Answers().state_dict())
    columns = torch.tensor([True, False]), torch.tensor([2, 3]), torch.tensor([0.5, 0.25]).double()
    assert module(*columns).tolist() == [6.5, 6.25]


def test_the_seed_decides_the_weights() -> None:
    """The same on all ranks."""
    first, second = (torch.load(BytesIO(trainer(partial(nn.Linear, 3, 1)).weights())) for _ in range(2))
    assert torch.equal(first["weight"], second["weight"])
