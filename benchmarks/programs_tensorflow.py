"""What our contender runs in the user's process with TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from benchmarks.receipt import Receipt


def sum_tensors(ctx: Any) -> None:
    """One way: every column and group is a `tf.Tensor`, and is added up."""
    receipt, total = Receipt(**ctx.params), 0.0
    for batch in ctx.batches():
        total += sum(float(tf.reduce_sum(batch[name])) for name in batch)
        receipt.add(int(batch.rows))
    receipt.write(sum=total)
