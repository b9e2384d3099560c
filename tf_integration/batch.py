"""`Batch`: the rows of one step, as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping  # noqa: TC003 - read at run time
from typing import Any, Union

import tensorflow as tf


class Batch(tf.experimental.ExtensionType):  # type: ignore[misc] # tensorflow has no types
    """Rows from Flink by name, in the order of the schema: ``batch["price"]``.

    It may be passed to a `tf.function`, to ``strategy.run`` and through `tf.data`. The tensors are copies:
    they stay valid. `tf_integration.tensors` says which column becomes what.

    Attributes:
        columns: the tensors by name, each with one row a record.
        global_rows: rows of this step over all workers, at least 1; a scalar ``tf.int64``.
        world_size: workers that take this step together.
    """

    columns: Mapping[str, Union[tf.Tensor, tf.RaggedTensor]]  # noqa: UP007 - read at run time
    global_rows: tf.Tensor
    world_size: int

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    @property
    def rows(self) -> Any:
        """Rows in this batch, a scalar; 0 where only other workers have rows in this step."""
        first = next(iter(self.columns.values()))
        return first.nrows() if isinstance(first, tf.RaggedTensor) else tf.shape(first)[0]

    @property
    def weights(self) -> Any:
        """``(rows,) tf.float32``, sample weights by which `keras.Model.fit` weighs every row alike.

        Keras divides the loss of a worker by its own rows ``n_r`` and by the number of workers ``W``, and
        adds up their gradients. With weights of ``W · n_r / N`` that is the gradient of the mean over all
        ``N`` rows of the step, on whichever worker they are. They are 1 where all have equally many rows.
        """
        rows = self.rows
        share = tf.cast(rows, tf.float32) / tf.cast(self.global_rows, tf.float32)
        return tf.fill([rows], self.world_size * share)
