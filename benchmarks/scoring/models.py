"""The models: that of the flight demo, and one that takes ten times as long for a row.

What a model is called with is made by the demo's own `encode` where single columns come. Our worker gets the
numbers as tensors, and needs to look up words only; a contender that gets single rows makes the same of one.
"""

from __future__ import annotations

import functools
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

sys.path.append(str(Path(__file__).parents[2] / "examples" / "flight_delay"))
from features import RANGES, SCALES, VOCABULARIES
from model import DelayNet, new_model
from model import encode as encode_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd  # type: ignore[import-untyped]

_POSITIONS = {
    name: {word: position for position, word in enumerate(words)} for name, words in VOCABULARIES.items()
}
_WIDTHS = (448, 224)
"""Of the hidden layers of the heavier model; the demo's has 64 and 32."""


def flight_model() -> DelayNet:
    """The demo's model, untrained."""
    return new_model()


def heavier_model() -> DelayNet:
    """The form of the demo's model, with wider layers."""
    model: DelayNet = new_model()
    inputs, (first, second) = model.layers[0].in_features, _WIDTHS
    model.layers = nn.Sequential(
        nn.Linear(inputs, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 1)
    )
    return model


FLIGHTS = "flight model"
HEAVIER = "10 × heavier model"
MODELS = {FLIGHTS: flight_model, HEAVIER: heavier_model}
"""Makes each model, always with the same weights."""


GROUPS = {"small": list(RANGES), "numbers": list(SCALES)}
"""Columns that our worker gets as one tensor."""


def encode(batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """What a model takes, of a batch with `GROUPS`."""
    words = [torch.from_numpy(batch[name].codes(_POSITIONS[name])) + 1 for name in VOCABULARIES]
    return torch.cat([torch.stack(words, dim=1), batch["small"].long()], dim=1), batch["numbers"]


def encode_series(columns: Mapping[str, pd.Series]) -> tuple[Tensor, Tensor]:
    """The same of the columns that a pandas UDF gets."""
    arguments: tuple[Tensor, Tensor] = encode_columns(
        {
            name: _Words(column) if name in VOCABULARIES else _tensor(column)
            for name, column in columns.items()
        }
    )
    return arguments


def encode_row(row: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """The same of one row of Python objects."""
    words = [_POSITIONS[name].get(row[name], -1) + 1 for name in _POSITIONS]
    numbers = [math.nan if (value := row[name]) is None else value for name in SCALES]
    return torch.tensor([[*words, *(row[name] for name in RANGES)]]), torch.tensor([numbers])


class Alone:
    """A model with one thread in this process.

    Args:
        name: one of `MODELS`.
    """

    def __init__(self, name: str) -> None:
        torch.set_num_threads(1)
        self._model = MODELS[name]().eval()

    def __call__(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Scores, ``(rows,)``."""
        with torch.inference_mode():
            scores: Tensor = self._model(codes, numbers)
        return scores


class _Words:
    """A column of text in pandas, with the one method that `encode` needs."""

    def __init__(self, column: pd.Series) -> None:
        self._column = column

    def codes(self, words: list[str]) -> Any:
        """The position of each word, -1 where it is unknown; an index is pandas' fastest way."""
        return _index(tuple(words)).get_indexer(self._column)


@functools.cache
def _index(words: tuple[str, ...]) -> pd.Index:
    import pandas as pd  # noqa: PLC0415 - where there are Series

    return pd.Index(words)


def _tensor(column: pd.Series) -> Tensor:
    return torch.tensor(column.to_numpy())  # copies, for the memory is not to be written to
