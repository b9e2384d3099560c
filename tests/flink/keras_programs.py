"""Models of Keras for the tests of estimators."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

Adam = partial(keras.optimizers.Adam, 0.1)


def of_two() -> Any:
    """A number of a tensor ``(rows, 7)`` and of one column."""
    first, second = keras.Input((7,)), keras.Input((1,))
    return keras.Model([first, second], keras.layers.Dense(1)(keras.layers.Concatenate()([first, second])))


def of_one() -> Any:
    """A number of a number."""
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


def decaying() -> Any:
    """An optimizer with a schedule."""
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=80, decay_rate=0.5)
    return keras.optimizers.Adam(schedule)
