"""Python functions of a worker's process, called by graphs and operations that run in it.

TensorFlow's ``PyFunc`` looks its function up by a token in the process in which it is executed. It is meant
for functions of the process that builds the graph, whose tokens TensorFlow draws itself. We register
functions under tokens of our own in the workers, and build the operation in the coordinator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorflow.python.ops import script_ops

if TYPE_CHECKING:
    from collections.abc import Callable

READ = "mlflink_read"
EMIT = "mlflink_emit"
REPORT = "mlflink_report"
DESCRIBE = "mlflink_describe"
HAND_OVER = "mlflink_hand_over"
RELEASE = "mlflink_release"
RETIRE = "mlflink_retire"
LEAVE = "mlflink_leave"

_registered: dict[str, Callable[..., Any]] = {}
"""TensorFlow's registry holds what it is given by a weak reference."""


def register(token: str, function: Callable[..., Any]) -> None:
    """Let graphs call `function` of this process by `token`; it gets and returns numpy arrays."""
    _registered[token] = function
    script_ops._py_funcs._funcs[token] = function


def call(token: str, *inputs: Any, returns: Any = ()) -> Any:
    """Call what the process that executes this has registered under `token`.

    Args:
        token: of the function.
        inputs: tensors.
        returns: structure of `tf.TypeSpec` that the result has; the function returns its flat components.
    """
    specs = tf.nest.flatten(returns, expand_composites=True)
    values = tf.raw_ops.PyFunc(input=list(inputs), token=token, Tout=[spec.dtype for spec in specs])
    if not specs:
        return values  # the operation
    for value, spec in zip(values, specs, strict=True):
        if not tf.executing_eagerly():
            value.set_shape(spec.shape)
    return tf.nest.pack_sequence_as(returns, values, expand_composites=True)


def on_worker(index: int) -> Any:
    """The device scope of a worker."""
    return tf.device(f"/job:worker/replica:0/task:{index}")
