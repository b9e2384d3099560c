"""What the TensorFlow variant of the example does with the first flights, left as JSON for the tests.

A program of its own: the tests' process has PyTorch in it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dataset
import evaluation
import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf
from evaluation_tensorflow import RollingAuc
from model_tensorflow import CROSSES, encode, new_model, new_optimizer, test_then_train
from train_tensorflow import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH_SIZE = 256


def batches(departures: pa.Table) -> Iterator[dict[str, Any]]:
    """The departures as the workers get them."""
    columns = {name: values(departures[name]) for name in departures.column_names}
    for start in range(0, len(departures), BATCH_SIZE):
        yield {name: tf.constant(column[start : start + BATCH_SIZE]) for name, column in columns.items()}


def values(column: pa.ChunkedArray) -> Any:
    return (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_numpy()


def mean(losses: Any, _batch: object) -> Any:
    return tf.reduce_mean(losses)


def shapes(batch: dict[str, Any]) -> dict[str, Any]:
    codes, numbers = encode(batch)
    model = new_model()
    return {
        "codes": [codes.shape.as_list(), codes.dtype.name],
        "numbers": [numbers.shape.as_list(), numbers.dtype.name],
        "logits": [model([codes, numbers]).shape.as_list(), model([codes, numbers]).dtype.name],
        "same_seed": all(map(np.array_equal, model.get_weights(), new_model().get_weights())),
        "codes_in_order": bool((np.diff(codes, axis=1) > 0).all()),  # no two columns share a code
        "codes_below": [int(tf.reduce_max(codes)), model.get_layer("wide").input_dim],
        "crosses": len(CROSSES),
    }


def unknown(batch: dict[str, Any]) -> dict[str, Any]:
    """An airline, and a temperature, that nobody has heard of."""
    strange = batch | {"carrier": tf.fill([BATCH_SIZE], "??"), "temp": tf.fill([BATCH_SIZE], np.nan)}
    codes, numbers = encode(strange)
    return {
        "carriers": np.unique(codes[:, 0]).tolist(),
        "finite": bool(np.isfinite(new_model()([codes, tf.cast(numbers, tf.float32)])).all()),
    }


def step(batch: dict[str, Any]) -> dict[str, bool]:
    model = new_model()
    before = model.get_weights()
    fresh = tf.sigmoid(model(encode(batch)))[:, 0]
    optimizer = new_optimizer(model)
    score = tf.function(lambda: test_then_train(model, optimizer, batch, mean))()
    after = tf.sigmoid(model(encode(batch)))[:, 0]
    changed = [not np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True)]
    return {
        "score_is_from_before": bool(np.allclose(score, fresh, atol=1e-6)),
        "model_has_moved": not np.allclose(score, after, atol=1e-6),
        "every_weight_has_moved": all(changed),
    }


def rolling() -> list[float]:
    generator = np.random.default_rng(1)
    ours, theirs = RollingAuc(rows=2_000), evaluation.RollingAuc(rows=2_000)
    for _ in range(50):
        score = generator.random(100, np.float32)
        late = generator.random(100) < score
        ours.update(tf.constant(score), tf.constant(late))
        theirs.update(score, late)
    return [ours.auc(), theirs.of(theirs.counts)]


@dataclass
class Context:
    """A coordinator whose only worker is itself."""

    params: dict[str, Any]
    rows: pa.Table
    logged: dict[str, float] = field(default_factory=dict)
    emitted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def strategy(self) -> Any:
        return tf.distribute.get_strategy()

    @property
    def metrics(self) -> Any:
        return SimpleNamespace(log=self.logged.update)

    def steps(self, step: Callable[[Any], None], batch_size: int) -> Iterator[int]:
        for batch in batches(self.rows):
            assert len(batch["flight"]) <= batch_size
            step(Rows(batch))
            yield len(batch)

    def emit(self, **columns: Any) -> None:
        self.emitted.append(columns)

    def save_model(self, path: str, model: Any) -> None:
        model.save(path)


class Rows(dict[str, Any]):
    """A batch as `mean_loss` wants it."""

    @property
    def global_rows(self) -> int:
        return len(self["flight"])


def run(rows: pa.Table, folder: Path) -> dict[str, Any]:
    context = Context({"batch_size": BATCH_SIZE, "model": str(folder / "model.keras")}, rows)
    main(context)
    trained = keras.models.load_model(folder / "model.keras")
    last = next(batches(rows.slice(len(rows) - BATCH_SIZE)))
    return {
        "flights": [int(flight) for columns in context.emitted for flight in columns["flight"]],
        "columns": sorted(context.emitted[0]),
        "logged": sorted(context.logged),
        "loaded": bool(np.isfinite(trained(encode(last))).all()),
    }


def report(prepared: Path, folder: Path) -> None:
    rows = dataset.departures(prepared)
    batch = next(batches(rows))
    found = {
        "shapes": shapes(batch),
        "unknown": unknown(batch),
        "step": step(batch),
        "rolling": rolling(),
        "run": run(rows.slice(0, 1_000), folder),
    }
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    report(Path(sys.argv[1]), Path(sys.argv[2]))
