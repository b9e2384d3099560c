"""What stands before and behind the models of SQL."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

_seen: list[Any] = []


def positive(batch: Any) -> Any:
    """x, of which one below zero is no number that the model knows."""
    for value in batch["x"].tolist():
        if value < 0:
            raise ValueError(f"{value} is below zero")
    return (batch["x"],)


def named(batch: Any) -> Any:
    """x, of rows that are called by it."""
    for value, name in zip(batch["x"].tolist(), batch["name"].tolist(), strict=True):
        if name != f"row {value:g}":
            raise ValueError(f"{value:g} is called {name}")
    return (batch["x"],)


def summed(batch: Any) -> Any:
    """x, of a group of two integers."""
    return (batch["f"].sum(1).astype("float32"),)


def failing(batch: Any) -> Any:
    raise RuntimeError("the user's own words")


def called_z(answers: Any) -> Any:
    return {"z": answers[0]}


def with_process(answers: Any) -> dict[str, Any]:
    """The answers, and who has answered."""
    return {"y": answers[0], "process": np.full(len(answers[0]), os.getpid())}


def with_rows(answers: Any) -> dict[str, Any]:
    """The answers, and how many rows the batch had."""
    return {"y": answers[0], "batch": np.full(len(answers[0]), len(answers[0]))}


def aside(batch: Any) -> Any:
    """Zeros for the model; `again` gives the words back."""
    _seen[:] = batch["word"].tolist()
    return (np.zeros(len(_seen), "f4"),)


def again(answers: Any) -> dict[str, Any]:
    return {"same": np.array([word + "!" for word in _seen], object)}
