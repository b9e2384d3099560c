"""`tf.train.Example` messages as columns, and back: a codec for roles, and the functions under it.

What an example holds is known only when it is there, and two of them need not hold the same. A feature is
therefore *declared*, as for `tf.io.parse_example`, where it is to have a fixed number of values::

    # flowers.py
    FLOWERS = ExampleCodec({
        "petals": Feature("float32", shape=(4,)),
        "label": Feature("int64", default=-1),
        "tags": Feature("bytes", shape=None),
    })

    # job.py
    job.add_role("worker", codec="flowers:FLOWERS", input=read_tfrecords(env, "flowers/*.tfrecord"), ...)

    # train.py
    for batch in ctx.batches():
        batch["petals"]     # (rows, 4) float32
        batch["label"]      # (rows,) int64, -1 where an example has no label
        batch["tags"]       # a list of `rows` arrays of bytes, of any lengths

Without a declaration, ``codec="tf_integration.examples:EXAMPLES"``, a batch has every feature that one of its
examples has, always as a list of arrays, whatever the numbers of values happen to be.

Importing this module does not import TensorFlow, whose message classes are used; reading or writing does.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ml_framework.codec import Codec, check_one_column
from ml_framework.errors import CodecError, PlanError
from tf_integration.features import KINDS, NUMPY, Dtype, Feature, cast, flat, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from ml_framework.codec import RecordBatch, Schema

__all__ = ["EXAMPLES", "ExampleCodec", "Feature", "decode_examples", "encode_examples"]

_LISTS: Mapping[str, Dtype] = {"int64_list": "int64", "float_list": "float32", "bytes_list": "bytes"}


class ExampleCodec(Codec):
    """Batches are dicts of feature name to values; one column of BYTES holds the serialised examples.

    A batch is what `decode_examples` returns, and ``ctx.emit(columns)`` takes what `encode_examples` takes.

    Args:
        features: those that batches have, by name; others are ignored. None: those that are there, as lists
            of arrays.

    Raises:
        PlanError: `features` is empty.
    """

    name: ClassVar[str] = "tf.train.Example"

    def __init__(self, features: Mapping[str, Feature] | None = None) -> None:
        if features is not None and not features:
            raise PlanError(f"codec {self.name!r}: features is empty: name some, or leave it out")
        self.features = features

    def validate(self, schema: Schema) -> None:
        """The schema must be one column of bytes."""
        check_one_column(self, schema, text=False)

    def decode(self, batch: RecordBatch) -> dict[str, Any]:
        """The features of the examples, in memory of their own."""
        (column,) = batch.layout.schema.columns
        return decode_examples(batch[column.name].tolist(), self.features)

    def encode(self, values: Mapping[str, Any], schema: Schema) -> Mapping[str, Any]:
        """The column of the serialised examples."""
        (column,) = schema.columns
        return {column.name: encode_examples(values, self.features)}


EXAMPLES = ExampleCodec()
"""Whatever features the examples have, each as a list of arrays."""


def decode_examples(
    records: Iterable[bytes], features: Mapping[str, Feature] | None = None
) -> dict[str, Any]:
    """The features of serialised examples, by name.

    Args:
        records: one `tf.train.Example` each.
        features: which to read; None: every feature that an example has, as if declared with ``shape=None``.

    Returns:
        For a feature of a fixed shape ``(rows, *shape)``, else a list of `rows` arrays ``(values,)``; int64,
        float32, or objects that are `bytes`.

    Raises:
        CodecError: a record is no example, or a feature is missing, or of another type or number of values
            than declared, or, undeclared, of two types; the message names row and feature.
        PlanError: TensorFlow is not installed.
    """
    rows = [_parsed(row, record) for row, record in enumerate(records)]
    declared = _found(rows) if features is None else features
    return {name: _column(name, feature, rows) for name, feature in declared.items()}


def encode_examples(columns: Mapping[str, Any], features: Mapping[str, Feature] | None = None) -> list[bytes]:
    """Serialised examples, one a row.

    Args:
        columns: values by the name of their feature, all of one number of rows: an array or tensor ``(rows,
            ...)``, or a sequence with a value, a sequence or an array for each row. Integers and booleans
            become int64, any float becomes float32, text becomes UTF-8 bytes. A row that is None, or has no
            values, is an example without the feature.
        features: types and shapes that are to be kept to; others are taken as they are.

    Raises:
        CodecError: a value has no form in an example, or is not as declared, or the columns have different
            numbers of rows; the message names the feature, and the row.
        PlanError: TensorFlow is not installed.
    """
    example_class, _ = _protobuf()
    examples = [example_class() for _ in range(_row_count(columns))]
    for name, values in columns.items():
        lists = _rows_of(name, values, (features or {}).get(name))
        for example, row in zip(examples, lists, strict=True):
            if row.size:
                _fill(example.features.feature[name], row)
    return [example.SerializeToString(deterministic=True) for example in examples]


@cache
def _protobuf() -> tuple[Any, type[Exception]]:
    """The class of examples, and what it raises for bytes that are none."""
    try:
        from google.protobuf.message import DecodeError  # noqa: PLC0415 - comes with TensorFlow
        from tensorflow.core.example.example_pb2 import Example  # noqa: PLC0415 - takes seconds
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("tensorflow", "google"):
            raise
        raise PlanError(
            "tf.train.Example needs TensorFlow, which is not installed: pip install 'ml-on-flink[tensorflow]'"
        ) from error
    return Example, DecodeError


# ------------------------------------------------------------------------------------------------ reading


def _parsed(row: int, record: bytes) -> Any:
    """The map of name to message of one example."""
    if record is None:
        raise CodecError(f"row {row} is null, it must be a tf.train.Example: filter such rows out")
    example_class, decode_error = _protobuf()
    try:
        return example_class.FromString(record).features.feature
    except decode_error as error:
        raise CodecError(f"row {row}: its {len(record)} bytes are no tf.train.Example") from error


def _found(rows: Sequence[Any]) -> dict[str, Feature]:
    found: dict[str, Feature] = {}
    for row, messages in enumerate(rows):
        for name in sorted(messages):
            kind = messages[name].WhichOneof("kind")
            if kind is None:
                continue
            dtype = found.setdefault(name, Feature(_LISTS[kind], shape=None)).dtype
            if dtype != _LISTS[kind]:
                raise CodecError(
                    f"row {row}: feature {name!r} is {_LISTS[kind]}, in rows before it was {dtype}"
                )
    return found


def _column(name: str, feature: Feature, rows: Sequence[Any]) -> NDArray[Any] | list[NDArray[Any]]:
    lists = [_list(name, feature, row, messages) for row, messages in enumerate(rows)]
    dtype, read = NUMPY[feature.dtype], _READ[feature.dtype]
    if feature.shape is None:
        return [np.empty(0, dtype) if found is None else read(found) for found in lists]
    if feature.shape == ():
        return _single_values(feature, lists)
    values = [feature.filling if found is None else read(found) for found in lists]
    joined = np.concatenate(values) if values else np.empty(0, dtype)
    return joined.reshape(len(rows), *feature.shape)


def _single_values(feature: Feature, lists: Sequence[Any]) -> NDArray[Any]:
    """``(rows,)`` of features with one value; an array for each of them would be most of the work."""
    default: Any = None if feature.default is None else feature.filling[0]
    values = [default if found is None else found.value[0] for found in lists]
    return objects(values) if feature.dtype == "bytes" else np.array(values, NUMPY[feature.dtype])


def _list(name: str, feature: Feature, row: int, messages: Any) -> Any:
    """The list of values of one example, as declared; None where it has none and need not have one."""
    message = messages.get(name)
    kind = None if message is None else message.WhichOneof("kind")
    if kind is None:
        if feature.shape is not None and feature.default is None:
            raise CodecError(
                f"row {row}: feature {name!r} is missing: give it a default, or shape=None if its number of "
                "values varies"
            )
        return None
    if _LISTS[kind] != feature.dtype:
        raise CodecError(f"row {row}: feature {name!r} is {_LISTS[kind]}, it is declared {feature.dtype}")
    found = getattr(message, kind)
    _check_size(name, feature, row, len(found.value))
    return found


def _check_size(name: str, feature: Feature, row: int, count: int) -> None:
    if feature.size is not None and count != feature.size:
        raise CodecError(
            f"row {row}: feature {name!r} has {count} values, its declared shape {feature.shape} has "
            f"{feature.size}: use shape=None if their number varies"
        )


def _read_ints(message: Any) -> NDArray[Any]:
    return np.fromiter(message.value, np.int64, len(message.value))


def _read_floats(message: Any) -> NDArray[Any]:
    """Without a Python object for each value: in the serialised list they lie as in memory."""
    if not (count := len(message.value)):
        return np.empty(0, np.float32)
    head = _packed_head(4 * count)
    return np.frombuffer(message.SerializeToString(), "<f4", count, len(head)).astype(np.float32)


def _read_bytes(message: Any) -> NDArray[Any]:
    return objects(list(message.value))


_READ = {"int64": _read_ints, "float32": _read_floats, "bytes": _read_bytes}


# ------------------------------------------------------------------------------------------------ writing


def _row_count(columns: Mapping[str, Any]) -> int:
    if not isinstance(columns, Mapping):
        raise CodecError(f"examples are written from a dict of name to values, not {type(columns).__name__}")
    counts: dict[int, str] = {}
    for name, values in columns.items():
        if isinstance(values, str | bytes) or not np.iterable(values):
            raise CodecError(f"feature {name!r} is {values!r}, it must have a value for each row")
        counts.setdefault(len(values), name)
    if len(counts) > 1:
        (rows, name), (others, other) = list(counts.items())[:2]
        raise CodecError(f"feature {name!r} has {rows} rows, feature {other!r} has {others}")
    return next(iter(counts), 0)


def _rows_of(name: str, values: Any, feature: Feature | None) -> list[NDArray[Any]]:
    """The values of each row, all of one dtype."""
    if hasattr(values, "numpy"):  # a tensor, whose strings are best had all at once
        values = values.numpy()
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.size:
        rows = _array_rows(name, values, feature)
    else:
        rows = _each(name, values, flat)
        dtype = feature.dtype if feature else _common_dtype(name, rows)
        rows = _each(name, rows, lambda row: cast(row, dtype))
    if feature is not None:
        for row, found in enumerate(rows):
            if found.size or feature.default is None:
                _check_size(name, feature, row, found.size)
    return rows


def _array_rows(name: str, values: NDArray[Any], feature: Feature | None) -> list[NDArray[Any]]:
    """The rows of an array of numbers, converted all at once."""
    try:
        converted = cast(values, feature.dtype if feature else KINDS[values.dtype.kind])
    except ValueError as error:
        raise CodecError(f"feature {name!r}: {error}") from error
    return list(converted.reshape(len(values), -1))


def _each(name: str, rows: Iterable[Any], convert: Callable[[Any], NDArray[Any]]) -> list[NDArray[Any]]:
    converted = []
    for row, value in enumerate(rows):
        try:
            converted.append(convert(value))
        except ValueError as error:
            raise CodecError(f"row {row}: feature {name!r}: {error}") from error
    return converted


def _common_dtype(name: str, rows: Sequence[NDArray[Any]]) -> Dtype:
    """The one dtype of all rows that have values; a column of integers and floats is of floats."""
    found = {KINDS[row.dtype.kind] for row in rows if row.size}
    if found == {"int64", "float32"}:
        return "float32"
    if len(found) > 1:
        raise CodecError(f"feature {name!r}: its rows are of different types, {' and '.join(sorted(found))}")
    return next(iter(found), "float32")


def _fill(message: Any, values: NDArray[Any]) -> None:
    if values.dtype == np.float32:
        data = values.astype("<f4").tobytes()
        message.float_list.MergeFromString(_packed_head(len(data)) + data)
    elif values.dtype == np.int64:
        message.int64_list.value.extend(values.tolist())
    else:
        message.bytes_list.value.extend(values)


def _packed_head(length: int) -> bytes:
    """What protobuf writes before the packed values of field 1: its tag, and their length in bytes."""
    found = bytearray(b"\n")
    while length > 0x7F:  # noqa: PLR2004 - seven bits a byte, the lowest first
        found.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*found, length])
