"""Models in ONNX as they score: their files, and what stands before and behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ml_framework.codec import Schema, decode, encode, plan_layout
from ml_framework.context import Batch
from ml_framework.errors import ModelError
from ml_framework.inference import Padding, Scorer
from onnx_integration import models

if TYPE_CHECKING:
    from pathlib import Path


def save(path: Path, inputs: dict[str, Any], nodes: list[Any], output: tuple[str, Any]) -> Path:
    """A model of these inputs and nodes, by name and shape."""
    values = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    name, shape = output
    answer = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "graph", values, [answer])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


@pytest.fixture
def weighted(tmp_path: Path) -> Path:
    """A · b of two columns of floats."""
    column = (TensorProto.FLOAT, ["rows"])
    product = [helper.make_node("Mul", ["a", "b"], ["product"])]
    return save(tmp_path / "model.onnx", {"a": column, "b": column}, product, ("product", ["rows"]))


def onnx_models(**options: Any) -> models.OnnxModels:
    return models.OnnxModels(**{"inputs": ("a", "b"), "outputs": ("y",), **options})


def batch(columns: dict[str, str], **values: Any) -> Batch:
    layout = plan_layout(Schema.parse(list(columns.items())))
    records = decode(layout, memoryview(b"".join(encode(layout, values))))
    return Batch(records, records.rows)


FLOATS = {"a": "FLOAT", "b": "FLOAT"}


def test_inputs_go_by_position_and_outputs_too(weighted: Path) -> None:
    """Whatever the number of rows."""
    model = onnx_models()(weighted)
    assert model(batch(FLOATS, a=[1, 2, 3], b=[4, 5, 6]))["y"].tolist() == [4, 10, 18]
    assert model(batch(FLOATS, a=[2], b=[8]))["y"].tolist() == [16]


def test_a_function_may_name_the_inputs(weighted: Path) -> None:
    """And another makes the answers of the outputs."""
    made = onnx_models(
        inputs=(),
        preprocess=lambda rows: {"b": rows["a"] + 1, "a": rows["a"]},
        postprocess=lambda outputs: {"y": outputs[0] - 1},
    )
    assert made(weighted)(batch({"a": "FLOAT"}, a=[1, 2]))["y"].tolist() == [1, 5]


def test_a_model_of_more_files_is_a_folder(weighted: Path) -> None:
    """With one model in it."""
    assert onnx_models()(weighted.parent)(batch(FLOATS, a=[1], b=[4]))["y"].tolist() == [4]
    weighted.rename(weighted.with_suffix(".txt"))
    with pytest.raises(
        ModelError, match=r"is no model in ONNX: neither an .onnx file, nor a folder with one"
    ):
        onnx_models()(weighted.parent)


def test_another_number_of_inputs_is_told(weighted: Path) -> None:
    with pytest.raises(ModelError, match="the model has the inputs a, b, and is called with 1"):
        onnx_models(inputs=("a",))(weighted)(batch(FLOATS, a=[1], b=[4]))


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    """By ONNX Runtime, which names it."""
    (tmp_path / "model.onnx").write_text("nothing")
    with pytest.raises(Exception, match=r"(?s)Load model from .*model\.onnx failed"):
        onnx_models()(tmp_path / "model.onnx")


def test_rows_of_another_type_are_refused(weighted: Path) -> None:
    """With the type that the model wants."""
    rows = batch({"a": "DOUBLE", "b": "FLOAT"}, a=[1, 2], b=[4, 5])
    parts = list(Scorer(["y"]).answer(onnx_models()(weighted), rows))
    assert ["tensor(double)" in part.error and "tensor(float)" in part.error for part in parts] == [
        True,
        True,
    ]


def test_arrays_are_padded_and_scored_by_bucket(tmp_path: Path) -> None:
    """A model that only adds up shows it: rows keep their answers; it meets the lengths of the buckets."""
    total = [
        helper.make_node("Constant", [], ["axis"], value=helper.make_tensor("", TensorProto.INT64, [1], [1])),
        helper.make_node("ReduceSum", ["a", "axis"], ["sum"], keepdims=0),
    ]
    inputs = {"a": (TensorProto.FLOAT, ["rows", "length"])}
    path = save(tmp_path / "model.onnx", inputs, total, ("sum", ["rows"]))
    rows = batch({"a": "ARRAY<FLOAT>"}, a=[[1.0], [1.0] * 9, [], [2.0, None], [1.0, 2.0, 3.0, 4.0]])
    lengths = []

    class Watched(models.OnnxModels):
        def tensor(self, values: Any) -> Any:
            lengths.append((len(values), values.shape[1]))
            return values

    scored = Watched(inputs=("a",), outputs=("y",), padding=Padding(0.5, (2, 4)))(path)(rows)["y"]
    assert np.allclose(scored, [1.5, 9, 1, 2.5, 10])
    assert lengths == [(3, 2), (1, 4), (1, 9)]
    assert np.allclose(onnx_models(inputs=("a",), padding=Padding())(path)(rows)["y"], [1, 9, 0, 2, 10])


def test_arrays_without_padding_are_told() -> None:
    """They are no tensor."""
    rows = batch({"a": "ARRAY<FLOAT>"}, a=[[1.0]])
    with pytest.raises(ModelError, match=r"a has values that are no numbers: .* pass padding="):
        onnx_models(inputs=("a",)).answered(lambda a: a, rows)
