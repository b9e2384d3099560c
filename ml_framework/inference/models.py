"""`Models`: the version that serves, and the one that takes over.

A thread looks for newer versions. It loads the newest, tries it on rows that were scored before, and lays it
ready; the loop takes it between two batches, so all rows of a batch are scored by one version. A version that
cannot be loaded, or whose answers have another form, is refused: it is told once, and the old one serves on.

Threads: `take` and `answered` are the loop's, `_look` and all below it the thread's. `_ready` holds the
newest version that the loop has not taken yet; either end adds or takes it in one step.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ml_framework.errors import ModelError
from ml_framework.inference import versions
from ml_framework.inference.answers import Model, Refused, Scorer

if TYPE_CHECKING:
    from ml_framework.context import Batch
    from ml_framework.inference.versions import Version

Load: TypeAlias = Callable[[Path], Model]
"""Loads a model from its file, or the folder that is one."""

_LOOK_S = 0.2
"""Between two looks for a newer version."""
_SAMPLE_ROWS = 16
"""On which a newer version is tried, at most."""


class Serves(NamedTuple):
    """A model that is loaded."""

    version: int | None
    """None where the model is no folder of versions."""
    model: Model


class Models:
    """Loads the first version at once; as a context manager it looks for newer ones meanwhile.

    Args:
        path: of a model, or a folder of versions.
        load: loads one.
        scorer: by which a newer version is tried.
        version: the one that served when the checkpoint was taken that the job goes on from; None in a job
            that begins anew.

    Attributes:
        serving: the model that answers now.

    Raises:
        ModelError: there is no model, or none that can be loaded.
    """

    def __init__(self, path: Path, load: Load, scorer: Scorer, version: int | None = None) -> None:
        self._path = path
        self._load = load
        self._scorer = scorer
        self._ready: deque[Serves] = deque(maxlen=1)
        self._sample: Batch | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="mlflink-models", daemon=True)
        self._watched = versions.is_folder_of_versions(path)
        self.serving = self._first(version) if self._watched else Serves(None, self._loaded(path))

    def __enter__(self) -> Models:
        if self._watched:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._watched:
            self._thread.join()

    def take(self) -> Model:
        """The model for the next batch."""
        if self._ready:
            self.serving = self._ready.popleft()
            _say(f"version {self.serving.version} serves")
        return self.serving.model

    def answered(self, batch: Batch, start: int, stop: int) -> None:
        """The model has answered these rows of `batch`: newer versions are tried on such."""
        if self._watched and self._sample is None:
            self._sample = batch.slice(start, min(stop, start + _SAMPLE_ROWS)).copy()

    # The first version

    def _first(self, version: int | None) -> Serves:
        """The version that a checkpoint names, if it is still there; else the newest that can be loaded."""
        found = versions.versions(self._path)
        kept = [candidate for candidate in found if candidate.number == version]
        if version is not None and not kept:
            _say(f"version {version}, which the checkpoint names, is not in {self._path} any more")
        reasons = []
        for candidate in (*kept, *reversed(found)):
            try:
                return self._load_version(candidate)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, another one may do
                reasons.append(_refusal(candidate, error))
                _say(reasons[-1])
        told = "; ".join(reasons) or "it has no versions"
        raise ModelError(f"no model in {self._path}: {told}")

    def _load_version(self, version: Version) -> Serves:
        versions.check(version.path)
        return Serves(version.number, self._loaded(versions.content(version.path)))

    def _loaded(self, path: Path) -> Model:
        if not path.exists():
            raise ModelError(f"there is no model at {path}")
        return self._load(path)

    # The next one

    def _look(self) -> None:
        newest = self.serving.version or 0
        while not self._over.wait(_LOOK_S):
            with suppress(OSError):  # storage that is away for a while
                for candidate in versions.versions(self._path)[-1:]:
                    if candidate.number > newest:
                        newest = candidate.number
                        self._prepare(candidate)

    def _prepare(self, candidate: Version) -> None:
        try:
            ready = self._load_version(candidate)
            if self._sample is not None:
                self._try(ready.model, self._sample)
        except Exception as error:  # noqa: BLE001 - the old version serves on whatever is wrong with it
            _say(_refusal(candidate, error))
        else:
            self._ready.append(ready)

    def _try(self, model: Model, sample: Batch) -> None:
        parts = list(self._scorer.answer(model, sample))
        reasons = [part.error for part in parts if isinstance(part, Refused)]
        if len(reasons) == len(parts):
            raise ModelError(f"it answers none of the rows that it was tried on: {reasons[0]}")


def _refusal(version: Version, error: Exception) -> str:
    return f"version {version.number} is refused: {type(error).__name__}: {error}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
