"""The data: 1,797 handwritten digits of 8 × 8 grey pixels, as TFRecord files.

They come with scikit-learn. `prepare` shuffles them once, in the same way everywhere, and writes files of
`tf.train.Example`: `image`, 64 floats from 0 to 1, and `label`. `batches` reads them where the graph runs.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

DEFAULT_FOLDER = Path(__file__).parents[2] / "data" / "digits"
TRAIN_FILES = 12
TEST_ROWS = 360
SIDE = 8
"""Pixels."""
DARKEST = 16.0
TEST_FILE = "test.tfrecord"


def prepare(folder: Path = DEFAULT_FOLDER) -> Path:
    """Write the files unless they are there.

    Returns:
        The folder that holds `train-00.tfrecord` to `train-11.tfrecord` and `test.tfrecord`. It appears as a
        whole or not at all.
    """
    target = folder / "tfrecord"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder, prefix=".preparing-"))
    try:
        _write(staging)
        staging.chmod(0o755)
        staging.rename(target)
    except OSError:
        if not target.exists():  # otherwise another run was faster, with the same content
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def train_files(folder: Path) -> list[str]:
    """The files to train on; `folder` is what `prepare` returned."""
    return sorted(map(str, folder.glob("train-*.tfrecord")))


def batches(file: Any, batch_size: int) -> Any:
    """A `tf.data.Dataset` of images ``(rows, 8, 8, 1) float32`` and labels ``(rows,) int64``.

    Args:
        file: name of one file, as `str` or as a scalar tensor.
        batch_size: rows of every batch but the last.
    """
    import tensorflow as tf  # noqa: PLC0415 - planning a job does without it

    features = {
        "image": tf.io.FixedLenFeature((SIDE, SIDE, 1), tf.float32),
        "label": tf.io.FixedLenFeature((), tf.int64),
    }

    def images_and_labels(records: Any) -> tuple[Any, Any]:
        columns = tf.io.parse_example(records, features)
        return columns["image"], columns["label"]

    return tf.data.TFRecordDataset(file).batch(batch_size).map(images_and_labels)


def _write(folder: Path) -> None:
    import numpy as np  # noqa: PLC0415 - as above
    import tensorflow as tf  # noqa: PLC0415
    from sklearn.datasets import load_digits  # noqa: PLC0415

    from tf_integration.examples import encode_examples  # noqa: PLC0415

    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    columns = {"image": data.data[order] / DARKEST, "label": data.target[order]}
    records = encode_examples(columns)
    shares = {TEST_FILE: records[:TEST_ROWS]}
    for part in range(TRAIN_FILES):
        shares[f"train-{part:02}.tfrecord"] = records[TEST_ROWS + part :: TRAIN_FILES]
    for name, share in shares.items():
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for record in share:
                writer.write(record)
