"""The handwritten digits: their files, the network, and one run of the whole job."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_ps"
sys.path.append(str(EXAMPLE))

import digits  # noqa: E402 - after the path above


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digits")


@pytest.fixture(scope="module")
def prepared(data_folder: Path) -> Path:
    return digits.prepare(data_folder)


def test_every_digit_is_in_one_file_and_unchanged(prepared: Path) -> None:
    files = [*digits.train_files(prepared), str(prepared / digits.TEST_FILE)]
    rows = [
        [(i.tobytes(), int(k)) for b in digits.batches(f, 50) for i, k in zip(*map(np.array, b), strict=True)]
        for f in files
    ]
    assert [len(share) for share in rows] == [120] * 9 + [119] * 3 + [360]
    data = load_digits()
    images = (data.images / 16).astype(np.float32)
    all_rows = [(image.tobytes(), int(label)) for image, label in zip(images, data.target, strict=True)]
    assert sorted(row for share in rows for row in share) == sorted(all_rows)


def test_files_are_written_once(prepared: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "_write", None)
    assert digits.prepare(data_folder) == prepared
    assert [path.name for path in data_folder.iterdir()] == [prepared.name]


def test_the_network_gives_ten_logits_an_image() -> None:
    from network import new_network  # noqa: PLC0415 - Keras takes seconds

    network = new_network()
    assert network(tf.zeros((3, 8, 8, 1))).shape == (3, 10)
    assert network.count_params() == 9_930


@pytest.mark.flink
def test_the_exported_model_reads_digits_that_nobody_trained_on(data_folder: Path, tmp_path: Path) -> None:
    """The whole job, as the user runs it."""
    done = subprocess.run(
        [sys.executable, EXAMPLE / "job.py", "--data", data_folder, "--out", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=115,
    )
    assert done.returncode == 0, done.stderr
    *_, model, last = done.stdout.splitlines()
    epochs = [line for line in done.stderr.splitlines() if line.startswith("chief[0] | epoch ")]
    assert len(epochs) == 12
    assert epochs[-1].startswith("chief[0] | epoch 12  1,437 digits  loss 0.0")
    assert model.startswith("model: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits.keras", "saved_model"]
    found = re.fullmatch(r"accuracy=(0\.\d{3}|1\.000)", last)
    assert found is not None
    assert float(found[1]) >= 0.95
