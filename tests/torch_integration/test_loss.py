"""`mean_loss`: the maths, without processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from torch_integration import mean_loss


@dataclass
class Step:
    """What `mean_loss` looks at of a batch."""

    rows: int
    global_rows: int
    world_size: int


def test_averaged_gradients_are_those_of_the_mean_over_all_rows() -> None:
    """Ranks of 3, 1 and 0 rows: the mean of their gradients is the gradient of the mean."""
    weight = torch.tensor(2.0, requires_grad=True)
    rows = torch.tensor([1.0, 2.0, 3.0, 10.0])
    gradients = []
    for share in (rows[:3], rows[3:], rows[:0]):
        loss: Any = mean_loss((weight * share).square(), Step(len(share), 4, 3))  # type: ignore[arg-type]
        gradients.append(torch.autograd.grad(loss, weight)[0])
    (expected,) = torch.autograd.grad((weight * rows).square().mean(), weight)
    torch.testing.assert_close(torch.stack(gradients).mean(), expected)
    assert gradients[2] == 0


def test_one_rank_gets_the_plain_mean() -> None:
    """With one rank nothing is special."""
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert mean_loss(losses, Step(3, 3, 1)) == losses.mean()  # type: ignore[arg-type]


@pytest.mark.parametrize("losses", [torch.tensor(1.0), torch.ones(2)])
def test_losses_that_are_not_one_a_row_are_refused(losses: torch.Tensor) -> None:
    """The error tells both shapes and the remedy."""
    with pytest.raises(ValueError, match=r"3 rows; give the loss function reduction=.none."):
        mean_loss(losses, Step(3, 3, 1))  # type: ignore[arg-type]
