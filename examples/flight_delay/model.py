"""The model, and what it is told about a flight: only what is known before departure.

One model for all programs: the workers of a stream or of a file (`train.py`), and `plain_loop.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CARRIERS = "9E AA AS B6 DL EV F9 FL HA MQ OO UA US VX WN YV"
_ORIGINS = "EWR JFK LGA"
_DESTINATIONS = """
    ABQ ACK ALB ANC ATL AUS AVL BDL BGR BHM BNA BOS BQN BTV BUF BUR BWI BZN CAE CAK CHO CHS CLE CLT CMH
    CRW CVG DAY DCA DEN DFW DSM DTW EGE EYW FLL GRR GSO GSP HDN HNL HOU IAD IAH ILM IND JAC JAX LAS LAX
    LEX LGA LGB MCI MCO MDW MEM MHT MIA MKE MSN MSP MSY MTJ MVY MYR OAK OKC OMA ORD ORF PBI PDX PHL PHX
    PIT PSE PSP PVD PWM RDU RIC ROC RSW SAN SAT SAV SBN SDF SEA SFO SJC SJU SLC SMF SNA SRQ STL STT SYR
    TPA TUL TVC TYS XNA
"""
VOCABULARIES = {"carrier": _CARRIERS.split(), "origin": _ORIGINS.split(), "dest": _DESTINATIONS.split()}
"""Columns of text; a code is the position in the vocabulary, -1 for a word that is not in it."""
RANGES = {"month": 13, "hour": 24, "weekday": 8}
"""Columns of small numbers, each below its bound."""
SCALES = {
    "distance": (1000.0, 700.0),
    "temp": (55.0, 18.0),
    "dewp": (41.0, 19.0),
    "humid": (62.0, 19.0),
    "wind_dir": (200.0, 107.0),
    "wind_speed": (10.5, 5.5),
    "wind_gust": (25.5, 6.0),
    "precip": (0.0, 0.03),
    "pressure": (1018.0, 7.4),
    "visib": (9.3, 2.0),
}
"""Numbers with the constants that bring them to the order of 1: a stream has no mean of the year to come."""
_MEANS, _DEVIATIONS = torch.tensor(list(SCALES.values())).T
SCALED_LIMIT = 5.0
"""A gauge that reads 1,048 miles an hour is cut to this many deviations."""


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
