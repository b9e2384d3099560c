"""A runner that scores, for whatever framework: what it refuses at planning, what it tells the process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import onnx_integration
import tf_integration
import torch_integration
from ml_framework.context.launch import Descriptors
from ml_framework.errors import PlanError
from ml_framework.host import Host
from ml_framework.inference import Padding
from ml_framework.runner import Attempt, Program
from ml_framework.spec import ClusterSpec, NodeId

if TYPE_CHECKING:
    from ml_framework.inference.runner import InferenceRunner

TORCH, TF, ONNX = (
    package.InferenceRunner for package in (torch_integration, tf_integration, onnx_integration)
)


def runner(kind: type[InferenceRunner] = TORCH, **options: Any) -> InferenceRunner:
    return kind(**{"model": "/models/line", "answers": ("y",), "inputs": ("x",), **options})


def variables(runner: InferenceRunner) -> dict[str, str]:
    """Those of the process of one of two workers on a host; a parameter server is there, too."""
    attempt = Attempt(
        node=NodeId("worker", 0),
        number=0,
        parallelism=2,
        cluster=ClusterSpec({"worker": ("h:1", "h:2"), "ps": ("h:3",)}),
        program=Program(runner),
        job_name="job",
        job_id="17",
        host=Host("h"),
        directory=Path(),
        log_dir=Path(),
        descriptors=Descriptors(3, 4),
        python="python",
    )
    return dict(runner.environment(attempt))


@pytest.mark.parametrize("kind", [TORCH, TF, ONNX])
def test_a_process_is_told_how_many_threads_compute(kind: type[InferenceRunner]) -> None:
    """A share of the CPUs among the role's own nodes on a host; what the user set in `env` wins."""
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert variables(runner(kind))["OMP_NUM_THREADS"] == str(share)
    assert variables(runner(kind, threads=5))["OMP_NUM_THREADS"] == "5"
    assert variables(runner(kind, threads=5, env={"OMP_NUM_THREADS": "9"}))["OMP_NUM_THREADS"] == "9"
    assert variables(runner(TF))["TF_NUM_INTRAOP_THREADS"] == str(share)


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
