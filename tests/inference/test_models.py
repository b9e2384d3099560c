"""Which version serves, and when another takes over."""

from __future__ import annotations

import tempfile
import threading
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
import pytest

from ml_framework.errors import EmitError, ModelError
from ml_framework.inference import Models, Scorer, place, publish
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ml_framework.context import Batch

    Make = Callable[..., Batch]
    Publish = Callable[..., int]


def load(path: Path) -> Any:
    """A model that multiplies; its file says by what, and what the answer is called."""
    factor, *name = path.read_text().split()
    number = float(factor)
    return lambda batch: {(name or ["y"])[0]: np.asarray(batch["x"]) * number}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def new(tmp_path: Path, folder: Path) -> Publish:
    """Publishes a version whose model has this text."""

    def make(text: str, number: int | None = None) -> int:
        (tmp_path / "model.txt").write_text(text)
        return publish(tmp_path / "model.txt", folder, number)

    return make


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sentences that are printed; captured output cannot be looked at while a thread prints."""
    sentences: list[str] = []
    monkeypatch.setattr("ml_framework.inference.models._say", sentences.append)
    return sentences


def test_the_end_waits_for_no_storage_for_ever(
    folder: Path, new: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that asks it ends with the process."""
    new("2")
    asked, answers = threading.Event(), threading.Event()
    monkeypatch.setattr("ml_framework.inference.models._LEAVE_S", 0.1)
    with models(folder) as served:

        def numbers() -> list[int]:
            asked.set()
            answers.wait()
            return [1]

        monkeypatch.setattr(served._place, "numbers", numbers)
        assert asked.wait(10)
    assert not answers.is_set()
    answers.set()
    served._thread.join()


def models(folder: Path | str, version: int | None = None, **options: Any) -> Models:
    return Models(place(folder), load, Scorer(["y"], check=fits), version, **options)


def fits(columns: Mapping[str, Any]) -> None:
    """As a column of the output does."""
    if (columns["y"] > 1e38).any():
        raise EmitError("y is too much")


def score(served: Models, batch: Batch) -> tuple[int | None, list[float]]:
    """What the loop does with a batch."""
    answered = served.take()(batch)["y"].tolist()
    served.answered(batch, 0, batch.rows)
    return served.serving.version, answered


def test_a_file_is_a_model_without_versions(tmp_path: Path, batch: Make) -> None:
    """It serves for ever."""
    (tmp_path / "model.txt").write_text("3")
    with models(tmp_path / "model.txt") as served:
        assert score(served, batch(2.0)) == (None, [6.0])


def test_a_newer_version_takes_over_between_two_batches(folder: Path, new: Publish, batch: Make) -> None:
    """Of several that have come meanwhile, the newest; an older one never."""
    new("1", 5)
    with models(folder) as served:
        assert score(served, batch(1.0)) == (5, [1.0])
        new("2", 7)
        new("9", 6)
        eventually(lambda: score(served, batch(1.0))[0] == 7)
        assert score(served, batch(1.0)) == (7, [2.0])
        new("3")
        eventually(lambda: score(served, batch(1.0))[0] == 8)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no number", "ValueError: could not convert string to float: 'no'"),
        ("2 z", "ModelError: the model answers z, and the output has y"),
        ("1e99 y", "EmitError: y is too much"),
        ("nan", "ModelError: it answers none of the rows that it was tried on: the answer y is NaN"),
    ],
)
def test_a_broken_version_is_refused_and_told(
    folder: Path, new: Publish, *, batch: Make, text: str, reason: str, said: list[str]
) -> None:
    """The old one serves on; a later one may take over."""
    new("1")
    with models(folder) as served:
        score(served, batch(1.0, 2.0))
        new(text)
        eventually(lambda: said)
        assert len(said) == 1
        assert f"version 2 is refused: {reason}" in said[0]
        assert score(served, batch(1.0)) == (1, [1.0])
        new("4")
        eventually(lambda: score(served, batch(1.0)) == (3, [4.0]))


class Storage:
    """A place whose method `failing` raises `error`, until that is None, and counts how often."""

    def __init__(self, folder: Path, failing: str) -> None:
        self._place = place(folder)
        self._failing = failing
        self.error: Exception | None = None
        self.failures = 0

    def __str__(self) -> str:
        return "the storage"

    def __getattr__(self, name: str) -> Any:
        if name == self._failing and self.error is not None:
            self.failures += 1
            raise self.error
        return getattr(self._place, name)


@pytest.mark.parametrize("failing", ["numbers", "fetched"])
@pytest.mark.parametrize("error", [TimeoutError("late"), RuntimeError("503"), ModelError("not there")])
def test_storage_that_is_away_costs_no_version(
    folder: Path, new: Publish, *, batch: Make, failing: str, error: Exception, capfd: Any, monkeypatch: Any
) -> None:
    """Whatever it raises: that is told once for each time that it is away, and the version serves later."""
    monkeypatch.setattr("ml_framework.inference.models._AGAIN_S", 0.01)
    new("1")
    storage = Storage(folder, failing)
    with Models(storage, load, Scorer(["y"])) as served:
        for number in (2, 3):
            storage.error, before = error, storage.failures
            new(str(number))
            eventually(lambda before=before: storage.failures > before + 2)
            assert score(served, batch(1.0)) == (number - 1, [number - 1.0])
            storage.error = None
            eventually(lambda number=number: score(served, batch(1.0)) == (number, [float(number)]))
    told = capfd.readouterr().out.splitlines()
    away = f"the storage does not answer ({type(error).__name__}: {error}): it is asked again and again"
    assert [line for line in told if "storage" in line] == [away, "the storage answers again"] * 2
    assert not [line for line in told if "refused" in line]


def test_it_begins_with_the_newest_that_can_be_loaded(folder: Path, new: Publish) -> None:
    """Where there is none, the reasons are told."""
    new("1")
    new("x")
    assert models(folder).serving.version == 1
    (folder / "1" / "model.txt").write_text("2")
    with pytest.raises(
        ModelError, match=r"no model in .*: version 2 is refused: ValueError.*; version 1 is .*SHA-256"
    ):
        models(folder)


def test_it_begins_with_the_version_of_the_checkpoint(folder: Path, new: Publish, capfd: Any) -> None:
    """Where it is gone, that is told, and the newest serves."""
    new("1")
    new("2")
    assert models(folder, 1).serving.version == 1
    assert models(folder, 9).serving.version == 2
    assert "version 9, which the checkpoint names, is not in" in capfd.readouterr().out


def test_without_a_model_there_is_none(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(ModelError, match=r"there is no model at .*nowhere"):
        models(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"no model in .*empty: it has no versions"):
        models(tmp_path / "empty")


def test_the_version_that_is_announced_serves(
    folder: Path, new: Publish, batch: Make, said: list[str]
) -> None:
    """Newer or older, once it is there; the newest that is there is no matter."""
    new("1")
    new("2")
    with models(folder, 1, announced=True) as served:
        assert score(served, batch(1.0)) == (1, [1.0])
        served.announce(3)
        eventually(lambda: said)
        assert score(served, batch(1.0)) == (1, [1.0])
        new("5")
        eventually(lambda: score(served, batch(1.0)) == (3, [5.0]))
        served.announce(2)
        eventually(lambda: score(served, batch(1.0)) == (2, [2.0]))
    (sentence,) = [sentence for sentence in said if "is announced" in sentence]
    assert f"version 3 is announced, and is not in {folder} yet" in sentence


def test_versions_are_announced_of_a_folder_of_versions_only(tmp_path: Path) -> None:
    """The error names what is none."""
    (tmp_path / "model.txt").write_text("3")
    with pytest.raises(
        ModelError, match=r"model\.txt is no folder of versions, and the control stream names"
    ):
        models(tmp_path / "model.txt", announced=True)


@pytest.fixture
def url() -> Iterator[str]:
    """A folder of a file system in memory."""
    memory = fsspec.filesystem("memory")
    yield "memory://bucket/models"
    memory.rm("/bucket", recursive=True)


def test_versions_come_from_a_url(
    url: str, tmp_path: Path, batch: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version serves once its checksums, which come last, are there; nothing of it is left here."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    (tmp_path / "model.txt").write_text("2")
    assert publish(tmp_path / "model.txt", url) == 1
    with models(url) as served:
        assert score(served, batch(1.0)) == (1, [2.0])
        (tmp_path / "model.txt").write_text("3")
        memory = fsspec.filesystem("memory")
        memory.pipe("/bucket/models/2/model.txt", b"7")  # somebody is still writing it
        assert publish(tmp_path / "model.txt", url, 3) == 3
        eventually(lambda: score(served, batch(1.0)) == (3, [3.0]))
    with pytest.raises(FileExistsError, match=r"memory://bucket/models/3 is there already"):
        publish(tmp_path / "model.txt", url, 3)
    assert list(temporary.iterdir()) == []


def test_a_broken_file_at_a_url_is_refused(url: str, tmp_path: Path) -> None:
    """As one on this machine."""
    (tmp_path / "model.txt").write_text("2")
    publish(tmp_path / "model.txt", url)
    fsspec.filesystem("memory").pipe("/bucket/models/1/model.txt", b"7")
    with pytest.raises(ModelError, match=r"version 1 is refused: ModelError: .*another SHA-256"):
        models(url)


def test_a_model_at_a_url_serves_without_versions(url: str, batch: Make) -> None:
    """Where it is missing the error names the URL."""
    fsspec.filesystem("memory").pipe("/bucket/models/model.txt", b"4")
    with models(f"{url}/model.txt") as served:
        assert score(served, batch(2.0)) == (None, [8.0])
    with pytest.raises(ModelError, match=r"there is no model at memory://bucket/models/other"):
        models(f"{url}/other")
    with pytest.raises(ModelError, match=r"nosuch://model cannot be reached: .*the extra `remote`"):
        models("nosuch://model")
