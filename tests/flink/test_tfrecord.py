"""TFRecord files go through Flink jobs: TensorFlow's are read, and TensorFlow reads what was written."""

from __future__ import annotations

import re
import runpy
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf
from pyflink.common import Configuration, Types
from pyflink.datastream import StreamExecutionEnvironment
from support.flink import make_flink

from ml_framework.errors import JobFailed
from ml_framework.runner import PythonRunner
from ml_operator import JobConfig
from tf_integration.examples import Feature, decode_examples
from tf_integration.tfrecord import read_tfrecords, write_tfrecords

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.flink

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INT, FLOAT = Feature("int64"), Feature("float32")
BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())


def program(name: str, **params: Any) -> PythonRunner:
    return PythonRunner(f"tfrecord_programs:{name}", params, python_path=(str(HERE),))


def write(path: Path, records: Sequence[bytes], compression: str = "") -> None:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)


def written(folder: Path, compression: str = "") -> list[bytes]:
    """What TensorFlow reads of the finished files, in order of the bytes."""
    end = ".tfrecord.gz" if compression else ".tfrecord"
    files = sorted(map(str, folder.iterdir()))
    assert files
    assert all(Path(file).name.startswith("part-") and file.endswith(end) for file in files), files
    return sorted(tf.data.TFRecordDataset(files, compression).as_numpy_iterator())


def environment() -> StreamExecutionEnvironment:
    env = StreamExecutionEnvironment.get_execution_environment(Configuration())
    env.set_parallelism(2)
    return env


@pytest.mark.parametrize(("before", "after"), [("GZIP", None), ("", "gzip")])
def test_files_of_either_are_files_of_the_other(tmp_path: Path, before: str, after: str) -> None:
    """A plain copy of compressed files, and a compressed one of plain files, without any checkpoint."""
    records = [b"", b"\0", *(str(i).encode() * (i % 50) for i in range(500))]
    for part in range(3):
        write(tmp_path / f"train-{part}", records[part::3], before)
    env = environment()
    write_tfrecords(read_tfrecords(env, tmp_path / "train-*"), tmp_path / "out", after)
    env.execute()
    assert written(tmp_path / "out", "GZIP" if after else "") == sorted(records)


def test_a_record_may_be_large(tmp_path: Path) -> None:
    """100 MB, byte for byte the same file."""
    write(tmp_path / "large", [bytes(range(256)) * 400_000])
    env = environment()
    write_tfrecords(read_tfrecords(env, tmp_path / "large"), tmp_path / "out").set_parallelism(1)
    env.execute()
    (copy,) = (tmp_path / "out").iterdir()
    assert copy.read_bytes() == (tmp_path / "large").read_bytes()


def test_the_page_about_tfrecord_files_shows_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, codec, job and training loop of docs/tfrecord.md: a role learns from examples."""
    page = (ROOT / "docs" / "tfrecord.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL):
        (tmp_path / block.split("\n", 1)[0].removeprefix("# ")).write_text(block)
    monkeypatch.chdir(tmp_path)
    runpy.run_path("files.py")
    done = subprocess.run(
        [sys.executable, "job.py"], check=False, timeout=100, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    got = decode_examples(written(tmp_path / "guessed", "GZIP"), {"id": INT, "guess": FLOAT})
    truth = decode_examples(
        tf.data.TFRecordDataset([str(path) for path in tmp_path.glob("train-*")], "GZIP").as_numpy_iterator(),
        {"id": INT, "y": FLOAT},
    )
    assert sorted(got["id"]) == sorted(truth["id"]) == list(range(1000))
    errors = np.abs(got["guess"][np.argsort(got["id"])] - truth["y"][np.argsort(truth["id"])])
    assert np.count_nonzero(errors < 0.01) > 500


def test_every_record_is_written_exactly_once_across_a_failure(tmp_path: Path) -> None:
    """A process fails when the first files are final: Flink goes on in the middle of what it was reading."""
    records = [struct.pack(">I", i) + bytes(4000) for i in range(400)]  # more than queue and network hold
    for part in range(2):
        write(tmp_path / f"x-{part}", records[part::2], ["", "GZIP"][part])
    flink = make_flink(
        JobConfig(queue_bytes=1 << 16),
        taskmanager__memory__segment_size="4 kb",
        execution__checkpointing__interval="100 ms",
        execution__checkpointing__dir=f"file://{tmp_path}/checkpoints",
        restart_strategy__type="fixed-delay",
        restart_strategy__fixed_delay__attempts="1",
        restart_strategy__fixed_delay__delay="10 ms",
    )
    echoed = flink.job.add_role(
        "worker",
        runner=program("fail_when_a_file_is_there", folder=str(tmp_path / "out")),
        parallelism=2,
        input=read_tfrecords(flink.env, tmp_path / "x-*"),
        output=BYTES,
        codec="raw",
        max_rows=4,
    )
    write_tfrecords(echoed, tmp_path / "out")
    flink.run()
    finished = [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]
    assert len(finished) > 2  # some before the failure, some behind it
    assert sorted(tf.data.TFRecordDataset(sorted(map(str, finished))).as_numpy_iterator()) == records


def test_a_damaged_file_fails_the_job_by_its_name(tmp_path: Path) -> None:
    """And by the place of the record in it."""
    write(tmp_path / "x", [b"good", b"bad"])
    content = bytearray((tmp_path / "x").read_bytes())
    content[-5] ^= 1
    (tmp_path / "x").write_bytes(content)
    flink = make_flink()
    flink.job.add_role(
        "worker", runner=program("read"), input=read_tfrecords(flink.env, tmp_path / "x"), codec="raw"
    )
    with pytest.raises(JobFailed, match=rf"file:{tmp_path}/x, record at byte 20: its 3 bytes of data do not"):
        flink.run()
