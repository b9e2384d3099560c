"""Models of TensorFlow as they score: the forms of their files, and what stands before and behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ml_framework.codec import Schema, decode, encode, plan_layout
from ml_framework.errors import ModelError
from tf_integration.models import ScoredBatch, TFModels

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

LAYOUT = plan_layout(
    Schema.parse([("a", "FLOAT NOT NULL"), ("b", "FLOAT NOT NULL"), ("word", "STRING")]), {"ab": ["a", "b"]}
)


def network() -> Any:
    """3 a + b + 10; with dropout, which must not act where a stream is scored."""
    inputs = keras.Input((2,))
    unit = keras.layers.Dense(1)
    model = keras.Model(inputs, unit(keras.layers.Dropout(0.9)(inputs)))
    unit.set_weights([np.array([[3.0], [1.0]], np.float32), np.array([10.0], np.float32)])
    return model


class Module(tf.Module):  # type: ignore[misc] # tensorflow has no types
    """The same without Keras."""

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32)])  # type: ignore[untyped-decorator]
    def __call__(self, rows: Any) -> Any:
        return 3 * rows[:, 0] + rows[:, 1] + 10


def batch(rows: int) -> ScoredBatch:
    """A is 1, 2, …, b is 10, the word has as many letters."""
    values = {
        "ab": np.stack([np.arange(1, rows + 1), np.full(rows, 10)], axis=1).astype(np.float32),
        "word": ["é" * row for row in range(1, rows + 1)],
    }
    return ScoredBatch(decode(LAYOUT, memoryview(b"".join(encode(LAYOUT, values)))), rows)


def expected(rows: int) -> list[float]:
    return [3.0 * a + 20 for a in range(1, rows + 1)]


def keras_file(path: Path) -> Path:
    network().save(path / "model.keras")
    return path / "model.keras"


def weights(path: Path) -> Path:
    network().save_weights(path / "model.weights.h5")
    return path / "model.weights.h5"


def exported(path: Path) -> Path:
    network().export(str(path / "saved"), verbose=False)
    return path / "saved"


def saved_module(path: Path) -> Path:
    tf.saved_model.save(Module(), str(path / "saved"))
    return path / "saved"


@pytest.mark.parametrize("save", [keras_file, weights, exported, saved_module])
def test_every_form_scores_alike(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    """Whatever the number of rows, as trained: dropout is off, and one unit is one value a row."""
    factory = network if save is weights else None
    model = TFModels(inputs=("ab",), outputs=("y",), factory=factory)(save(tmp_path))
    for rows in (3, 1, 5):
        assert model(batch(rows))["y"].tolist() == expected(rows)


@pytest.mark.parametrize("save", [keras_file, saved_module])
def test_a_whole_model_takes_no_factory(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    """It would do nothing."""
    path = save(tmp_path)
    message = rf"factory= makes a model for weights, and {path} is a whole model"
    with pytest.raises(ModelError, match=message):
        TFModels(inputs=("ab",), outputs=("y",), factory=network)(path)


def test_functions_stand_before_and_behind(tmp_path: Path) -> None:
    """The first makes the arguments of columns, text among them, the second makes the answers by name."""
    model = TFModels(
        inputs=(),
        outputs=("low", "high"),
        preprocess=lambda rows: tf.stack(
            [tf.cast(tf.strings.length(rows["word"], unit="UTF8_CHAR"), tf.float32), rows["ab"][:, 1]], axis=1
        ),
        postprocess=lambda y: {"high": y + 1, "low": y - 1},
    )(keras_file(tmp_path))
    answers = model(batch(2))
    assert {name: values.tolist() for name, values in answers.items()} == {
        "high": [y + 1 for y in expected(2)],
        "low": [y - 1 for y in expected(2)],
    }


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    """With the remedy where there is one."""
    with pytest.raises(ModelError, match=r"model.weights.h5 holds no model but its weights: pass factory="):
        TFModels((), ("y",))(weights(tmp_path))
    with pytest.raises(ModelError, match=r"is no model of TensorFlow: it is neither a .keras"):
        TFModels((), ("y",))(tmp_path)


def test_text_is_answered_as_text() -> None:
    """TensorFlow has bytes, which an output of STRING does not take."""
    found = TFModels((), ("label", "labels")).array(tf.constant([["ä", "b"], ["c", ""]]))
    assert found.tolist() == [["ä", "b"], ["c", ""]]
