"""`Batch`: the rows of one step, as tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping  # noqa: TC003 - read at run time
from typing import Any, Union

import tensorflow as tf

from ml_framework.names import suggestion


class Batch(tf.experimental.ExtensionType):  # type: ignore[misc] # tensorflow has no types
    """Rows from Flink by name, in the order of the schema: ``batch["price"]``.

    It may be passed to a `tf.function`, to ``strategy.run`` and through `tf.data`. The tensors are copies:
    they stay valid. `tf_integration.tensors` says which column becomes what.

    Args:
        rows: the columns by name, and which of their values are not null, as `tensors.values` gives them.
        global_rows: as below.
        world_size: as below.

    Attributes:
        columns: the tensors by name, each with one row a record.
        global_rows: rows of this step over all workers, at least 1; a scalar ``tf.int64``.
        world_size: workers that take this step together.
    """

    columns: Mapping[str, Union[tf.Tensor, tf.RaggedTensor]]  # noqa: UP007 - read at run time
    global_rows: tf.Tensor
    world_size: int
    _valid: tf.Tensor

    def __init__(self, rows: tuple[Mapping[str, Any], Any], global_rows: Any, world_size: int) -> None:
        self.columns, self._valid = rows
        self.global_rows = global_rows
        self.world_size = world_size

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def valid(self, name: str) -> Any:
        """Which values of column `name` are not null: ``(rows,) tf.bool``; those of a group all are.

        Raises:
            KeyError: there is no such column.
        """
        if name not in self.columns:
            raise KeyError(f"there is no column {name!r}: {suggestion(name, list(self.columns))}")
        return self._valid[:, sorted(self.columns).index(name)]

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
