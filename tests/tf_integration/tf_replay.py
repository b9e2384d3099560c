"""A fresh process: replays what workers did, alone, and loads what they saved; prints JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tf_programs import LEARNING_RATE, given_rows, new_model, row_losses


def features(ids: Any) -> Any:
    """``(rows, 2)`` inputs in [-1, 1], as the test feeds them."""
    return np.stack([np.sin(ids), np.cos(3 * np.asarray(ids))], axis=1)


def step(model: Any, x: Any) -> None:
    """One step of plain gradient descent on the mean loss."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(row_losses(model, tf.constant(x)))
    for variable, gradient in zip(
        model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
    ):
        variable.assign_sub(LEARNING_RATE * gradient)


def difference(model: Any, path: Path) -> float:
    """The largest between the weights of `model` and those at `path`."""
    with np.load(path) as saved:
        pairs = zip(model.get_weights(), saved.values(), strict=True)
        return max(float(np.abs(mine - theirs).max()) for mine, theirs in pairs)


def main(folder: Path) -> None:
    """Compare everything."""
    ranks = [json.loads((folder / f"steps-{rank}.json").read_text()) for rank in range(2)]
    found: dict[str, Any] = {}

    model = new_model()
    for batch in np.array_split(given_rows(), 10):
        step(model, batch)
    found["given"] = [difference(model, folder / f"given-{rank}.npz") for rank in range(2)]

    model = new_model()
    for both in zip(*(rank["loop"] for rank in ranks), strict=True):
        step(model, features([row for ids, _ in both for row in ids]))
    found["loop"] = [difference(model, folder / f"loop-{rank}.npz") for rank in range(2)]

    for both in zip(*(rank["fit"][1:] for rank in ranks), strict=True):
        step(model, features([row for ids, _ in both for row in ids]))
    found["fit"] = [difference(model, folder / f"fit-{rank}.npz") for rank in range(2)]

    loaded = keras.models.load_model(folder / "model.keras")
    found["keras"] = difference(loaded, folder / "fit-0.npz")
    loaded = new_model()
    loaded.load_weights(folder / "model.weights.h5")
    found["weights"] = difference(loaded, folder / "fit-0.npz")
    saved = tf.saved_model.load(str(folder / "saved"))
    served = saved.serve(tf.constant(features([1, 2]))).numpy()
    found["saved"] = float(np.abs(served - loaded(features([1, 2])).numpy()).max())
    print(json.dumps(found))


main(Path(sys.argv[1]))
