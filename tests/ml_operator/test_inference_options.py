"""The options of `inference`, as completion and type checkers see them."""

from __future__ import annotations

import inspect

import pytest

from ml_operator import MLJob
from ml_operator.estimator import Model
from ml_operator.inference import InferenceOptions, ScoringOptions

OF_THE_DOOR = ("self", "rows", "model", "runner")
"""What a framework's `inference` passes on by itself."""


def keywords(function: object) -> dict[str, inspect.Parameter]:
    assert callable(function)
    return dict(inspect.signature(function).parameters)


def test_they_are_those_of_add_inference() -> None:
    """By name and type; those without a default are required there, too."""
    there = {name: found for name, found in keywords(MLJob.add_inference).items() if name not in OF_THE_DOOR}
    types = {name: kind.__forward_arg__ for name, kind in InferenceOptions.__annotations__.items()}
    required = {name for name, found in there.items() if found.default is found.empty}
    assert types == {
        name: f"Required[{found.annotation}]" if name in required else found.annotation
        for name, found in there.items()
    }


@pytest.mark.parametrize("function", [Model.score, Model.transform])
def test_a_fitted_model_takes_those_that_it_does_not_know_itself(function: object) -> None:
    """Nothing is named twice."""
    assert keywords(function)["options"].annotation == "Unpack[ScoringOptions]"
    assert not keywords(function).keys() & ScoringOptions.__annotations__
    by_itself = {"inputs", "groups", "output", "factory", "name", "preprocess", "padding"}
    assert InferenceOptions.__annotations__.keys() - ScoringOptions.__annotations__ == by_itself
