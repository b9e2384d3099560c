"""What PyFlink's contenders run: a model in its Python process, asked with columns or row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd  # type: ignore[import-untyped]
from pyflink.common import Row
from pyflink.datastream import MapFunction
from pyflink.table.udf import ScalarFunction

from benchmarks.scoring.flights import FEATURES
from benchmarks.scoring.models import Alone, encode_row, encode_series

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES = [name for name, _ in FEATURES]


class ScoreSeries(ScalarFunction):  # type: ignore[misc]
    """For ``func_type="pandas"``.

    Args:
        model: one of `MODELS`.
    """

    def __init__(self, model: str) -> None:
        self._name = model

    def open(self, function_context: Any) -> None:  # noqa: ARG002 - PyFlink's
        """Make the model, in the process that asks it."""
        self._model = Alone(self._name)

    def eval(self, *columns: pd.Series) -> pd.Series:
        """The scores of a batch."""
        arguments = encode_series(dict(zip(_NAMES, columns, strict=True)))
        return pd.Series(self._model(*arguments).numpy())


class ScoreRow(MapFunction):  # type: ignore[misc]
    """For a `DataStream` of rows whose last column comes back beside the score.

    Args:
        model: one of `MODELS`.
    """

    def __init__(self, model: str) -> None:
        self._name = model

    def open(self, runtime_context: Any) -> None:  # noqa: ARG002 - PyFlink's
        """Make the model, in the process that asks it."""
        self._model = Alone(self._name)

    def map(self, value: Iterable[Any]) -> Row:
        """The last column and the score of a row."""
        *features, last = value
        arguments = encode_row(dict(zip(_NAMES, features, strict=True)))
        return Row(last, self._model(*arguments).item())
