"""Folders of versions: what is published, and what is found wrong."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from ml_framework.errors import ModelError
from ml_framework.inference import place, publish, versions

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    return path


def test_versions_count_on(tmp_path: Path, model: Path) -> None:
    """Each is a folder with the model in it; there is nothing else."""
    folder = tmp_path / "models"
    assert [publish(model, folder, number) for number in (None, 9, None)] == [1, 9, 10]
    assert place(folder).numbers() == [1, 9, 10]
    assert [versions.content(path).read_bytes() for path in folder.iterdir()] == [b"weights"] * 3
    assert sorted(path.name for path in folder.iterdir()) == ["1", "10", "9"]
    assert place(folder).has_versions()


def test_a_folder_is_a_model_too(tmp_path: Path, model: Path) -> None:
    """It is copied with all that is in it, and is then the model."""
    saved = tmp_path / "saved"
    (saved / "variables").mkdir(parents=True)
    shutil.copy(model, saved / "variables" / "data")
    shutil.copy(model, saved / "graph.pb")
    assert not place(saved).has_versions()
    publish(saved, tmp_path / "models")
    found = versions.content(tmp_path / "models" / "1")
    assert found == tmp_path / "models" / "1"
    assert (found / "variables" / "data").read_bytes() == b"weights"
    versions.check(found)
    subprocess.run(["sha256sum", "--check", "--quiet", versions.CHECKSUMS], cwd=found, check=True)


def test_a_version_does_not_change(tmp_path: Path, model: Path) -> None:
    """A second one of that number is refused, and nothing is left of it."""
    publish(model, tmp_path / "models", 3)
    with pytest.raises(FileExistsError, match="3 is there already"):
        publish(model, tmp_path / "models", 3)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["3"]


def test_files_are_held_against_their_checksums(tmp_path: Path, model: Path) -> None:
    """Without any there is nothing to check."""
    publish(model, tmp_path / "models")
    path = tmp_path / "models" / "1"
    versions.check(path)
    (path / "model.bin").write_bytes(b"weighed")
    with pytest.raises(ModelError, match=r"model.bin has another SHA-256 than SHA256SUMS says"):
        versions.check(path)
    (path / "model.bin").unlink()
    with pytest.raises(ModelError, match=r"model.bin is missing"):
        versions.check(path)
    (path / versions.CHECKSUMS).unlink()
    versions.check(path)
