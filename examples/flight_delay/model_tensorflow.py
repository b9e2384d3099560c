"""The model, wide and deep, and the step "score, then train": what `model.py` is, in Keras."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from features import RANGES, SCALED_LIMIT, SCALES, VOCABULARIES
from keras import layers, ops

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CROSSES = (("carrier", "origin"), ("origin", "dest"), ("hour", "weekday"))
"""Pairs of columns of which the wide half knows every combination."""
_COLUMNS = {name: len(words) + 1 for name, words in VOCABULARIES.items()} | RANGES
_SIZES = [*_COLUMNS.values(), *(_COLUMNS[left] * _COLUMNS[right] for left, right in CROSSES)]
"""How many codes each column, and each pair, has; one table holds them all, one after the other."""
_STARTS = [0, *accumulate(_SIZES)]


def new_model(seed: int = 0) -> Any:
    """An untrained model, the same for the same seed: of what `encode` returns, with (rows, 1) logits.

    The wide half has one weight for each code. The deep half is `model.DelayNet`: embeddings of 8, the
    numbers and whether each is known, two hidden layers. The logit is their sum.
    """
    keras.utils.set_random_seed(seed)
    codes = keras.Input((len(_SIZES),), dtype="int64", name="codes")
    numbers = keras.Input((len(SCALES),), name="numbers")
    wide = layers.Embedding(_STARTS[-1], 1, embeddings_initializer="zeros", name="wide")(codes)
    normal = keras.initializers.RandomNormal(stddev=1.0)
    embeddings = layers.Embedding(_STARTS[len(_COLUMNS)], 8, embeddings_initializer=normal, name="deep")
    embedded = layers.Flatten()(embeddings(codes[:, : len(_COLUMNS)]))
    known = ops.logical_not(ops.isnan(numbers))
    scaled = layers.Rescaling(
        [1 / deviation for _, deviation in SCALES.values()],
        [-mean / deviation for mean, deviation in SCALES.values()],
    )(numbers)
    scaled = ops.where(known, ops.clip(scaled, -SCALED_LIMIT, SCALED_LIMIT), 0.0)
    deep = layers.Concatenate()([embedded, scaled, ops.cast(known, "float32")])
    for width in (64, 32):
        deep = layers.Dense(width, "relu")(deep)
    return keras.Model([codes, numbers], ops.sum(wide, axis=1) + layers.Dense(1)(deep))


def new_optimizer(model: Any) -> Any:
    """Adam, with its variables."""
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    return optimizer


def encode(batch: Mapping[str, Any]) -> tuple[Any, Any]:
    """What the model takes, from the columns of a batch.

    Returns:
        codes, (rows, 9) int64: carrier, origin, destination, month, hour, weekday, and `CROSSES`; numbers,
        (rows, 10) float32 in the order of `SCALES`, NaN where unknown.
    """
    codes = {name: _codes(batch[name], words) for name, words in VOCABULARIES.items()}
    codes |= {name: tf.cast(batch[name], tf.int64) for name in RANGES}
    crosses = [codes[left] * _COLUMNS[right] + codes[right] for left, right in CROSSES]
    in_table = tf.stack([*codes.values(), *crosses], axis=1) + _STARTS[:-1]
    return in_table, tf.stack([batch[name] for name in SCALES], axis=1)


def _codes(words: Any, vocabulary: list[str]) -> Any:
    """The position of each word in `vocabulary`, from 1, and 0 where it is not in it: (rows,) int64."""
    equal = tf.cast(words[:, None] == tf.constant(vocabulary), tf.int64)
    return tf.reduce_sum(equal * tf.range(1, len(vocabulary) + 1, dtype=tf.int64), axis=1)


def test_then_train(
    model: Any, optimizer: Any, batch: Mapping[str, Any], mean: Callable[[Any, Any], Any]
) -> Any:
    """Score a batch, then train on it.

    Args:
        model: from `new_model`.
        optimizer: from `new_optimizer`, of that model.
        batch: column name to values; `label` is 1 where the flight was late, else 0.
        mean: makes one loss of the losses of the rows, and of the batch.

    Returns:
        (rows,) float32 probabilities, from before the batch was trained on.
    """
    with tf.GradientTape() as tape:
        logits = tf.squeeze(model(encode(batch)), 1)
        labels = tf.cast(batch["label"], tf.float32)
        loss = mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits), batch)
    optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    return tf.sigmoid(logits)
