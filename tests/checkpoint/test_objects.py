"""Objects with a state, and the generators of random numbers."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from ml_framework.checkpoint import PLAIN, Encoding, Framework, decode, stateful
from ml_framework.errors import CheckpointError


class Counter:
    """Has a state like objects of PyTorch."""

    def __init__(self) -> None:
        self.steps = 0

    def state_dict(self) -> dict[str, int]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.steps = state["steps"]


def test_an_object_with_a_state_dict() -> None:
    """Saves by `state_dict`, loads by `load_state_dict`."""
    counter = Counter()
    found = stateful("counter", counter)
    counter.steps = 3
    assert (found.name, found.save()) == ("counter", {"steps": 3})
    found.load({"steps": 7})
    assert counter.steps == 7


@pytest.mark.parametrize("pair", [tuple, list])
def test_a_pair_of_functions(pair: Any) -> None:
    """The first saves, the second loads."""
    values = [1]
    found = stateful("values", pair([lambda: list(values), values.extend]))
    assert found.save() == [1]
    found.load([2, 3])
    assert values == [1, 2, 3]


def test_a_framework_is_asked_first() -> None:
    """It may know better than `state_dict`; what it does not know it leaves alone."""

    class Doubling(Framework):
        def adapt(self, name: str, item: Any) -> Any:
            return (lambda: [name, 2 * item.steps], None) if isinstance(item, Counter) else None

    counter = Counter()
    counter.steps = 4
    assert stateful("c", counter, Doubling()).save() == ["c", 8]
    assert stateful("p", (lambda: 5, print), Doubling()).save() == 5


@pytest.mark.parametrize(
    ("item", "described"),
    [
        (3, "a int"),
        (Counter, "the class "),
        (print, "a function"),
        ((print,), "a tuple"),
        ((1, 2), "a tuple"),
        (None, "a NoneType"),
        ({"a": 1}, "a dict"),
    ],
)
def test_other_objects_are_refused(item: Any, described: str) -> None:
    """With what is accepted."""
    with pytest.raises(CheckpointError) as refusal:
        stateful("thing", item)
    assert str(refusal.value).startswith(f"'thing' is {described}")
    assert str(refusal.value).endswith(
        ", whose state is not known: pass an object with state_dict() and load_state_dict(state), a pair of "
        "functions (save, load), or an object of the framework that has a state, such as a model or an "
        "optimizer"
    )


def failing(error: Exception) -> Any:
    """A function that takes anything and raises."""

    def fail(*_: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("sizes differ"), "sizes differ"),
        (KeyError("lr"), "KeyError: 'lr'"),
        (RuntimeError(), "RuntimeError: "),
    ],
)
def test_what_fails_is_told_with_the_name(error: Exception, told: str) -> None:
    """Whatever is raised; the cause stays attached."""
    found = stateful("model", (failing(error), failing(error)))
    with pytest.raises(CheckpointError) as refusal:
        found.load({})
    assert str(refusal.value) == (
        f"the state of 'model' in the checkpoint does not fit: {told}; build 'model' as it was when the "
        "checkpoint was taken, or start without it"
    )
    assert refusal.value.__cause__ is error
    with pytest.raises(CheckpointError) as refusal:
        found.save()
    assert str(refusal.value) == f"the state of 'model' cannot be saved: {told}"


def test_random_numbers_go_on_where_they_were() -> None:
    """Those of Python and of numpy's global generator, after a checkpoint."""
    encoding = Encoding(PLAIN.random_state())
    memory = bytearray(encoding.nbytes)
    encoding.write(memoryview(memory))
    random.gauss(0, 1)
    before = [random.random(), np.random.rand(3).tolist(), np.random.randn()]
    PLAIN.set_random_state(decode(memory))
    random.gauss(0, 1)
    assert [random.random(), np.random.rand(3).tolist(), np.random.randn()] == before
