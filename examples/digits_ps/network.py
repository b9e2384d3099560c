"""The model: two convolutions and a linear layer, 10,000 weights."""

from __future__ import annotations

import keras
from digits import SIDE

CLASSES = 10


def new_network() -> keras.Model:
    """Images ``(rows, 8, 8, 1)`` to logits ``(rows, 10)``."""
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(CLASSES),
        ]
    )
