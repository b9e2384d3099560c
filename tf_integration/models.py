"""Models of TensorFlow, as they score a stream: loaded from their files, called with a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ml_framework import context
from ml_framework.errors import ModelError
from ml_framework.inference.loader import ModelLoader
from tf_integration import tensors
from tf_integration.inference import KERAS
from tf_integration.log import say, tamed
from tf_integration.state import TENSORFLOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch

WEIGHTS = ".weights.h5"
"""How the name of a file ends that holds the weights of a model of Keras."""


class ScoredBatch(context.Batch):
    """Rows from Flink: a dict of name to what TensorFlow takes as a tensor, see `tf_integration.tensors`."""

    def _of(self, records: RecordBatch) -> ScoredBatch:
        return ScoredBatch(records, records.rows)

    def _converted(self, values: Any) -> Any:
        return tensors.value(values)


class ScoringContext(context.NodeContext):
    """The context of a node that scores by itself."""

    _framework = TENSORFLOW

    def _join(self) -> None:
        with tamed():
            tf.config.list_logical_devices()
        say(f"{self.role}[{self.index}]")

    def _columns(self, records: RecordBatch, global_rows: int) -> ScoredBatch:
        return ScoredBatch(records, global_rows)


class TFModels(ModelLoader):
    """Loads models of TensorFlow; see `tf_integration.inference`."""

    def load(self, path: Path) -> Callable[..., Any]:
        """A model of Keras, or a SavedModel."""
        with tamed():
            if path.name.endswith((KERAS, WEIGHTS)):
                return _traced(self._keras_model(path))
            if (path / "saved_model.pb").is_file():
                self.check_whole(path)
                return _served(tf.saved_model.load(str(path)))
        raise ModelError(
            f"{path} is no model of TensorFlow: it is neither a {KERAS} nor a {WEIGHTS} file, nor the folder "
            "of a SavedModel"
        )

    def argument(self, name: str, values: Any) -> Any:  # noqa: ARG002 - text and ragged tensors, too
        """A column or group as it is."""
        return values

    def array(self, values: Any) -> NDArray[Any]:
        """A tensor as an array."""
        array: NDArray[Any] = tf.convert_to_tensor(values).numpy()
        return array if array.dtype.kind != "O" else np.frompyfunc(bytes.decode, 1, 1)(array)

    def _keras_model(self, path: Path) -> Any:
        if path.name.endswith(KERAS):
            self.check_whole(path)
            return keras.saving.load_model(path, compile=False)
        if self.factory is None:
            raise ModelError(
                f"{path} holds no model but its weights: pass factory=, which makes the model for them, or "
                f"save the model as a {KERAS} file"
            )
        model = self.factory()
        model.load_weights(path)
        return model


def _traced(model: Any) -> Callable[..., Any]:
    """A model of Keras as one graph, whatever the number of rows; several inputs are one list, or a dict."""

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator] # tensorflow has no types
    def traced(inputs: Any) -> Any:
        return model(inputs, training=False)

    def function(*inputs: Any, **named: Any) -> Any:
        one = inputs[0] if len(inputs) == 1 else list(inputs)
        return traced(tf.nest.map_structure(tf.convert_to_tensor, named or one))

    return function


def _served(loaded: Any) -> Callable[..., Any]:
    """A SavedModel: its endpoint as Keras exports it, or the object itself if it can be called."""
    name = "serve" if hasattr(loaded, "serve") else "__call__"
    if not hasattr(loaded, name):
        raise ModelError(
            "the SavedModel cannot be called: save a Keras model by its export(), or a tf.Module with a "
            "__call__ that is a tf.function"
        )

    def function(*inputs: Any, **named: Any) -> Any:
        inputs, named = tf.nest.map_structure(tf.convert_to_tensor, (inputs, named))
        return getattr(loaded, name)(*inputs, **named)  # `loaded` itself is what keeps its variables alive

    return function
