"""The model, and the step "score, then train".

One model for all programs: the workers of a stream or of a file (`train.py`), `plain_loop.py` and `serve.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from features import RANGES, SCALED_LIMIT, SCALES, VOCABULARIES
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MEANS, _DEVIATIONS = torch.tensor(list(SCALES.values())).T


class DelayNet(nn.Module):
    """Six embeddings of 8, the numbers and whether each is known, two hidden layers, one logit."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [len(words) + 1 for words in VOCABULARIES.values()] + list(RANGES.values())
        self.embeddings = nn.ModuleList(nn.Embedding(size, 8) for size in sizes)
        self.layers = nn.Sequential(
            nn.Linear(8 * len(sizes) + 2 * len(SCALES), 64),
            nn.ReLU(),
            nn.Linear(64, 32),
            nn.ReLU(),
            nn.Linear(32, 1),
        )

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Logits of an arrival more than 15 minutes late.

        Args:
            codes: (rows, 6) int64: carrier, origin, destination, month, hour, weekday.
            numbers: (rows, 10) float32 in the order of `SCALES`, NaN where unknown.

        Returns:
            (rows,) float32.
        """
        embedded = [embedding(codes[:, i]) for i, embedding in enumerate(self.embeddings)]
        known = ~numbers.isnan()
        scaled = ((numbers - _MEANS) / _DEVIATIONS).clamp(-SCALED_LIMIT, SCALED_LIMIT)
        scaled = torch.where(known, scaled, 0.0)
        features = torch.cat([*embedded, scaled, known.to(scaled.dtype)], dim=1)
        logits: Tensor = self.layers(features)
        return logits.squeeze(1)


def new_model(seed: int = 0) -> DelayNet:
    """An untrained model, the same for the same seed."""
    torch.manual_seed(seed)
    return DelayNet()


def new_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Adam, as all programs use it."""
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def encode(batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """What `DelayNet.forward` takes, from the columns of a batch."""
    words = [torch.from_numpy(batch[name].codes(words)) + 1 for name, words in VOCABULARIES.items()]
    codes = torch.stack([*words, *(batch[name].long() for name in RANGES)], dim=1)
    return codes, torch.stack([batch[name] for name in SCALES], dim=1)


def test_then_train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Mapping[str, Any],
    mean: Callable[[Tensor, Any], Tensor],
) -> Tensor:
    """Score a batch, then train on it.

    Args:
        model: `DelayNet`, bare or wrapped for distributed training.
        optimizer: of its parameters.
        batch: column name to values; `label` is 1 where the flight was late, else 0.
        mean: makes one loss of the losses of the rows, and of the batch.

    Returns:
        (rows,) float32 probabilities, from before the batch was trained on.
    """
    logits = model(*encode(batch))
    losses = functional.binary_cross_entropy_with_logits(logits, batch["label"].float(), reduction="none")
    optimizer.zero_grad()
    mean(losses, batch).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return torch.sigmoid(logits.detach())
