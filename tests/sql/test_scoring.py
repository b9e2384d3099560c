"""A planned model scores, in a node that has no application master."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

from ml_framework.spec import NodeId
from ml_framework.sql.planning import plan
from ml_framework.testing.local_node import LocalNode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ml_framework.node.assignment import Assignment
    from ml_framework.sql.request import Request

START_S = 60.0
"""For the import of torch on a machine that has much to do."""


class Delay(nn.Module):
    """A layer over the features, and a number for each carrier."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.carriers = nn.Embedding(4, 1)

    def forward(self, features: torch.Tensor, carrier: torch.Tensor) -> torch.Tensor:
        summed: torch.Tensor = self.layer(features) + self.carriers(carrier)
        return summed


@pytest.fixture
def model(tmp_path: Path) -> Delay:
    """A model, whose program lies in ``delay.pt2``."""
    torch.manual_seed(1)
    model = Delay().eval()
    rows = torch.export.Dim("rows")
    example = torch.ones(2, 2), torch.ones(2, dtype=torch.int32)
    program = torch.export.export(model, example, dynamic_shapes=({0: rows}, {0: rows}))
    torch.export.save(program, tmp_path / "delay.pt2")
    return model


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_rows_are_scored_as_by_the_model(
    model: Delay, request_of: Callable[..., Request], assigned: Callable[..., Assignment], tmp_path: Path
) -> None:
    """In their order; the row that cannot be scored says why, whether its answer may be null or not."""
    settings = plan(
        request_of(
            path=str(tmp_path / "delay.pt2"),
            output=[("delay", "FLOAT NOT NULL")],
            groups="features=distance,hour",
            max_batch=64,
        )
    )
    values = np.random.default_rng(1).random((200, 2)).astype(np.float32)
    carriers = [index % 4 for index in range(200)]
    given: list[int | None] = [*carriers]
    given[7] = None
    node = LocalNode(NodeId("model", 0), assigned(settings).program, tmp_path / "logs")
    with node, torch.inference_mode():
        node.leave_alone()
        assert node.flink is not None
        for start in range(0, 200, 50):
            part = slice(start, start + 50)
            node.flink.feed(features=values[part], carrier=given[part], timeout_s=START_S)
        node.flink.end()
        rows = node.flink.rows(timeout_s=START_S)
        assert node.farewell(timeout_s=START_S) == {"event": "succeeded"}
        wanted = model(torch.from_numpy(values), torch.tensor(carriers))[:, 0].tolist()
    wanted[7] = float("nan")  # a null
    assert rows["delay"] == pytest.approx(wanted, rel=1e-5, nan_ok=True)
    assert rows["error"] == [None] * 7 + ["carrier is null"] + [None] * 192


SAVE = """
import sys, keras
place = keras.Input((), dtype="string")
code = keras.layers.StringLookup(vocabulary=["EWR", "JFK"])(place)
keras.Model(place, keras.ops.cast(code, "float32")).save(sys.argv[1])
"""


def test_a_model_of_keras_takes_text(
    request_of: Callable[..., Request], assigned: Callable[..., Assignment], tmp_path: Path
) -> None:
    path = str(tmp_path / "code.keras")
    subprocess.run([sys.executable, "-c", SAVE, path], check=True, capture_output=True, timeout=START_S)
    settings = plan(request_of(format="keras", path=path, input=[("place", "STRING")]))
    node = LocalNode(NodeId("model", 0), assigned(settings).program, tmp_path / "logs")
    with node:
        node.leave_alone()
        assert node.flink is not None
        node.flink.feed(place=["JFK", None, "EWR", "LGA"], timeout_s=START_S)
        node.flink.end()
        rows = node.flink.rows(timeout_s=START_S)
    assert rows["delay"] == pytest.approx([2.0, float("nan"), 1.0, 0.0], nan_ok=True)
    assert rows["error"] == [None, "place is null", None, None]


def test_a_function_that_cannot_be_imported_fails_the_node(
    request_of: Callable[..., Request], assigned: Callable[..., Assignment], folder: str, tmp_path: Path
) -> None:
    """It is told as the first cause, and not of every row."""
    settings = plan(request_of(preprocess="delays:scale", python_path=folder))
    with LocalNode(NodeId("model", 0), assigned(settings).program, tmp_path / "logs", parallelism=2) as node:
        node.leave_alone()
        cause = node.farewell(timeout_s=START_S)["cause"]
    told = "model[0] attempt 0: ModuleNotFoundError: No module named 'no_such_framework'\nTraceback "
    assert cause.startswith(told)
