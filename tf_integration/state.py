"""What TensorFlow adds to a checkpoint: its objects' variables, and its random numbers.

The state of an object is a dict of path to value. A path follows the names of attributes, or positions in
lists; within an object of Keras it is the position in its ``variables``. No path is a name that Keras or
TensorFlow has made up (``dense_1``): those differ from process to process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import keras
import numpy as np
import tensorflow as tf

from ml_framework.checkpoint import Framework
from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ml_framework.checkpoint.framework import Functions

_Trackable: Final[Any] = tf.__internal__.tracking.Trackable
_WITH_VARIABLES: Final = (keras.layers.Layer, keras.optimizers.Optimizer, keras.metrics.Metric)
_NOT_VARIABLES: Final = (
    tf.lookup.experimental.MutableHashTable,
    tf.lookup.experimental.DenseHashTable,
    tf.data.Iterator,
)


class TensorFlowFramework(Framework):
    """Checkpoints of TensorFlow.

    Known are `tf.Variable`, `tf.Module`, `tf.random.Generator` and `tf.train.Checkpoint`, and of Keras
    models, layers, optimizers, metrics, variables and seed generators. The state of a model includes that of
    its seed generators, so that dropout goes on where it was; not that of its optimizer, which is an object
    of its own.

    The values of mirrored variables are those of the first local replica, and are given to every one. That is
    no collective operation, so one worker may save while the others do not; what a variable that is
    synchronized on reading holds elsewhere (the totals of a metric) is not part of the state.
    """

    def adapt(self, name: str, item: Any) -> Functions | None:
        """Whatever has variables."""
        if not isinstance(item, (_Trackable, *_WITH_VARIABLES, keras.Variable, keras.random.SeedGenerator)):
            return None
        _require_variables(name, item)
        return lambda: _values(item), lambda values: _assign(item, values)

    def random_state(self) -> dict[str, Any]:
        """`Framework.random_state`, and that of `tf.random.get_global_generator`.

        Operations of `tf.random` that are given no generator (``tf.random.uniform``) keep a state that nobody
        can read, and so does what shuffles a `tf.data.Dataset`: they are not part of it.
        """
        generator = tf.random.get_global_generator()
        state = {"algorithm": int(generator.algorithm), "state": _value(generator.state)}
        return {**super().random_state(), "tensorflow": state}

    def set_random_state(self, state: dict[str, Any]) -> None:
        """Go back to what `random_state` gave.

        Raises:
            ValueError: a global generator is of another type than it was.
        """
        super().set_random_state(state)
        saved, generator = state["tensorflow"], tf.random.get_global_generator()
        if saved["algorithm"] != int(generator.algorithm):
            raise ValueError(
                f"TensorFlow's global generator has algorithm {int(generator.algorithm)}, "
                f"and had {saved['algorithm']}"
            )
        _set(generator.state, saved["state"])


TENSORFLOW: Final = TensorFlowFramework()


def _require_variables(name: str, item: Any) -> None:
    """Refuse what has no variables yet: they would be made, and forgotten, after they had been restored."""
    for path, part in _parts(item, ""):
        place = f"{name}.{path}" if path else name
        if isinstance(part, keras.optimizers.Optimizer) and not part.built:
            raise CheckpointError(
                f"{place!r} has no variables yet: call optimizer.build(model.trainable_variables) before"
            )
        if isinstance(part, keras.layers.Layer) and not part.built:
            raise CheckpointError(
                f"{place!r} has no variables yet: give the model an Input, or call model.build(input_shape) "
                "before"
            )
        if isinstance(part, _NOT_VARIABLES):
            raise CheckpointError(
                f"{place!r} is a {type(part).__name__}, whose state is no variable: keep it out of {name!r}, "
                "or save it with a pair of functions"
            )
    if not _variables(item):
        raise CheckpointError(f"{name!r} has no variables: make them before it is checkpointed")


def _values(item: Any) -> dict[str, Any]:
    return {path: _value(variable) for path, variable in _variables(item).items()}


def _assign(item: Any, values: Mapping[str, Any]) -> None:
    """Give every variable its value; all of them are looked at before the first is changed.

    Raises:
        ValueError: there are other variables, or they are of other shapes or types.
    """
    variables = _variables(item)
    if missing := sorted(variables.keys() - values.keys()):
        raise ValueError(f"it has no {_named(missing, variables)}")
    if unexpected := sorted(values.keys() - variables.keys()):
        raise ValueError(f"it has {', '.join(unexpected)}, which are not here")
    for path, variable in variables.items():
        before, now = _kind(values[path].dtype, values[path].shape), _kind(variable.dtype, variable.shape)
        if before != now:
            raise ValueError(f"{_named([path], variables)} is {before} in it, and {now} here")
    for path, variable in variables.items():
        _set(variable, values[path])


def _kind(dtype: Any, shape: Any) -> str:
    return f"{tf.as_dtype(dtype).name} {tuple(shape)}"


def _named(paths: list[str], variables: Mapping[str, Any]) -> str:
    """Paths, with the variables' own names."""
    return ", ".join(f"{path or 'value'} ({variables[path].name})" for path in paths)


def _value(variable: Any) -> Any:
    """An array over the variable's own memory, without a copy; who assigns meanwhile writes elsewhere."""
    return np.asarray(_local(variable)[0].read_value())


def _set(variable: Any, value: Any) -> None:
    for replica in _local(variable):
        replica.assign(value)


def _local(variable: Any) -> tuple[Any, ...]:
    """The variable itself, or its copies in this process where a strategy has made several."""
    strategy = getattr(variable, "distribute_strategy", None)
    found: tuple[Any, ...] = (variable,)
    if strategy is not None:
        found = strategy.experimental_local_results(variable)
    return found


def _variables(item: Any) -> dict[str, Any]:
    """Every `tf.Variable` of `item`, by path; one that has several has the first."""
    return {path: part for path, part in _parts(item, "") if isinstance(part, tf.Variable)}


def _parts(item: Any, path: str, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """`item` and everything that it is made of, down to the variables; each once, with its path."""
    seen = set() if seen is None else seen
    if isinstance(item, keras.Variable):
        item = item.value
    if id(item) in seen:
        return
    seen.add(id(item))
    yield path, item
    for name, child in _children(item):
        yield from _parts(child, f"{path}.{name}" if path else name, seen)


def _children(item: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(item, tf.Variable):
        return
    if isinstance(item, keras.random.SeedGenerator):
        yield "state", item.state
    elif isinstance(item, _WITH_VARIABLES):
        for index, variable in enumerate(item.variables):
            yield str(index), variable
    else:
        yield from tf.train.TrackableView.children(item).items()
