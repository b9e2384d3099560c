"""The encoding: what goes in comes out, and everything else is refused in words."""

from __future__ import annotations

import functools
import math
import pickle
import struct
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml_framework.checkpoint import Encoding, decode
from ml_framework.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable

_HEAD = 64
_KEYS = st.one_of(st.integers(), st.text(), st.booleans(), st.tuples(st.integers(), st.text()))
_ARRAYS = hnp.arrays(
    st.one_of(
        hnp.boolean_dtypes(),
        hnp.integer_dtypes(endianness="?"),
        hnp.floating_dtypes(endianness="?"),
        hnp.complex_number_dtypes(endianness="?"),
        hnp.datetime64_dtypes(endianness="?"),
        hnp.unicode_string_dtypes(endianness="?", min_len=1, max_len=5),
        hnp.byte_string_dtypes(min_len=1, max_len=5),
    ),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
_ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.binary(),
    _ARRAYS,
)
_TREES = st.recursive(
    _ATOMS,
    lambda trees: st.one_of(
        st.lists(trees, max_size=4),
        st.lists(trees, max_size=4).map(tuple),
        st.dictionaries(_KEYS, trees, max_size=4),
        st.dictionaries(_KEYS, trees, max_size=4).map(OrderedDict),
        st.sets(_KEYS, max_size=4),
        st.frozensets(_KEYS, max_size=4),
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Whether two trees are equal, bit by bit, and of the same types."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (np.ndarray, np.generic)):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other) if isinstance(one, (float, complex)) else bool(one == other)


@settings(max_examples=60, deadline=None)
@given(_TREES)
def test_every_tree_comes_back_as_it_was(tree: Any) -> None:
    """Types, order, bits; also from memory that is longer than it need be."""
    encoding = Encoding(tree)
    memory = bytearray(encoding.nbytes + 100)
    encoding.write(memoryview(memory))
    assert encoding.nbytes % 64 == 0
    assert same(decode(memory), tree)


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.int64(-3),
        np.bool_(True),  # noqa: FBT003 - a value, no flag
        np.str_("text"),
        np.datetime64("2024-01-02"),
        np.array(2.5, ">f8"),
        np.zeros((0, 3), np.int16),
        np.arange(12).reshape(3, 4).T,
        np.arange(12)[::-3],
        np.broadcast_to(np.float32(7), (2, 3)),
        np.array([(1, 2.5)], [("a", "<i4"), ("b", ">f8", (1,))]),
        Counter({3: 2, 1: 1}),
        deque([1, (2,)], maxlen=3),
        bytearray(b"abc"),
        float("nan"),
        {1: {(2, "x"): {"deep": [None]}}},
        {np.int64(3): 1},
    ],
    ids=repr,
)
def test_values_of_every_kind_come_back(again: Callable[[object], Any], value: Any) -> None:
    """Scalars, strides, byte orders, empty ones, structures, and the rarer containers."""
    found = again({"value": value})["value"]
    if isinstance(value, (np.ndarray, np.generic, float)):
        assert same(found, value)
    else:
        assert (type(found), found) == (type(value), value)


def test_the_attributes_of_a_state_dict_come_back(again: Callable[[object], Any]) -> None:
    """PyTorch keeps the versions of modules beside the entries."""
    state: Any = OrderedDict(weight=np.ones(2))
    state._metadata = OrderedDict({"": {"version": 2}})
    assert again(state)._metadata == {"": {"version": 2}}


def test_what_was_shared_comes_back_shared(again: Callable[[object], Any]) -> None:
    """The same array, two views of the same memory, the same list are each one thing; overlaps are not."""
    array, numbers = np.arange(6.0), [1]
    found = again([array, array, array[:], array[:3], numbers, numbers])
    assert found[0] is found[1] is found[2]
    assert found[3].tolist() == [0.0, 1.0, 2.0]
    assert not np.shares_memory(found[0], found[3])
    assert found[4] is found[5]


def test_a_tree_may_contain_itself(again: Callable[[object], Any]) -> None:
    """As plain pickles do."""
    tree: list[Any] = [np.ones(1)]
    tree.append(tree)
    found = again(tree)
    assert found[1] is found


def test_an_array_is_written_once_and_aligned(encode: Callable[[object], bytearray]) -> None:
    """Twice the same megabyte takes one, and every value begins at a multiple of 64."""
    marked = np.full(1 << 17, math.pi)
    memory = encode({"a": np.ones(3, np.int8), "b": marked, "c": marked})
    assert len(memory) < marked.nbytes + 1024
    assert memory.index(marked.tobytes()) % 64 == 0


def test_what_comes_back_can_be_written(encode: Callable[[object], bytearray]) -> None:
    """It has memory of its own; that of the checkpoint stays as it is."""
    memory = encode(np.zeros(4))
    before = bytes(memory)
    decode(memory)[:] = 1
    assert bytes(memory) == before


def test_arrays_are_read_when_they_are_written_out() -> None:
    """The plan makes no copy of them."""
    array = np.zeros(2)
    encoding = Encoding(array)
    array[:] = 5
    memory = bytearray(encoding.nbytes)
    encoding.write(memoryview(memory))
    assert decode(memory).tolist() == [5, 5]


def test_too_little_memory_is_refused() -> None:
    """With both numbers."""
    encoding = Encoding([1])
    with pytest.raises(ValueError, match=f"{encoding.nbytes - 1} bytes of memory for .* {encoding.nbytes}"):
        encoding.write(memoryview(bytearray(encoding.nbytes - 1)))


class Thing:
    """An object of a user."""

    def method(self) -> None: ...


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"scheduler": {"lr_lambdas": [lambda epoch: epoch]}},
            "scheduler.lr_lambdas[0] is a function, which",
        ),
        ({"a": [1, Thing().method]}, "a[1] is a function"),
        ({"a": print}, "a is a function"),
        ({"a": functools.partial(print)}, "a is a functools.partial"),
        ({"layer.weight": (Thing(),)}, "['layer.weight'][0] is a test_encoding.Thing"),
        ({"m": {"layer.weight": Thing}}, "m['layer.weight'] is the class test_encoding.Thing"),
        (object(), "the state is a object"),
        ({3: Point(1, 2)}, "[3] is a test_encoding.Point"),
        ({"d": defaultdict(list)}, "d is a collections.defaultdict"),
        ({"d": {Thing: 1}}, "a key of d is the class test_encoding.Thing"),
        ({"s": {Thing}}, "an element of s is the class test_encoding.Thing"),
        ({"m": np.ma.masked_array([1.0])}, "m is a numpy.ma.MaskedArray"),
        ({"o": np.array([None])}, "o: an array of dtype object holds references"),
        (
            {"o": np.array(["a"], np.dtypes.StringDType())},
            "o: an array of dtype StringDType() holds references",
        ),
    ],
)
def test_what_is_no_data_is_refused_with_its_path(tree: Any, message: str) -> None:
    """And with what it is."""
    with pytest.raises(CheckpointError) as refusal:
        Encoding(tree)
    assert message in str(refusal.value).replace(f"{Thing.__module__}.", "test_encoding.")


def test_the_refusal_says_what_to_save_instead() -> None:
    """The whole sentence."""
    with pytest.raises(CheckpointError) as refusal:
        Encoding({"f": len})
    assert str(refusal.value) == (
        "f is a function, which a checkpoint cannot hold: save data only (numbers, text, bytes, lists, "
        "tuples, dicts, sets, numpy.ndarray, numpy scalar), and make the rest anew when it is loaded"
    )


def test_the_attributes_of_a_state_dict_are_looked_at() -> None:
    """They are saved, so they must be data."""
    state: Any = OrderedDict()
    state.hook = print
    with pytest.raises(CheckpointError, match=r"^m\.hook is a function"):
        Encoding({"m": state})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda memory: memory[:10], "no state: it has 10 bytes, fewer than a header"),
        (lambda memory: b"x" * 100, "no state: it begins with b'xxxxxxxx', not with b'MLFSTATE'"),
        (
            lambda memory: memory[:8] + b"\x02" + memory[9:],
            "of version 2, this is version 1: restore it with",
        ),
        (lambda memory: memory[:-1], "cut short: 1215 of 1216 bytes are there"),
        (lambda memory: memory[:16] + struct.pack("<Q", 5000) + memory[24:], "damaged: a head of 5000 bytes"),
        (lambda memory: memory[:_HEAD] + b"\xff" * 40 + memory[104:], "damaged: UnpicklingError"),
        (
            lambda memory: memory.replace(b"ndarray", b"mdarray"),
            "holds a numpy.mdarray, which this role cannot",
        ),
        (
            lambda memory: memory.replace(b"<f8", b"<f4"),
            "damaged: ValueError('an array (128,) of float32 in 1024",
        ),
        (lambda memory: memory.replace(b"<f8", b"|O8"), "damaged: "),
        (lambda memory: memory.replace(b"<f8", b"<q8"), "an array of dtype '<q8', which numpy does not know"),
        (
            lambda memory: memory.replace(b"\x4d\x00\x04", b"\x4d\x01\x04"),
            "damaged: a numpy.ndarray lies outside",
        ),
    ],
)
def test_what_is_damaged_is_refused(
    encode: Callable[[object], bytearray], damage: Callable[[bytes], bytes], message: str
) -> None:
    """Each kind of damage in its own words."""
    memory = bytes(encode(np.ones(128)))
    with pytest.raises(CheckpointError) as refusal:
        decode(damage(memory))
    assert message in str(refusal.value)


class Evil:
    """What a forged pickle may hold."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit",)


def test_no_code_of_a_checkpoint_is_run() -> None:
    """A forged state is refused by the name that it asks for."""
    head = pickle.dumps([]) + pickle.dumps(Evil())
    preamble = struct.pack("<8sI4xQQ", b"MLFSTATE", 1, len(head), 4096)
    with pytest.raises(CheckpointError, match=r"asks for builtins\.exec, which is no data"):
        decode((preamble.ljust(64, b"\0") + head).ljust(4096, b"\0"))
