"""The strategy of workers that train together."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


class WorkersStrategy(tf.distribute.MultiWorkerMirroredStrategy):  # type: ignore[misc] # no types
    """`tf.distribute.MultiWorkerMirroredStrategy`, under which `keras.Model.fit` works.

    Keras 3 asks for the mean of what each step returns over the workers *and* over its first dimension, which
    the scalars that it returns do not have.
    """

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """Reduce over the workers, and over `axis` where a value has one."""
        if axis is not None and tf.is_tensor(value) and value.shape.rank == 0:
            axis = None
        return super().reduce(reduce_op, value, axis)
