"""`tf.train.Example` messages as columns, and back."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from ml_framework.codec import Schema, decode, encode, find, plan_layout
from ml_framework.errors import CodecError, PlanError
from tf_integration.examples import EXAMPLES, ExampleCodec, Feature, decode_examples, encode_examples

BYTES = Schema.parse([("f0", "BYTES NOT NULL")])
FEATURES = {
    "image": Feature("float32", shape=(2, 3)),
    "label": Feature("int64", default=-1),
    "name": Feature("bytes"),
    "tags": Feature("bytes", shape=None),
}


def example(**lists: list[object]) -> bytes:
    """As TensorFlow's users write them."""
    features = {}
    for name, values in lists.items():
        if isinstance(values[0], bytes):
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], float):
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def test_declared_features_have_their_shapes():
    """(rows,) for a single value, (rows, *shape) for several, a list of arrays where the number varies."""
    pixels = [float(i) for i in range(6)]
    got = decode_examples(
        [
            example(image=pixels, label=[7], name=[b"a\0"], tags=[b"x", b"\0"], ignored=[1]),
            example(image=pixels, name=[b""]),
        ],
        FEATURES,
    )
    assert list(got) == ["image", "label", "name", "tags"]
    assert got["image"].shape == (2, 2, 3)
    assert got["image"].dtype == np.float32
    assert got["image"][1].reshape(-1).tolist() == pixels
    assert got["label"].dtype == np.int64
    assert got["label"].tolist() == [7, -1]
    assert got["name"].tolist() == [b"a\0", b""]
    assert [tags.tolist() for tags in got["tags"]] == [[b"x", b"\0"], []]


def test_no_rows_have_the_shapes_of_any_rows():
    """Declared columns are there in a batch of zero rows, undeclared ones cannot be."""
    got = decode_examples([], FEATURES)
    assert encode_examples(got, FEATURES) == []
    assert got["image"].shape == (0, 2, 3)
    assert got["image"].dtype == np.float32
    assert got["name"].shape == (0,)
    assert got["tags"] == []
    assert decode_examples([]) == {}


def test_undeclared_features_always_vary():
    """Whatever the numbers of values happen to be in a batch; a missing feature has none."""
    got = decode_examples([example(x=[1.5]), example(x=[2.5], y=[2**62])])
    assert [x.tolist() for x in got["x"]] == [[1.5], [2.5]]
    assert got["x"][0].dtype == np.float32
    assert [y.tolist() for y in got["y"]] == [[], [2**62]]
    assert all(y.dtype == np.int64 for y in got["y"])


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([example(x=[1.0, 2.0]), example(y=[1])], "row 1: feature 'x' is missing: give it a default"),
        ([example(x=[1.0])], r"row 0: feature 'x' has 1 values, its declared shape \(2,\) has 2"),
        ([example(x=[1, 2])], "row 0: feature 'x' is int64, it is declared float32"),
        ([b"\xff\xff\xff"], "row 0: its 3 bytes are no tf.train.Example"),
        ([None], "row 0 is null"),
    ],
)
def test_an_example_that_is_not_as_declared_is_refused(records, message):
    """With its row, the feature, and what there is."""
    with pytest.raises(CodecError, match=message):
        decode_examples(records, {"x": Feature("float32", shape=(2,))})


def test_an_undeclared_feature_of_two_types_is_refused():
    with pytest.raises(CodecError, match="row 1: feature 'x' is float32, in rows before it was int64"):
        decode_examples([example(x=[1]), example(x=[1.0])])


def test_tensorflow_reads_what_is_written():
    """Arrays, lists, text and tensors, of every kind of number, as `tf.io.parse_example` reads them."""
    records = encode_examples(
        {
            "f64": np.array([[0.5, 1], [-2, np.inf]]),
            "u8": np.array([0, 255], np.uint8),
            "flag": [True, False],
            "big": [2**63 - 1, -(2**63)],
            "text": ["é", "a\0"],
            "nested": [[[b"a\0"], [b"b"]], [["c"], ["d"]]],
            "ragged": [[1, 2, 3], None],
            "tensor": tf.constant([b"x\0", b"y"]),
            "mixed": [1, 2.5],
        }
    )
    got = tf.io.parse_example(
        records,
        {
            "f64": tf.io.FixedLenFeature([2], tf.float32),
            "u8": tf.io.FixedLenFeature([], tf.int64),
            "flag": tf.io.FixedLenFeature([], tf.int64),
            "big": tf.io.FixedLenFeature([], tf.int64),
            "text": tf.io.FixedLenFeature([], tf.string),
            "nested": tf.io.FixedLenFeature([2, 1], tf.string),
            "ragged": tf.io.RaggedFeature(tf.int64),
            "tensor": tf.io.FixedLenFeature([], tf.string),
            "mixed": tf.io.FixedLenFeature([], tf.float32),
        },
    )
    assert got["f64"].numpy().tolist() == [[0.5, 1], [-2, np.inf]]
    assert got["u8"].numpy().tolist() == [0, 255]
    assert got["flag"].numpy().tolist() == [1, 0]
    assert got["big"].numpy().tolist() == [2**63 - 1, -(2**63)]
    assert got["text"].numpy().tolist() == ["é".encode(), b"a\0"]
    assert got["nested"].numpy().tolist() == [[[b"a\0"], [b"b"]], [[b"c"], [b"d"]]]
    assert got["ragged"].to_list() == [[1, 2, 3], []]
    assert got["tensor"].numpy().tolist() == [b"x\0", b"y"]
    assert got["mixed"].numpy().tolist() == [1, 2.5]


def test_what_was_read_can_be_written():
    """Every batch is what `encode_examples` takes, and the records are the same again; also long lists."""
    columns = {
        "image": np.random.default_rng(0).random((3, 2, 3), np.float32),
        "label": np.arange(3),
        "name": [b"a", b"", b"\0"],
        "tags": [[b"t"] * 300, [], [b"u"]],
    }
    records = encode_examples(columns, FEATURES)
    assert encode_examples(decode_examples(records, FEATURES), FEATURES) == records
    assert encode_examples(decode_examples(records)) == records
    long = np.arange(100_000, dtype=np.float32)
    assert np.array_equal(decode_examples(encode_examples({"x": [long]}))["x"][0], long)


def test_a_declaration_gives_the_type_of_what_is_written():
    """Integers become the declared floats."""
    (record,) = encode_examples({"x": [1]}, {"x": Feature("float32")})
    assert decode_examples([record])["x"][0].dtype == np.float32


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1, 2], "y": [1]}, "feature 'x' has 2 rows, feature 'y' has 1"),
        ({"x": 3}, "feature 'x' is 3, it must have a value for each row"),
        ({"x": b"abc"}, "feature 'x' is b'abc', it must have a value for each row"),
        ({"x": [1, object()]}, "row 1: feature 'x': <object .*> is neither a number"),
        ({"x": [[1, None]]}, "row 0: feature 'x': 1 is neither a number"),
        ({"x": np.array([1j])}, "row 0: feature 'x': complex128 is neither a number"),
        ({"x": [b"a", 1]}, "feature 'x': its rows are of different types, bytes and int64"),
        ({"x": np.array([2**63], np.uint64)}, "feature 'x': 9223372036854775808 does not fit"),
        ({"x": np.array([1.0, 1e300])}, "feature 'x': a value is too large for float32"),
        ({"x": [1.0, 1e300]}, "row 1: feature 'x': a value is too large for float32"),
        ([1], "examples are written from a dict of name to values, not list"),
    ],
)
def test_what_has_no_form_in_an_example_is_refused(columns, message):
    """With the feature, and its row where there is one."""
    with pytest.raises(CodecError, match=message):
        encode_examples(columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"image": np.zeros((2, 5))}, "row 0: feature 'image' has 5 values"),
        ({"image": [np.zeros((2, 3)), None]}, "row 1: feature 'image' has 0 values"),
        ({"label": [0.5]}, "row 0: feature 'label': it is float32, not int64"),
    ],
)
def test_what_is_not_as_declared_is_not_written(columns, message):
    with pytest.raises(CodecError, match=message):
        encode_examples(columns, FEATURES)


def test_a_row_without_a_feature_that_has_a_default_is_written_without_it():
    (record,) = encode_examples({"label": [None]}, FEATURES)
    assert decode_examples([record], {"label": FEATURES["label"]})["label"].tolist() == [-1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Feature("float64"), "dtype is 'float64', it must be one of int64, float32, bytes"),
        (lambda: Feature("int64", shape=3), "shape is 3, it must be a tuple"),
        (lambda: Feature("int64", shape=(0,)), r"shape is \(0,\), it must be a tuple of positive"),
        (lambda: Feature("int64", shape=None, default=1), "there is no default"),
        (lambda: Feature("int64", default=0.5), "default 0.5 is no int64 of shape"),
        (lambda: Feature("int64", shape=(2,), default=[1, 2, 3]), r"is no int64 of shape \(2,\)"),
        (lambda: ExampleCodec({}), "features is empty"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(make, message):
    with pytest.raises(PlanError, match=message):
        make()


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (Feature("float32", shape=(2,), default=0), [0.0, 0.0]),
        (Feature("float32", shape=(2,), default=[1, 2]), [1.0, 2.0]),
        (Feature("bytes", default="é"), "é".encode()),
    ],
)
def test_a_missing_feature_has_its_default(feature, value):
    """A single value stands for all of them."""
    assert decode_examples([example(y=[1])], {"x": feature})["x"].tolist() == [value]


def test_the_codec_is_found_by_name_and_takes_one_column_of_bytes():
    """Frames of a BYTES column become dicts of features, and back."""
    codec = find("tf_integration.examples:EXAMPLES")
    assert codec is EXAMPLES
    codec.validate(BYTES)
    layout = plan_layout(BYTES)
    frame = b"".join(encode(layout, codec.encode({"x": [[1, 2], [3]]}, BYTES)))
    got = codec.decode(decode(layout, memoryview(frame)))
    assert [x.tolist() for x in got["x"]] == [[1, 2], [3]]
    declared = ExampleCodec({"x": Feature("int64", shape=None), "y": Feature("int64", default=0)})
    assert declared.decode(decode(layout, memoryview(frame)))["y"].tolist() == [0, 0]
    for columns in ([("a", "STRING")], [("a", "BYTES"), ("b", "INT")]):
        with pytest.raises(PlanError, match=r"takes one BYTES column, the table has: a "):
            codec.validate(Schema.parse(columns))


def test_planning_needs_no_tensorflow_and_reading_says_so():
    """Declaring a codec imports nothing; using it without TensorFlow names the extra."""
    program = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from tf_integration.examples import ExampleCodec, Feature, decode_examples\n"
        "ExampleCodec({'x': Feature('int64', default=0)})\n"
        "decode_examples([b''])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stderr.splitlines()[-1] == (
        "ml_framework.errors.PlanError: tf.train.Example needs TensorFlow, which is not installed: "
        "pip install 'ml-on-flink[tensorflow]'"
    )
