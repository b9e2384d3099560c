"""Entrypoints that the Flink tests run with TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from ml_framework.testing.waiting import eventually
from tf_integration import mean_loss

RATE = 0.1


def fit_a_line(ctx: Any) -> None:
    """The chief: learns 3x - 2 in `steps` scheduled steps, writes checkpoints, waits half-way to go on."""
    folder, steps = Path(ctx.params["folder"]), ctx.params["steps"]
    with ctx.strategy.scope():
        line = new_line()
    checkpoints = tf.train.CheckpointManager(tf.train.Checkpoint(**line), folder / "checkpoints", None)
    x = tf.linspace(-1.0, 1.0, 32)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(line["slope"] * x + line["offset"] - (3 * x - 2)))
        for name, gradient in tape.gradient(loss, {k: line[k] for k in ("slope", "offset")}).items():
            line[name].assign_sub(RATE * gradient)
        line["steps"].assign_add(1)

    for done in range(0, steps, 10):
        if done == steps // 2:
            (folder / "half").touch()
            eventually((folder / "go on").exists, timeout_s=60)
        for _ in range(10):
            ctx.coordinator.schedule(step)
        ctx.coordinator.join()
        checkpoints.save(done + 10)


def new_line() -> dict[str, Any]:
    """What is learned, and how many steps it took."""
    return {"slope": tf.Variable(0.0), "offset": tf.Variable(0.0), "steps": tf.Variable(0)}


def evaluate(ctx: Any) -> None:
    """The evaluator: looks at the latest checkpoint until it is stopped, and once more then."""
    folder = Path(ctx.params["folder"])
    line = new_line()
    seen: list[str] = []
    stopped = False
    while not stopped:
        stopped = ctx.stopping.wait(0.05)
        latest = tf.train.latest_checkpoint(folder / "checkpoints")
        if latest is not None and latest not in seen[-1:]:
            seen.append(latest)
            tf.train.Checkpoint(**line).restore(latest).assert_consumed()
            (folder / "evaluates").touch()
    slope, offset, steps = (variable.numpy() for variable in line.values())
    (folder / "evaluated").write_text(f"{steps} steps: {slope:.2f} x {offset:+.2f}")


def stream_to_servers(ctx: Any) -> None:
    """The chief: learns ``w`` of ``x · w = x · (1, 1)`` from rows; each comes back with its step's number."""
    with ctx.strategy.scope():
        weights = tf.Variable(tf.zeros((2, 1), tf.float64))
        rows, steps = tf.Variable(0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)

    def step(batch: Any) -> None:
        with tf.GradientTape() as tape:
            mean = mean_loss(row_losses(weights, batch["x"]), batch)
        weights.assign_sub(RATE * tape.gradient(mean, weights))
        rows.assign_add(tf.cast(batch.rows, tf.int64))
        number = tf.fill([batch.rows], steps.assign_add(1))
        ctx.emit(id=batch["id"], name=batch["name"], step=number)

    read = list(ctx.steps(step, batch_size=64))
    away = float(tf.reduce_max(abs(weights - 1)))
    Path(ctx.params["folder"], "chief").write_text(f"{read[-1]} {int(rows)} {int(steps)} {away}")


def count_on_servers(ctx: Any) -> None:
    """Counts rows and adds them up, exactly, on the servers; each row comes back."""
    with ctx.strategy.scope():
        rows, total = tf.Variable(0, dtype=tf.int64), tf.Variable(0, dtype=tf.int64)
    restored = ctx.checkpointed(rows=rows, total=total)
    begun_at = int(rows)

    def step(batch: Any) -> None:
        rows.assign_add(tf.cast(batch.rows, tf.int64))
        total.assign_add(tf.reduce_sum(batch["x"]))
        ctx.emit(x=batch["x"])

    read = max(ctx.steps(step, batch_size=20))
    counted = f"{restored} {begun_at + read} {int(rows)} {int(total)}"
    Path(ctx.params["folder"], "counted").write_text(counted)


def row_losses(weights: Any, x: Any) -> Any:
    """One a row, ``(rows,)``."""
    return tf.square(tf.squeeze(tf.matmul(x, weights), 1) - tf.reduce_sum(x, 1))


def stream_to_workers(ctx: Any) -> None:
    """Workers learn the same together; each row comes back with the step, and the rows that are in it."""
    with ctx.strategy.scope():
        weights = tf.Variable(tf.zeros((2, 1), tf.float64))

    def replica(batch: Any) -> None:
        with tf.GradientTape() as tape:
            mean = mean_loss(row_losses(weights, batch["x"]), batch)
        gradient = tf.distribute.get_replica_context().all_reduce("SUM", tape.gradient(mean, weights))
        weights.assign_sub(RATE * gradient)

    @tf.function(reduce_retracing=True)
    def step(batch: Any) -> None:
        ctx.strategy.run(replica, args=(batch,))

    for number, batch in enumerate(ctx.batches(batch_size=64)):
        step(batch)
        numbers, rows = tf.fill([batch.rows], number), tf.fill([batch.rows], batch.global_rows)
        ctx.emit(id=batch["id"], name=batch["name"], step=numbers, global_rows=rows)
    away = float(tf.reduce_max(abs(weights - 1)))
    Path(ctx.params["folder"], f"worker-{ctx.index}").write_text(str(away))


def fail_until(ctx: Any) -> None:
    """Worker 1 raises at the attempts below `until`, worker 0 waits for it in a collective."""
    attempt = Path(ctx.params["folder"], f"worker-{ctx.index}-{ctx.attempt}")
    attempt.write_text(ctx.addresses[ctx.role][ctx.index])
    if ctx.index == 1 and ctx.attempt < ctx.params["until"]:
        raise ValueError(f"attempt {ctx.attempt} is meant to fail")

    @tf.function
    def total() -> Any:
        return ctx.strategy.run(
            lambda: tf.distribute.get_replica_context().all_reduce("SUM", tf.constant(ctx.rank + 1))
        )

    attempt.with_name(f"sum-{ctx.index}").write_text(str(int(total())))
