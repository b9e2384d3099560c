"""What the chief runs: TensorFlow as it is written for parameter servers, and the export of the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import digits
import keras
import tensorflow as tf
from network import new_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from tf_integration.parameter_server.coordinator import CoordinatorContext


def main(ctx: CoordinatorContext) -> None:
    """Have the workers train on every file, `epochs` times; write the model."""
    keras.utils.set_random_seed(0)
    with ctx.strategy.scope():
        model = new_network()
        optimizer = keras.optimizers.Adam(ctx.params["learning_rate"])
        optimizer.build(model.trainable_variables)
        totals = tf.Variable(tf.zeros(3))  # rows, their losses, and how many were right
    train_on = new_task(ctx, model, optimizer, totals)
    files = digits.train_files(Path(ctx.params["folder"]))
    for epoch in range(1, ctx.params["epochs"] + 1):
        for file in files:
            ctx.coordinator.schedule(train_on, args=(file,))
        ctx.coordinator.join()
        rows, loss, right = totals.numpy()
        print(f"epoch {epoch:2}  {rows:,.0f} digits  loss {loss / rows:.3f}  accuracy {right / rows:.3f}")
        ctx.metrics.log(epoch=epoch, loss=loss / rows, accuracy=right / rows)
        totals.assign(tf.zeros(3))
    out = Path(ctx.params["out"])
    ctx.save_model(out / "digits.keras", model)
    ctx.save_model(out / "saved_model", model)


def new_task(ctx: CoordinatorContext, model: Any, optimizer: Any, totals: Any) -> Callable[[str], None]:
    """What is scheduled: one pass over one file, which the worker that takes it reads itself."""
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")

    def step(images: Any, labels: Any) -> None:
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            losses = loss_of(labels, logits)
            mean = tf.reduce_mean(losses)
        gradients = tape.gradient(mean, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        right = tf.cast(tf.argmax(logits, 1) == labels, tf.float32)
        totals.assign_add([tf.cast(tf.size(labels), tf.float32), tf.reduce_sum(losses), tf.reduce_sum(right)])

    @tf.function
    def train_on(file: Any) -> None:
        for images, labels in iter(digits.batches(file, ctx.params["batch_size"])):
            ctx.strategy.run(step, args=(images, labels))

    return train_on
