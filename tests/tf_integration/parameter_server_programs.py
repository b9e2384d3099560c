"""What the coordinator of these tests runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from ml_framework.testing.waiting import eventually
from tf_integration import mean_loss

if TYPE_CHECKING:
    from tf_integration.parameter_server.coordinator import CoordinatorContext

RATE = 0.1


def streams(ctx: CoordinatorContext) -> None:
    """Learns ``w`` of ``x · w = x · (1, 1)``, emits each row with the number of its step."""
    with ctx.strategy.scope():
        weights = tf.Variable(tf.zeros((2, 1), tf.float64))
        rows, steps = tf.Variable(0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
        loss = keras.metrics.Mean()

    def step(batch: Any) -> None:
        with tf.GradientTape() as tape:
            losses = tf.square(tf.squeeze(tf.matmul(batch["x"], weights), 1) - tf.reduce_sum(batch["x"], 1))
            mean = mean_loss(losses, batch)
        (gradient,) = tape.gradient(mean, [weights])
        weights.assign_sub(RATE * gradient)
        rows.assign_add(tf.cast(batch.rows, tf.int64))
        loss.update_state(losses)
        ctx.emit(id=batch["id"], step=tf.fill([batch.rows], steps.assign_add(1)))

    read = list(ctx.steps(step, ctx.params["batch_size"]))
    assert read == sorted(read)
    print("rows", read[-1], int(rows), "steps", int(steps), "away", float(tf.reduce_max(abs(weights - 1))))


def counts(ctx: CoordinatorContext) -> None:
    """Counts rows and adds up their ids; says what it began with, and what it has at its end."""
    with ctx.strategy.scope():
        rows, total = tf.Variable(0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
    loops = [0]
    restored = ctx.checkpointed(
        rows=rows, total=total, loops=(lambda: loops[0], lambda saved: loops.__setitem__(0, saved))
    )
    print("restored", restored, int(rows), int(total), loops[0] > 0)

    def step(batch: Any) -> None:
        rows.assign_add(tf.cast(batch.rows, tf.int64))
        total.assign_add(tf.reduce_sum(batch["id"]))
        ctx.emit(id=batch["id"], step=batch["id"])

    for _ in ctx.steps(step, ctx.params["batch_size"]):
        loops[0] += 1
    print("counted", int(rows), int(total))


def fails_in_a_step(ctx: CoordinatorContext) -> None:
    """Meets a row that it cannot take."""

    def step(batch: Any) -> None:
        tf.debugging.assert_less(batch["id"], tf.constant(100, tf.int64), message="no such id")

    for _ in ctx.steps(step, 10):
        pass


def does_something_else(ctx: CoordinatorContext) -> None:
    """Takes what comes; when something has, touches one file and waits for another."""

    def step(batch: Any) -> None:
        ctx.emit(id=batch["id"], step=batch["id"])

    folder = Path(ctx.params["folder"])
    for rows in ctx.steps(step):
        if rows:
            (folder / "read").touch()
            eventually((folder / "go on").exists, timeout_s=60)
