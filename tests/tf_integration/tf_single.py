"""What a worker that is alone, and an evaluator beside it, find; left as JSON for the test."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ml_framework.errors import Stopped
from ml_framework.testing.waiting import eventually
from tf_integration import mean_loss

if TYPE_CHECKING:
    from tf_integration.context import TFContext


def alone(ctx: TFContext) -> None:
    """Looks at eight rows in every way, then waits for more until it is asked to end."""
    folder = Path(ctx.params["folder"])
    dataset = ctx.dataset(2)
    found = {
        "strategy": type(ctx.strategy).__name__,
        "replicas": ctx.strategy.num_replicas_in_sync,
        "device": ctx.device,
        "place": [ctx.rank, ctx.world_size],
        "specs": {name: repr(spec) for name, spec in dataset.element_spec.columns.items()},
        "loop_refused": loop_refusal(dataset),
        "refused": {name: refusal(dataset, name) for name in ("shuffle", "prefetch", "batch", "map")},
        **reads(ctx, dataset),
        **saves(ctx, folder),
    }
    (folder / "alone.json").write_text(json.dumps(found))
    eventually((folder / "beside.json").exists, timeout_s=60)
    try:
        print("waits")  # from here on it may be asked to end
        for _ in ctx.dataset():
            print("got more")
        print("takes that for the end of the input")
    except Stopped:
        print("is stopped")
        raise
    finally:
        print("goodbye")


def refusal(dataset: Any, stage: str) -> str:
    """What it says instead of adding a stage."""
    try:
        getattr(dataset, stage)(2)
    except TypeError as error:
        return str(error)
    return "no refusal"


def loop_refusal(dataset: Any) -> str:
    """What it says to a loop within a graph."""
    try:
        tf.function(lambda: iter(dataset).get_next_as_optional())()
    except TypeError as error:
        return str(error)
    return "no refusal"


def reads(ctx: TFContext, dataset: Any) -> dict[str, Any]:
    """The rows, two by two.

    The first by a look, by another, and in a `tf.function`; then by another iterator, and as a batch.
    """
    shown = next(iter(dataset))
    again = next(iter(dataset))
    iterator = iter(dataset)

    @tf.function
    def ids() -> Any:
        return next(iterator)["id"]

    in_function = [ids().numpy().tolist() for _ in range(2)]
    eager = next(iter(dataset))
    last = next(iter(ctx.batches(2)))
    return {
        "shown": [batch["id"].numpy().tolist() for batch in (shown, again)],
        "in_function": in_function,
        "eager": [batch["id"].numpy().tolist() for batch in (eager, last)],
        "scalar": scalar_loss(shown),
        "names": list(shown),
        "rows": [int(shown.rows), int(shown.global_rows), shown.world_size],
        "weights": shown.weights.numpy().tolist(),
        "valid": [valid_in(shown), valid_in(last), valid_in(shown, tf.function)],
        "values": {name: values_of(shown[name]) for name in shown if name != "id"},
    }


def valid_in(batch: Any, traced: Any = lambda function: function) -> dict[str, Any]:
    """Which values of each column are not null."""
    found = traced(lambda rows: {name: rows.valid(name) for name in rows})(batch)
    return {name: valid.numpy().tolist() for name, valid in found.items()}


def scalar_loss(batch: Any) -> str:
    """What `mean_loss` says to a loss that is reduced already."""
    try:
        mean_loss(tf.constant(1.0), batch)
    except ValueError as error:
        return str(error)
    return "no refusal"


def values_of(tensor: Any) -> Any:
    """As JSON takes them; NaN as its name."""
    listed = tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()
    return json.loads(
        json.dumps(listed, default=lambda value: value.decode("latin-1")).replace("NaN", '"NaN"')
    )


class Scale(tf.Module):
    """Multiplies."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec(())])
    def times(self, x: Any) -> Any:
        return self.factor * x


def saves(ctx: TFContext, folder: Path) -> dict[str, Any]:
    """A module twice at the same place, bytes, and a function that writes them."""
    for factor in (2.0, 3.0):
        ctx.save_model(folder / "module", Scale(factor))
    ctx.save_model(folder / "bytes", b"some")
    path = ctx.save_model(folder / "written", lambda file: file.write(b"more"))
    loaded = tf.saved_model.load(str(folder / "module"))
    return {
        "module": float(loaded.times(tf.constant(2.0))),
        "bytes": (folder / "bytes").read_text(),
        "written": path.read_text(),
        "left": sorted(entry.name for entry in folder.iterdir()),
    }


def beside(ctx: TFContext) -> None:
    """An evaluator with objects for rows."""
    try:
        ctx.dataset()
        refused = "no refusal"
    except ValueError as error:
        refused = str(error)
    found = {
        "strategy": type(ctx.strategy).__name__,
        "place": [ctx.rank, ctx.world_size],
        "config": json.loads(os.environ["TF_CONFIG"]),
        "addresses": dict(ctx.addresses),
        "refused": refused,
    }
    part = Path(ctx.params["folder"]) / "beside.part"
    part.write_text(json.dumps(found))
    part.rename(part.with_suffix(".json"))
