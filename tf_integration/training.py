"""Models of Keras as an estimator trains them, and as they score what it transforms."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from ml_framework import context
from ml_framework.errors import ModelError
from ml_framework.estimator import Arguments, Trainer, is_value
from tf_integration.context import TFContext
from tf_integration.models import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch


class FittingContext(TFContext):
    """The context of a node that fits a model: under a strategy, with batches of arrays."""

    def _columns(self, records: RecordBatch, global_rows: int) -> context.Batch:
        return context.Batch(records, global_rows)


class KerasTrainer(Trainer):
    """Trains a model; the gradients are those of the mean loss over the rows of all workers.

    Args:
        ctx: of the node.
        seed: of Keras's random numbers, the same on all workers.
        factory: makes the model; whether it is compiled does not matter.
        loss: of labels and answers: one loss a row, or their mean; or what `keras.losses.get` takes.
        optimizer: makes the optimizer; or what `keras.optimizers.get` takes.
    """

    def __init__(
        self,
        ctx: TFContext,
        *,
        seed: int,
        factory: Callable[[], keras.Model],
        loss: str | Callable[[Any, Any], Any],
        optimizer: str | dict[str, Any] | Callable[[], keras.optimizers.Optimizer],
    ) -> None:
        keras.utils.set_random_seed(seed)
        self._strategy = ctx.strategy
        self._world_size = ctx.world_size
        self._loss = keras.losses.get(loss)
        with ctx.strategy.scope():
            self._model = _made(factory)
            made = optimizer() if callable(optimizer) else optimizer
            self._optimizer = keras.optimizers.get(made)
            self._optimizer.build(self._model.trainable_variables)
        self._step: Callable[..., Any] | None = None
        self._summed = tf.function(
            lambda numbers: ctx.strategy.run(_sum_over_workers, args=(numbers,)), autograph=False
        )

    def step(self, inputs: Sequence[NDArray[Any]], label: NDArray[Any], share: float) -> float:
        """`Trainer.step`."""
        if self._step is None:
            self._step = self._traced(inputs, label)
        return float(self._step(*inputs, label, np.float32(share)))

    def total(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """`Trainer.total`."""
        array: NDArray[np.float64] = self._summed(tf.constant(numbers)).numpy()
        return array

    def weights(self) -> bytes:
        """A file of Keras's weights; all workers have to ask, as variables may have to be read from all."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"model{WEIGHTS}"
            self._model.save_weights(path)
            return path.read_bytes()

    def _traced(self, inputs: Sequence[NDArray[Any]], label: NDArray[Any]) -> Callable[..., Any]:
        """One graph, whatever the number of rows: workers must not differ in how many they trace."""
        arrays = [tf.TensorSpec((None, *values.shape[1:]), values.dtype) for values in (*inputs, label)]
        signature = [*arrays, tf.TensorSpec((), tf.float32)]

        @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator] # as Keras does
        def step(*values: Any) -> Any:
            return self._strategy.run(self._replica, args=(list(values[:-2]), *values[-2:]))

        traced: Callable[..., Any] = step
        return traced

    def _replica(self, inputs: list[Any], label: Any, share: Any) -> Any:
        with tf.GradientTape() as tape:
            answers = self._model(inputs[0] if len(inputs) == 1 else inputs, training=True)
            loss = _mean(self._loss(_comparable(label, answers), answers), label)
            target = loss * tf.cast(share, loss.dtype)
            if self._model.losses:  # of regularizers: once, over all workers
                target += tf.cast(tf.add_n(self._model.losses), loss.dtype) / self._world_size
        variables = self._model.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(target, variables), variables, strict=True))
        return loss


class Scoring:
    """A model to be called with columns one by one, as `tf_integration.models` calls one of Keras."""

    def __init__(self, model: keras.Model, arguments: Arguments) -> None:
        self._model = model
        self._arguments = arguments

    def load_weights(self, path: Path) -> None:
        """Those of the model."""
        self._model.load_weights(path)

    def __call__(self, columns: Any, *, training: bool) -> Any:
        """The model's answers."""
        inputs = self._arguments.arranged(
            columns if isinstance(columns, list) else [columns],
            cast=tf.cast,
            stack=lambda values: tf.stack(values, axis=1),
        )
        return self._model(inputs[0] if len(inputs) == 1 else list(inputs), training=training)


def scoring_model(factory: Callable[[], keras.Model], arguments: Arguments) -> Scoring:
    """The model of `factory`, to be called with columns one by one; its weights are the same."""
    return Scoring(_made(factory), arguments)


def filled(factory: Callable[[], keras.Model], weights: bytes) -> keras.Model:
    """The model of `factory` with these weights."""
    model = _made(factory)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{WEIGHTS}"
        path.write_bytes(weights)
        model.load_weights(path)
    return model


def _made(factory: Callable[[], keras.Model]) -> keras.Model:
    model = factory()
    if not isinstance(model, keras.Model):
        raise ModelError(f"the factory makes a {type(model).__name__}, it has to make a keras.Model")
    if not model.built:
        raise ModelError(
            "the factory's model has no variables yet: begin it with a keras.Input, or build() it"
        )
    return model


def _sum_over_workers(numbers: Any) -> Any:
    here = tf.identity(numbers)  # on the worker's device; what is passed in is on none
    return tf.distribute.get_replica_context().all_reduce("SUM", here)


def _comparable(label: Any, answers: Any) -> Any:
    """`label` as a loss function takes it beside `answers`, which are one tensor; else as it is."""
    if not tf.is_tensor(answers):
        return label
    if not answers.shape.rank:
        raise ModelError("the model answers one number to all rows: answer each row")
    if is_value(answers.shape[1:], label.shape[1:], np.dtype(label.dtype.as_numpy_dtype)):
        return tf.reshape(tf.cast(label, answers.dtype), tf.shape(answers))
    return tf.cast(label, tf.int64)


def _mean(losses: Any, label: Any) -> Any:
    """The mean loss of a row, of what a loss function returns."""
    losses = tf.convert_to_tensor(losses)
    if losses.shape.rank:
        tf.debugging.assert_equal(
            tf.shape(losses)[0], tf.shape(label)[0], "return one loss a row, or their mean"
        )
    return tf.reduce_mean(losses)
