"""What a runner that scores refuses when it is planned, for whatever framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import onnx_integration
import tf_integration
import torch_integration
from ml_framework.errors import PlanError
from ml_framework.inference import Padding

if TYPE_CHECKING:
    from ml_framework.inference.runner import InferenceRunner

TORCH, TF, ONNX = (
    package.InferenceRunner for package in (torch_integration, tf_integration, onnx_integration)
)


def runner(kind: type[InferenceRunner] = TORCH, **options: Any) -> InferenceRunner:
    return kind(**{"model": "/models/line", "answers": ("y",), "inputs": ("x",), **options})


@pytest.mark.parametrize(
    ("kind", "model"),
    [(TORCH, "/line.pt2"), (TF, "s3://bucket/line.keras"), (ONNX, "/line.onnx"), (ONNX, "/models")],
)
def test_a_whole_model_takes_no_factory(kind: type[InferenceRunner], model: str) -> None:
    """Where its name, or the framework, says so already."""
    runner(kind, model=model)
    with pytest.raises(PlanError, match=rf"factory= makes a model for weights, and {model} is a whole model"):
        runner(kind, model=model, factory=dict)


@pytest.mark.parametrize(
    ("kind", "model"), [(TORCH, "/line.pt"), (TORCH, "/models"), (TF, "/line.weights.h5"), (TF, "/models")]
)
def test_others_may_be_weights(kind: type[InferenceRunner], model: str) -> None:
    """What a folder of versions holds is seen where it is loaded."""
    runner(kind, model=model, factory=dict)


def test_padding_is_of_inputs() -> None:
    """A function before the model gets arrays as they are."""
    runner(padding=Padding())
    with pytest.raises(PlanError, match=r"preprocess= stands in their place: fill the arrays up there"):
        runner(inputs=(), preprocess=dict, padding=Padding())
