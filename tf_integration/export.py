"""Models on disk: written aside, then put in their place, so that nobody ever finds half of one."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable


def is_model(model: object) -> bool:
    """Whether `model` is one that `write_model` can write."""
    return isinstance(model, (keras.Model, tf.Module))


def write_model(model: Any, path: Path) -> None:
    """Write `model` in the form that the name of `path` asks for.

    ``.keras`` and ``.weights.h5`` are files of Keras, anything else is the folder of a SavedModel.
    """
    if path.suffix == ".keras":
        model.save(path)
    elif path.name.endswith(".weights.h5"):
        model.save_weights(path)
    elif isinstance(model, keras.Model):
        model.export(str(path), verbose=False)
    else:
        tf.saved_model.save(model, str(path))


def write_nowhere(name: str, write: Callable[[Path], object]) -> None:
    """Have `write` write what nobody is to find."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
