"""A model of Keras in training: the gradients, what the loss function gets, and what comes out."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ml_framework.errors import ModelError
from ml_framework.estimator import Arguments
from tf_integration.training import KerasTrainer, filled, scoring_model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of TensorFlow

SGD = partial(keras.optimizers.SGD, 0.5)
X, Y = np.float32([1, 2]), np.array([3.0, 4.0])  # answers are 2 and 4, with weight 2


def line(units: int = 1, **options: Any) -> Any:
    """Weight times x, ``(rows, units)``; the weight is 2."""
    options |= {"use_bias": False, "kernel_initializer": keras.initializers.Constant(2)}
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(units, **options)])


def trainer(factory: Any = line, loss: Any = "mse", optimizer: Any = SGD) -> KerasTrainer:
    context: Any = SimpleNamespace(rank=0, world_size=1, strategy=tf.distribute.get_strategy())
    return KerasTrainer(context, seed=0, factory=factory, loss=loss, optimizer=optimizer)


def weight(trained: KerasTrainer) -> float:
    return float(filled(line, trained.weights()).get_weights()[0][0, 0])


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        keras.losses.mean_squared_error,
        keras.losses.MeanSquaredError(),
        keras.losses.MeanSquaredError(reduction="none"),
        lambda labels, answers: tf.square(answers - labels),
    ],
)
def test_a_step_goes_down_the_mean_loss(loss: Any) -> None:
    """Whether it is one loss a row or their mean, by name or as a function."""
    trained = trainer(loss=loss)
    assert trained.step([X], Y, 1.0) == pytest.approx(0.5)  # the mean of 1 and 0
    assert weight(trained) == pytest.approx(2.5)
    trained.step([X], Y, 0.0)  # rows that do not count
    assert weight(trained) == pytest.approx(2.5)


def test_rows_weigh_as_their_share_and_batches_of_any_size_are_one_graph() -> None:
    """Workers that trace another number of graphs than others would wait for each other for ever."""
    traces = []

    def loss(labels: Any, answers: Any) -> Any:
        traces.append(answers.shape)
        return keras.losses.mean_squared_error(labels, answers)

    trained = trainer(loss=loss)
    trained.step([X], Y, 0.25)
    assert weight(trained) == pytest.approx(2.125)
    trained.step([X[:1]], Y[:1], 0.0)
    assert traces == [(None, 1)]


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.int64])
def test_an_integer_label_is_the_number_of_a_class(kind: Any) -> None:
    factory = partial(line, 3, activation="softmax")
    trained = trainer(factory, "sparse_categorical_crossentropy")
    assert trained.step([X], np.array([0, 1], kind), 1.0) == pytest.approx(np.log(3))


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.int64, np.float32, np.float64])
def test_another_label_is_of_the_answers_type_and_shape(kind: Any) -> None:
    seen = []

    def loss(labels: Any, answers: Any) -> Any:
        seen.append((labels.dtype, answers.dtype))
        return answers - labels

    trained = trainer(loss=loss)
    assert trained.step([X], np.array([0, 1], kind), 1.0) == pytest.approx(2.5)
    assert seen == [(tf.float32, tf.float32)]


def test_regularizers_take_part() -> None:
    """Half the square of the weight goes down by the weight."""
    trained = trainer(partial(line, kernel_regularizer=keras.regularizers.L2(0.5)))
    assert trained.step([X], Y, 0.0) == pytest.approx(0.5)
    assert weight(trained) == pytest.approx(2 - 0.5 * 2)


@pytest.mark.parametrize("optimizer", ["sgd", {"class_name": "SGD", "config": {"learning_rate": 0.01}}])
def test_an_optimizer_may_be_a_name_or_a_configuration(optimizer: Any) -> None:
    trained = trainer(optimizer=optimizer)
    trained.step([X], Y, 1.0)
    assert weight(trained) == pytest.approx(2.01)


def test_what_cannot_be_is_told() -> None:
    """Shapes, and what a factory has to make."""
    with pytest.raises(ModelError, match=r"answers \(rows, 3\) to a label of \(rows,\) float64"):
        trainer(partial(line, 3)).step([X], Y, 1.0)
    with pytest.raises(ModelError, match=r"the factory makes a int, it has to make a keras.Model"):
        trainer(lambda: 1)
    with pytest.raises(ModelError, match=r"has no variables yet: begin it with a keras.Input, or build"):
        trainer(lambda: keras.Sequential([keras.layers.Dense(1)]))


def test_a_model_that_scores_takes_columns(tmp_path: Path) -> None:
    """Cast, and as groups; its weights are those of the factory's model."""

    def of_two() -> Any:
        pair, x = keras.Input((2,)), keras.Input((1,))
        return keras.Model(
            [pair, x], keras.layers.Dense(1, use_bias=False)(keras.layers.Concatenate()([pair, x]))
        )

    fitted = of_two()
    fitted.set_weights([np.array([[1.0], [10.0], [100.0]])])
    fitted.save_weights(tmp_path / "model.weights.h5")
    model = scoring_model(of_two, Arguments(("pair", "x"), {"pair": ("a", "b")}, "float32"))
    model.load_weights(tmp_path / "model.weights.h5")
    columns = [tf.constant([True, False]), tf.constant([2, 3]), tf.constant([0.5, 0.25], tf.float64)]
    assert model(columns, training=False).numpy()[:, 0].tolist() == [71.0, 55.0]
    single = scoring_model(line, Arguments(("x",), {}, "float32"))
    assert single(tf.constant([1, 2]), training=False).numpy()[:, 0].tolist() == [2.0, 4.0]
