"""Models, and what stands before and behind them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class Line(nn.Module):
    """weight · x; takes no negative number."""

    def __init__(self, weight: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * x


def save_line(weight: float, path: Path) -> Path:
    """A state dict of `Line`."""
    torch.save(Line(weight).state_dict(), path)
    return path


def x_of_words(batch: Any) -> tuple[Tensor]:
    """Numbers that are written in words' place."""
    return (torch.tensor([float(word) for word in batch["word"].tolist()], dtype=torch.float64),)


def slowly(batch: Any, until: str = "") -> tuple[Tensor]:
    """The numbers, in time for others to happen: until there is such a file."""
    if not Path(until).is_file():
        time.sleep(0.006)
    return (batch["x"].double(),)


def with_process(answers: Tensor) -> dict[str, Tensor]:
    """The answers, who has answered, and when."""
    rows = len(answers)
    at_ms = int(time.time() * 1000)
    return {
        "y": answers.long(),
        "process": torch.full((rows,), os.getpid()),
        "at_ms": torch.full((rows,), at_ms),
    }


def named(answers: Tensor) -> dict[str, Tensor]:
    return {"half": answers / 2, "double": answers * 2}
