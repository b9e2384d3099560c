"""The graph of a slice: a loop on a worker that takes one step after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tf_integration import tensors
from tf_integration.batch import Batch
from tf_integration.parameter_server import remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from ml_framework.codec import Layout

REPORT = tf.TensorSpec((4,), tf.int64)
"""Of a worker: its index, the rows that it has handed out, whether there will be no more, and the id of the
checkpoint at whose barrier it stands."""


def slice_of(step: Callable[[Batch], object], layout: Layout, batch_size: int | None) -> Any:
    """The `tf.function` of a slice.

    A worker reads a batch when, and only when, everything that `step` does with the one before is done.

    Args:
        step: what to do with a batch of at least one row, in the replica context of its strategy.
        layout: of the workers' input.
        batch_size: as in `NodeContext.batches`.

    Returns:
        a function without arguments, that returns the worker's `REPORT`.
    """
    specs = tensors.specs(layout)

    def read(*, begins: bool) -> Any:
        size = tf.constant(batch_size or 0, tf.int64)
        return remote.call(remote.READ, size, tf.constant(begins), returns=specs)

    @tf.function  # type: ignore[untyped-decorator] # tensorflow has no types
    def run(rows: Any) -> Any:
        batch = _batch(rows)
        tf.distribute.get_strategy().run(lambda: step(batch))
        return batch.rows

    # Traced for itself first: in a loop no variable could be made.
    traced = run.get_concrete_function(specs)

    def next_of(rows: Any) -> Any:
        done = traced(rows)
        with tf.control_dependencies([done]):
            return read(begins=False)

    @tf.function  # type: ignore[untyped-decorator] # tensorflow has no types
    def a_slice() -> Any:
        rows = tf.while_loop(
            lambda rows: _batch(rows).rows > 0,
            lambda rows: [next_of(rows)],
            [read(begins=True)],
            shape_invariants=[specs],
            parallel_iterations=1,
        )
        with tf.control_dependencies(tf.nest.flatten(rows, expand_composites=True)):
            return remote.call(remote.REPORT, returns=REPORT)

    return a_slice


def _batch(rows: Any) -> Batch:
    count = Batch(rows, tf.constant(0, tf.int64), 1).rows
    return Batch(rows, tf.cast(count, tf.int64), 1)
