"""TFRecord files as the JVM reads them, and what is said of paths at planning. Written by TensorFlow."""

from __future__ import annotations

import gzip
import random
import struct
from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf

from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

HEADER, FOOTER = 12, 4
RECORDS = [b"", b"one", b"\x1f\x8b", bytes(range(256)) * 1000, b"last"]


@pytest.fixture(scope="session", autouse=True)
def _gateway(gateway: None) -> None:
    """Start the JVM before the first test."""


@pytest.fixture(scope="module")
def env() -> Any:
    from pyflink.datastream import StreamExecutionEnvironment  # noqa: PLC0415 - the gateway's warnings are over

    return StreamExecutionEnvironment.get_execution_environment()


@pytest.fixture(scope="module")
def java(env: Any) -> Java:
    return Java(env)


class Java:
    """The reader and the planner's calls, as Flink uses them."""

    def __init__(self, env: Any) -> None:
        from pyflink.java_gateway import get_gateway  # noqa: PLC0415

        from ml_operator.bridge import Bridge  # noqa: PLC0415

        self._flink = get_gateway().jvm.org.apache.flink
        self._format = Bridge(env).instance("org.mlonflink.tfrecord.RecordFormat")
        self.files = Bridge(env).instance("org.mlonflink.tfrecord.RecordFiles")

    def read(self, path: Path) -> list[bytes]:
        return [record for record, _ in self.read_from(path, None)]

    def read_from(self, path: Path, position: tuple[int, int] | None) -> list[tuple[bytes, tuple[int, int]]]:
        """Records from a position on, each with the position behind it; `OSError` as the reader tells it."""
        from py4j.protocol import Py4JJavaError  # noqa: PLC0415

        try:
            return self._read(path, position)
        except Py4JJavaError as error:
            raise OSError(error.java_exception.getMessage()) from error

    def _read(self, path: Path, position: tuple[int, int] | None) -> list[tuple[bytes, tuple[int, int]]]:
        source = self._flink.connector.file.src
        size = path.stat().st_size
        split = source.FileSourceSplit("0", self._flink.core.fs.Path(str(path)), 0, size, 0, size)
        settings = self._flink.configuration.Configuration()
        if position is None:
            reader = self._format.createReader(settings, split)
        else:
            split = split.updateWithCheckpointedPosition(source.util.CheckpointedPosition(*position))
            reader = self._format.restoreReader(settings, split)
        found = []
        while (batch := reader.readBatch()) is not None:
            while (record := batch.next()) is not None:
                found.append((record.getRecord(), (record.getOffset(), record.getRecordSkipCount())))
        reader.close()
        return found


def write(path: Path, records: list[bytes], compression: str = "") -> Path:
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions(compression_type=compression)) as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.mark.parametrize("name", ["x.tfrecord", "x.tfrecord.gz", "train-00000-of-00001"])
@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_what_tensorflow_wrote_is_read(tmp_path, java, name, compression):
    """Empty, small and large records; whether a file is compressed is seen from its bytes, not its name."""
    assert java.read(write(tmp_path / name, RECORDS, compression)) == RECORDS


def test_a_file_of_many_batches_is_read(tmp_path, java):
    """More records than one batch of the reader holds."""
    records = [str(i).encode() for i in range(1500)]
    assert java.read(write(tmp_path / "x", records)) == records


@pytest.mark.parametrize("content", [b"", gzip.compress(b"")])
def test_an_empty_file_has_no_records(tmp_path, java, content):
    (tmp_path / "x").write_bytes(content)
    assert java.read(tmp_path / "x") == []


def test_gzip_files_put_together_are_one_file(tmp_path, java):
    """As ``cat a.gz b.gz`` does."""
    one, two = (write(tmp_path / name, [name.encode()] * 2, "GZIP") for name in ("one", "two"))
    (tmp_path / "both").write_bytes(one.read_bytes() + two.read_bytes())
    assert java.read(tmp_path / "both") == [b"one", b"one", b"two", b"two"]


@pytest.mark.parametrize("size", [1, 7, 60_000, 200_000])
@pytest.mark.parametrize("rest", [b"garbage", b"\0", gzip.compress(b"")[:9]])
def test_what_follows_compressed_data_is_not_passed_over(tmp_path, java, size, rest):
    """It may have been records, wherever in the reader's buffers the data ends."""
    whole = write(tmp_path / "whole", [random.Random(size).randbytes(size)], "GZIP").read_bytes()
    (tmp_path / "more").write_bytes(whole + rest)
    with pytest.raises(OSError, match="a part of the file is no gzip member"):
        java.read(tmp_path / "more")


def test_compressed_data_may_end_anywhere_in_the_readers_buffer(tmp_path, java):
    """Also where the buffer, which begins behind a header, cuts a trailer or the next header in two."""
    buffer_end = 10 + (1 << 16)
    two = write(tmp_path / "two", [b"two"], "GZIP").read_bytes()
    path = tmp_path / "both"
    for end in range(buffer_end - 12, buffer_end + 12):
        record = random.Random(0).randbytes(end - 60)
        while len(one := write(tmp_path / "one", [record], "GZIP").read_bytes()) < end:
            record += b"\xa5"
        assert len(one) == end
        path.write_bytes(one + two)
        assert java.read(path) == [record, b"two"]
        path.write_bytes(one + b"no gzip")
        with pytest.raises(OSError, match="a part of the file is no gzip member"):
            java.read(path)


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_reading_goes_on_from_every_checkpoint(tmp_path, java, compression):
    """Behind each record, the rest of the file is read and nothing else."""
    records = [random.Random(i).randbytes(300_000) for i in range(6)] + [b"", b"x"]
    path = write(tmp_path / "x", records, compression)
    for taken, (_, position) in enumerate(java.read_from(path, None), 1):
        assert [record for record, _ in java.read_from(path, position)] == records[taken:]


def test_a_file_that_shrank_behind_a_checkpoint_is_refused(tmp_path, java):
    """Nothing can be known of its other records."""
    position = java.read_from(write(tmp_path / "x", [b"a", b"b"]), None)[-1][1]
    for records in ([], [b"a"]):
        with pytest.raises(OSError, match="the file has changed"):
            java.read_from(write(tmp_path / "x", records), position)


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, java, compression):
    """With the file's name and the byte at which the record began, unless it ends between two records."""
    whole = write(tmp_path / "whole", [b"abc", b"defg"], compression).read_bytes()
    second = HEADER + 3 + FOOTER
    path = tmp_path / "cut"
    for size in range(2 if compression else 1, len(whole)):
        path.write_bytes(whole[:size])
        if not compression and size == second:
            assert java.read(path) == [b"abc"]
            continue
        where = r"\d+ of the uncompressed data" if compression else str(0 if size < second else second)
        with pytest.raises(OSError, match=rf"^{path}, record at byte {where}: .*truncated$"):
            java.read(path)


def test_a_damaged_byte_is_never_read_as_data(tmp_path, java):
    """Whichever it is: the file is named, and the record in which it is."""
    whole = write(tmp_path / "whole", [b"abc", b"defg"]).read_bytes()
    second = HEADER + 3 + FOOTER
    path = tmp_path / "damaged"
    for place in range(len(whole)):
        path.write_bytes(bytes(byte ^ (0x10 if i == place else 0) for i, byte in enumerate(whole)))
        record, within = (0, place) if place < second else (second, place - second)
        part = "length does not match its checksum" if within < HEADER else "do not match their checksum"
        with pytest.raises(OSError, match=rf"^{path}, record at byte {record}: its .*{part}"):
            java.read(path)


def test_damaged_compressed_data_is_refused(tmp_path, java):
    """By the name of the file and the place in the uncompressed data."""
    whole = bytearray(write(tmp_path / "whole", [bytes(1000), b"x"], "GZIP").read_bytes())
    whole[-8] ^= 1  # of gzip's own checksum
    (tmp_path / "damaged").write_bytes(whole)
    with pytest.raises(
        OSError, match=r"damaged, record at byte .* of the uncompressed data: .* cannot be read"
    ):
        java.read(tmp_path / "damaged")


def header(length: int) -> bytes:
    """A header whose checksum is right."""
    crc = 0xFFFFFFFF
    for byte in struct.pack("<Q", length):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return struct.pack("<QI", length, masked)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header(2**64 - 1), "its length is 18446744073709551615 bytes, a record has at most 2147483639"),
        (header(2**31), "its length is 2147483648 bytes, a record has at most 2147483639"),
        (header(2**31 - 9) + b"x", "only 13 of its 2147483655 bytes are there: the file is truncated"),
        (gzip.compress(header(2**31 - 9) + b"x"), "only 13 of its 2147483655 bytes are there"),
        (b"id,name\n1,one\n2,two\n", "the file is damaged, or no TFRecord file, plain or gzip-compressed"),
        (b"\x1f\x8b\x08", "its compressed data stops short"),
        (
            b"\x1f\x8b not gzip at all",
            r"its compressed data cannot be read \(Unsupported compression method\)",
        ),
    ],
)
def test_what_cannot_be_a_record_is_refused(tmp_path, java, content, message):
    """Without asking for the memory that an absurd length claims."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(OSError, match=f"/x, record at byte 0[^:]*: .*{message}"):
        java.read(tmp_path / "x")


@pytest.fixture
def tree(tmp_path):
    for name in (
        "a/1.tfrecord",
        "a/b/2.tfrecord",
        "a/b/c/3.txt",
        "a/.hidden",
        "a/_SUCCESS",
        "a/_logs/x",
        "e/_x",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("path", "files"),
    [
        ("a", ["a/1.tfrecord", "a/b/2.tfrecord", "a/b/c/3.txt"]),
        ("a/b/c/3.txt", ["a/b/c/3.txt"]),
        ("a/*.tfrecord", ["a/1.tfrecord"]),
        ("a/*", ["a/1.tfrecord", "a/b/2.tfrecord", "a/b/c/3.txt"]),
        ("a/?/*.tfrecord", ["a/b/2.tfrecord"]),
        ("**.tfrecord", ["a/1.tfrecord", "a/b/2.tfrecord"]),
        ("a/b/{2.tfrecord,c}", ["a/b/2.tfrecord", "a/b/c/3.txt"]),
        ("a/[0-9].tfrecord", ["a/1.tfrecord"]),
        ("a/_SUCCESS", ["a/_SUCCESS"]),
        ("e", []),
        ("nothing", []),
        ("nothing/*", []),
    ],
)
def test_a_path_means_files(tree, java, path, files):
    """A file, the files below a folder, the matches of a glob; hidden ones only when they are named."""
    assert list(java.files.matching(f"{tree}/{path}")) == [f"file:{tree}/{name}" for name in files]


def test_names_may_have_any_letters(tmp_path, java):
    """Spaces, signs, and the letters of globs, where a file is called so."""
    for name in ("a b", "100%", "x[1]", "é", "q?*"):
        assert java.read(write(tmp_path / name, [name.encode()])) == [name.encode()]
        (found,) = java.files.matching(str(tmp_path / name))
        assert found == f"file:{tmp_path / name}"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing", "'missing' is no file, and matches none"),
        ("e/*.tfrecord", r"'e/\*.tfrecord' is no file, and matches none"),
        ("nosuch://bucket/x", "'nosuch://bucket/x': Could not find a file system implementation for scheme"),
    ],
)
def test_a_path_that_means_nothing_is_refused_at_planning(tree, env, monkeypatch, path, message):
    """Local paths are relative to where the job is planned."""
    from tf_integration.tfrecord import read_tfrecords  # noqa: PLC0415

    monkeypatch.chdir(tree)
    with pytest.raises(PlanError, match=message):
        read_tfrecords(env, "a/1.tfrecord", path)
    with pytest.raises(PlanError, match="give at least one file"):
        read_tfrecords(env)


def test_what_cannot_be_written_is_refused_at_planning(tree, env):
    """Streams of other things, folders that are files, unknown compressions."""
    from pyflink.common import Types  # noqa: PLC0415

    from tf_integration.tfrecord import read_tfrecords, write_tfrecords  # noqa: PLC0415

    records = read_tfrecords(env, tree / "a")
    with pytest.raises(PlanError, match=r"a/1\.tfrecord' is a file, it must be a folder"):
        write_tfrecords(records, tree / "a" / "1.tfrecord")
    with pytest.raises(PlanError, match="compression is 'zlib', it must be 'gzip' or None"):
        write_tfrecords(records, tree / "out", "zlib")
    with pytest.raises(PlanError, match=r"the stream is of .*, it must be of bytes: .*output_type="):
        write_tfrecords(records.map(len, Types.INT()), tree / "out")
    with pytest.raises(PlanError, match="it must be of bytes"):
        write_tfrecords(records.map(bytes), tree / "out")
