"""Checkpoints of TensorFlow and Keras."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from ml_framework.checkpoint import Encoding, decode, stateful
from ml_framework.errors import CheckpointError
from tf_integration.state import TENSORFLOW

HERE = Path(__file__).parent


def encoded(tree: Any) -> bytes:
    """The bytes of a tree."""
    encoding = Encoding(tree, TENSORFLOW.kinds)
    memory = bytearray(encoding.nbytes)
    encoding.write(memoryview(memory))
    return bytes(memory)


def again(tree: Any) -> Any:
    """What comes back, from memory that cannot be written."""
    return decode(encoded(tree), TENSORFLOW.kinds)


def restored(source: Any, target: Any) -> Any:
    """`target` with the state of `source`, through a checkpoint."""
    stateful("it", target, TENSORFLOW).load(again(stateful("it", source, TENSORFLOW).save()))
    return target


def model(width: int = 4) -> Any:
    """A small one."""
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(width), keras.layers.Dropout(0.5)])


def values(item: Any) -> list[Any]:
    """Of all its variables."""
    return [np.asarray(variable).tolist() for variable in item.variables]


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """What training comes to in this process, and what another one has found that went on from a state."""
    folder = tmp_path_factory.mktemp("state")
    programs = runpy.run_path(str(HERE / "tf_state.py"))
    keras.utils.set_random_seed(1)
    net, optimizer = programs["built"]()
    for _ in range(2):
        programs["step"](net, optimizer)
    tree = {
        "model": stateful("model", net, TENSORFLOW).save(),
        "optimizer": stateful("optimizer", optimizer, TENSORFLOW).save(),
        "random": TENSORFLOW.random_state(),
    }
    (folder / "state").write_bytes(encoded(tree))
    here = programs["trained"](net, optimizer)
    subprocess.run(
        [sys.executable, str(HERE / "tf_state.py"), str(folder)],
        check=True,
        timeout=100,
        env={"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    return here, json.loads((folder / "found.json").read_text())


def test_training_goes_on_in_another_process(processes: tuple[Any, Any]) -> None:
    """Model, Adam, dropout, and random numbers: bit by bit, though Keras calls the layers otherwise there."""
    here, there = processes
    assert here["names"] != there["trained"]["names"]
    assert {**here, "names": None} == {**there["trained"], "names": None}


def test_all_replicas_are_restored(processes: tuple[Any, Any]) -> None:
    """Of variables that are the same everywhere, and of those that are not, which are not summed up."""
    assert processes[1]["replicas"] == [[1.0, 5.0, 5.0], [1.0, 5.0, 5.0]]


class Net(tf.Module):
    """A module that has another one, a list, and a layer of Keras."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable(tf.ones((2, 3)), name="any")
        self.again = self.weight
        self.parts = [tf.Variable(1), tf.Variable([True, False])]
        self.layer = keras.layers.Dense(2)
        self.layer.build((None, 3))
        self.rows = tf.Variable(tf.cast([1, 2], tf.bfloat16))


def test_the_paths_of_a_module_are_the_names_of_its_attributes() -> None:
    """A variable with two has the first; within a layer they are positions."""
    saved = stateful("net", Net(), TENSORFLOW).save()
    assert sorted(saved) == ["layer.0", "layer.1", "parts.0", "parts.1", "rows", "weight"]


def test_a_module_comes_back() -> None:
    """With all types of values."""
    source, target = Net(), Net()
    source.weight.assign(tf.fill((2, 3), 7.0))
    source.parts[1].assign([False, True])
    source.rows.assign(tf.cast([3, 4], tf.bfloat16))
    restored(source, target)
    assert target.weight.numpy().tolist() == [[7.0] * 3] * 2
    assert target.again is target.weight
    assert target.parts[1].numpy().tolist() == [False, True]
    assert (target.rows.dtype, target.rows.numpy().tolist()) == (tf.bfloat16, [3, 4])
    assert values(target.layer) == values(source.layer)


def test_objects_with_variables_come_back() -> None:
    """A variable, a generator, a metric, a seed generator, a variable of Keras, `tf.train.Checkpoint`."""
    assert restored(tf.Variable([1.0, 2.0]), tf.Variable([0.0, 0.0])).numpy().tolist() == [1.0, 2.0]
    generators = tf.random.Generator.from_seed(1), tf.random.Generator.from_seed(2)
    generators[0].normal((3,))
    restored(*generators)
    assert generators[0].normal((2,)).numpy().tolist() == generators[1].normal((2,)).numpy().tolist()
    metric = keras.metrics.Mean()
    metric.update_state([1.0, 3.0])
    assert float(restored(metric, keras.metrics.Mean()).result()) == 2.0
    seeds = keras.random.SeedGenerator(1), keras.random.SeedGenerator(2)
    restored(*seeds)
    assert seeds[0].state.numpy().tolist() == seeds[1].state.numpy().tolist()
    assert float(restored(keras.Variable(3.0), keras.Variable(0.0)).value) == 3.0
    source = tf.train.Checkpoint(net=model(), steps=tf.Variable(5))
    target = restored(source, tf.train.Checkpoint(net=model(), steps=tf.Variable(0)))
    assert target.steps.numpy() == 5
    assert values(target.net) == values(source.net)


def test_the_seeds_of_dropout_are_part_of_a_model() -> None:
    """It drops what it would have dropped."""
    source, target = model(), model()
    source(tf.ones((1, 3)), training=True)
    restored(source, target)
    ones = tf.ones((6, 3))
    assert source(ones, training=True).numpy().tolist() == target(ones, training=True).numpy().tolist()


def test_a_compiled_model_has_no_other_state() -> None:
    """Its optimizer is an object of its own, its metrics begin anew."""
    plain, compiled = model(), model()
    compiled.compile("adam", "mse", metrics=["mae"])
    compiled.optimizer.build(compiled.trainable_variables)
    assert stateful("a", plain, TENSORFLOW).save().keys() == stateful("b", compiled, TENSORFLOW).save().keys()


def test_a_state_is_no_copy_and_stays_what_it_was() -> None:
    """What is assigned after `save` does not reach it."""
    variable = tf.Variable(tf.ones(1000))
    saved = stateful("v", variable, TENSORFLOW).save()
    variable.assign_add(tf.ones(1000))
    assert saved[""].tolist() == [1.0] * 1000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            keras.optimizers.Adam,
            "'it' has no variables yet: call optimizer.build(model.trainable_variables) before",
        ),
        (
            lambda: keras.Sequential([keras.layers.Dense(1)]),
            "'it' has no variables yet: give the model an Input, or call model.build(input_shape) before",
        ),
        (
            lambda: tf.train.Checkpoint(net=model(), adam=keras.optimizers.Adam()),
            "'it.adam' has no variables yet: call optimizer.build",
        ),
        (tf.Module, "'it' has no variables: make them before it is checkpointed"),
        (
            lambda: tf.train.Checkpoint(rows=iter(tf.data.Dataset.range(3))),
            "'it.rows' is a OwnedIterator, whose state is no variable: keep it out of 'it', or save it with",
        ),
        (
            lambda: tf.lookup.experimental.MutableHashTable(tf.int64, tf.int64, 0),
            "'it' is a MutableHashTable, whose state is no variable",
        ),
        (lambda: tf.constant(1), "'it' is a "),
    ],
)
def test_what_has_no_state_is_refused(make: Any, message: str) -> None:
    """When it is registered, not at the first checkpoint."""
    with pytest.raises(CheckpointError, match=re.escape(message)):
        stateful("it", make(), TENSORFLOW)


def test_text_is_refused() -> None:
    """With its path."""
    state = stateful("words", tf.Variable("a"), TENSORFLOW).save()
    with pytest.raises(CheckpointError, match=r"^words\[''\]: an array of dtype object holds references"):
        Encoding({"words": state})


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            lambda: tf.Variable([1]),
            lambda: tf.Variable([1, 2], name="x"),
            "value (x:0) is int32 (1,) in it, and int32 (2,) here",
        ),
        (
            lambda: tf.Variable(1),
            lambda: tf.Variable(1.0, name="x"),
            "value (x:0) is int32 () in it, and float32 () here",
        ),
        (
            lambda: tf.train.Checkpoint(a=tf.Variable(1)),
            lambda: tf.train.Checkpoint(b=tf.Variable(1, name="y")),
            "it has no b (y:0)",
        ),
        (
            lambda: tf.train.Checkpoint(a=tf.Variable(1), b=tf.Variable(1)),
            lambda: tf.train.Checkpoint(b=tf.Variable(1)),
            "it has a, which are not here",
        ),
    ],
)
def test_other_variables_are_refused(source: Any, target: Any, message: str) -> None:
    """With the variable, and what it is in the checkpoint and here; nothing is changed then."""
    item = target()
    before = stateful("it", item, TENSORFLOW).save()
    with pytest.raises(CheckpointError) as refusal:
        restored(source(), item)
    assert f"the state of 'it' in the checkpoint does not fit: {message}" in str(refusal.value)
    after = stateful("it", item, TENSORFLOW).save()
    assert all(np.array_equal(before[path], after[path]) for path in before)


def test_a_model_of_another_shape_is_refused() -> None:
    """With the name that the variable has here."""
    with pytest.raises(CheckpointError, match=r"0 \(.*kernel:0\) is float32 \(3, 4\) in it"):
        restored(model(4), model(5))


def test_random_numbers_go_on_where_they_were() -> None:
    """Those of the global generator, and what the base has."""
    saved = again(TENSORFLOW.random_state())
    assert saved.keys() == {"python", "numpy", "tensorflow"}
    before = tf.random.get_global_generator().normal((3,)).numpy().tolist(), np.random.rand()
    TENSORFLOW.set_random_state(saved)
    assert (tf.random.get_global_generator().normal((3,)).numpy().tolist(), np.random.rand()) == before


def test_a_generator_of_another_algorithm_is_refused() -> None:
    """By number."""
    saved = TENSORFLOW.random_state()
    saved["tensorflow"]["algorithm"] += 1
    with pytest.raises(ValueError, match=r"TensorFlow's global generator has algorithm 1, and had 2"):
        TENSORFLOW.set_random_state(saved)
