"""TFRecord files as streams of bytes, and streams of bytes as TFRecord files.

::

    records = read_tfrecords(env, "flowers/train-*.tfrecord.gz")        # a DataStream of bytes
    ...
    write_tfrecords(scored, "flowers/scored", compression="gzip")

For the code that plans a job: unlike the rest of this package it imports PyFlink.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Literal

from py4j.protocol import Py4JJavaError
from pyflink.common import Types, WatermarkStrategy
from pyflink.datastream.connectors.base import Sink, Source

from ml_framework.errors import PlanError
from ml_operator.bridge import Bridge

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyflink.datastream import DataStream, StreamExecutionEnvironment
    from pyflink.datastream.data_stream import DataStreamSink

_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())


def read_tfrecords(env: StreamExecutionEnvironment, *paths: str | os.PathLike[str]) -> DataStream:
    """The records of TFRecord files, plain or gzip-compressed, as a bounded stream of bytes.

    Which files there are is decided now. Each is read by one subtask, from its beginning to its end, in no
    promised order of files; a checkpoint holds the place in each. Whether a file is compressed is seen from
    its first bytes, whatever its name. Both checksums of a record are checked: a damaged or truncated file
    fails the job with the file's name and the offset of the record, in bytes, in the uncompressed data.

    Args:
        env: the environment of the job.
        paths: files, folders (every file below), or globs; ``*``, ``?``, ``[ab]`` and ``{a,b}`` stay within
            a folder, ``**`` crosses folders. Anything that a file system of Flink knows, ``s3://bucket/x``;
            without a scheme, local files. Below a folder or a glob, names that begin with ``.`` or ``_``
            are skipped. A file that is meant twice is read once.

    Returns:
        A stream of ``Types.PRIMITIVE_ARRAY(Types.BYTE())``: `bytes` in Python functions, and one column
        ``f0`` of BYTES as the input of a role.

    Raises:
        PlanError: no path is given, a path means no file, or it cannot be looked at.
    """
    if not paths:
        raise PlanError("read_tfrecords: give at least one file, folder or glob")
    files = _files(env)
    found: dict[str, None] = {}
    for path in paths:
        matching = _looked_at(path, files.matching)
        if not len(matching):
            raise PlanError(
                f"read_tfrecords: {os.fspath(path)!r} is no file, and matches none: check the path"
            )
        found.update(dict.fromkeys(matching))
    source = Source(files.source(list(found)))
    return env.from_source(source, WatermarkStrategy.no_watermarks(), "TFRecord files", _BYTES)


def write_tfrecords(
    stream: DataStream,
    folder: str | os.PathLike[str],
    compression: Literal["gzip"] | None = None,
) -> DataStreamSink:
    """Write a stream of bytes to TFRecord files ``part-….tfrecord``, or ``part-….tfrecord.gz``.

    Each subtask begins a new file after each checkpoint. A file gets its name when the checkpoint behind its
    records is complete, or when the stream has ended, and is then final: a reader meets every record exactly
    once, also when the job was restarted. What has no such name yet begins with a dot. An *unbounded* stream
    needs checkpoints: without them no file is ever complete.

    Args:
        stream: of ``Types.PRIMITIVE_ARRAY(Types.BYTE())``; one record an element.
        folder: created where it is not there; files that are in it stay.
        compression: ``"gzip"``, or None for plain files.

    Returns:
        The sink, to be named, or given a parallelism.

    Raises:
        PlanError: the stream is not of bytes, the compression is unknown, or the folder is a file.
    """
    if compression not in (None, "gzip"):
        raise PlanError(f"write_tfrecords: compression is {compression!r}, it must be 'gzip' or None")
    if stream.get_type() != _BYTES:
        raise PlanError(
            f"write_tfrecords: the stream is of {stream.get_type()}, it must be of bytes: give the function "
            "before it output_type=Types.PRIMITIVE_ARRAY(Types.BYTE())"
        )
    files = _files(stream.get_execution_environment())
    if _looked_at(folder, files.isFile):
        raise PlanError(f"write_tfrecords: {os.fspath(folder)!r} is a file, it must be a folder")
    return stream.sink_to(Sink(files.sink(_absolute(folder), compression == "gzip"))).name("TFRecord files")


def _files(env: StreamExecutionEnvironment) -> Any:
    return Bridge(env).instance("org.mlonflink.tfrecord.RecordFiles")


def _looked_at(path: str | os.PathLike[str], look: Callable[[str], Any]) -> Any:
    """What `look` says of `path`; `PlanError` where its file system cannot be asked."""
    try:
        return look(_absolute(path))
    except Py4JJavaError as error:
        raise PlanError(f"{os.fspath(path)!r}: {error.java_exception.getMessage()}") from error


def _absolute(path: str | os.PathLike[str]) -> str:
    """Local paths as they are meant here, and not where a task runs."""
    text = os.fspath(path)
    return text if _HAS_SCHEME.match(text) else os.path.abspath(text)  # noqa: PTH100 - globs are no paths
