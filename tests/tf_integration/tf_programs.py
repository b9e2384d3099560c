"""What the nodes of these tests run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from tf_integration import mean_loss

if TYPE_CHECKING:
    from tf_integration.batch import Batch
    from tf_integration.context import TFContext

LEARNING_RATE = 0.05
LOOP_STEPS = 12
"""Steps that `trains` takes in a loop of its own before it lets Keras go on."""

keras.backend.set_floatx("float64")


def new_model() -> Any:
    """The same weights everywhere."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(LEARNING_RATE), "mse")
    return model


def row_losses(model: Any, x: Any) -> Any:
    """One loss a row, ``(rows,)``."""
    return tf.square(tf.squeeze(model(x), 1) - tf.reduce_sum(x, 1))


def trains(ctx: TFContext) -> None:
    """Trains on given batches, in a loop over its input, then with `fit` on the rest of it."""
    folder = Path(ctx.params["folder"])
    given = trained_on_given(ctx)
    with ctx.strategy.scope():
        model = new_model()
    steps = looped(ctx, model, ctx.params["batch_size"])
    loop_weights = model.get_weights()
    shown, read = fitted(ctx, model, ctx.params["batch_size"])
    ctx.save_model(folder / "model.keras", model)
    ctx.save_model(folder / "model.weights.h5", model)
    ctx.save_model(folder / "saved", model)
    np.savez(folder / f"given-{ctx.rank}.npz", *given)
    np.savez(folder / f"loop-{ctx.rank}.npz", *loop_weights)
    np.savez(folder / f"fit-{ctx.rank}.npz", *model.get_weights())
    (folder / f"steps-{ctx.rank}.json").write_text(json.dumps({"loop": steps, "fit": shown, "read": read}))


def trained_on_given(ctx: TFContext) -> list[Any]:
    """The weights after a step on each of the same global batches, each worker with its share."""
    with ctx.strategy.scope():
        model = new_model()
    step = distributed_step(ctx, model)
    for batch in np.array_split(given_rows(), 10):
        share = np.array_split(batch, ctx.world_size)[ctx.rank]
        step(share, len(batch))
    weights: list[Any] = model.get_weights()
    return weights


def given_rows() -> Any:
    """``(100, 2)``."""
    return np.random.default_rng(7).normal(size=(100, 2))


def distributed_step(ctx: TFContext, model: Any) -> Any:
    """A step of all workers, written without a word of ours."""

    def replica(x: Any, global_rows: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(row_losses(model, x)) / tf.cast(global_rows, x.dtype)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    @tf.function
    def step(x: Any, global_rows: Any) -> None:
        ctx.strategy.run(replica, args=(x, global_rows))

    return lambda x, rows: step(tf.constant(x), tf.constant(rows))


def looped(ctx: TFContext, model: Any, batch_size: int) -> list[Any]:
    """Some steps with `mean_loss`; what was in them."""

    def replica(batch: Batch) -> None:
        with tf.GradientTape() as tape:
            loss = mean_loss(row_losses(model, batch["x"]), batch)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    @tf.function(reduce_retracing=True)
    def step(batch: Batch) -> None:
        ctx.strategy.run(replica, args=(batch,))

    taken: list[Any] = []
    for batch in ctx.batches(batch_size):
        step(batch)
        ctx.emit(id=batch["id"], step=tf.fill([batch.rows], len(taken)))
        taken.append((batch["id"].numpy().tolist(), int(batch.global_rows)))
        if len(taken) == LOOP_STEPS:
            break
    return taken


def fitted(ctx: TFContext, model: Any, batch_size: int) -> tuple[list[Any], list[int]]:
    """`fit` on all that is left.

    Returns:
        What was in each step, the first of them twice; the rows that were asked for by the end of each step.
    """
    shown: list[Any] = []

    def note(ids: Any, global_rows: Any) -> None:
        shown.append((ids.tolist(), int(global_rows)))

    def examples(batch: Batch) -> tuple[Any, Any, Any]:
        tf.numpy_function(note, [batch["id"], batch.global_rows], [])
        return batch["x"], tf.reduce_sum(batch["x"], 1, keepdims=True), batch.weights

    read: list[int] = []
    look = keras.callbacks.LambdaCallback(on_train_batch_end=lambda *_, **__: read.append(ctx._input.rows))
    model.fit(ctx.dataset(batch_size, examples), verbose=0, callbacks=[look])
    return shown, read


def leaves_early(ctx: TFContext) -> None:
    """Rank 0 returns after three steps, the others would go on."""
    steps = 0
    for _ in ctx.dataset(2):
        steps += 1
        if ctx.rank == 0 and steps == 3:
            return
    print("steps", steps, list(ctx.batches()))
