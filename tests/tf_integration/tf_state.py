"""Trains a small model. As a program, it restores it from a checkpoint and leaves what it finds as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ml_framework.checkpoint import decode, stateful
from tf_integration.state import TENSORFLOW

FEATURES = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)
LABELS = np.linspace(0, 1, 8, dtype=np.float32).reshape(8, 1)


def built() -> tuple[Any, Any]:
    """A model that drops out, and its optimizer."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(1),
        ]
    )
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def step(model: Any, optimizer: Any) -> float:
    """One of training; its loss."""
    with tf.GradientTape() as tape:
        noise = tf.random.get_global_generator().normal((8, 1))
        loss = tf.reduce_mean(tf.square(model(FEATURES, training=True) - LABELS - 0.01 * noise))
    optimizer.apply(tape.gradient(loss, model.trainable_variables))
    return float(loss)


def trained(model: Any, optimizer: Any) -> dict[str, Any]:
    """What two steps come to, and the names of the variables."""
    losses = [step(model, optimizer) for _ in range(2)]
    variables = (*model.variables, *optimizer.variables)
    return {
        "names": [variable.path for variable in model.variables],
        "losses": losses,
        "values": [variable.numpy().tobytes().hex() for variable in variables],
    }


def restored(state: bytes) -> dict[str, Any]:
    """What two steps come to from there, in a process where Keras gives other names."""
    for _ in range(100):  # more than whoever trained has made
        keras.layers.Dense(1)
    keras.utils.set_random_seed(2)
    model, optimizer = built()
    tree = decode(state, TENSORFLOW.kinds)
    stateful("model", model, TENSORFLOW).load(tree["model"])
    stateful("optimizer", optimizer, TENSORFLOW).load(tree["optimizer"])
    TENSORFLOW.set_random_state(tree["random"])
    return trained(model, optimizer)


def replicas() -> list[Any]:
    """The local values of variables of two replicas, before and after their state plus 4 was loaded."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        mirrored = tf.Variable(1.0)
        per_replica = tf.Variable(
            1.0,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.SUM,
        )
    found = []
    for variable in (mirrored, per_replica):
        item = stateful("it", variable, TENSORFLOW)
        saved = item.save()[""]
        item.load({"": saved + 4})
        found.append([float(saved), *(float(part) for part in variable.values)])
    return found


def main(folder: Path) -> None:
    """Go on from the state in `folder`, and see what variables of two replicas do."""
    twice = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], twice)
    found = {"trained": restored((folder / "state").read_bytes()), "replicas": replicas()}
    (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
