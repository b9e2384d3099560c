"""`Models`: the version that serves, and the one that takes over.

A thread looks which version is to serve: the newest, or the one that was announced. It loads that, tries it
on rows that were scored before, and lays it ready; the loop takes it between two batches, so all rows of a
batch are scored by one version. A version that cannot be loaded, or whose answers have another form, is
refused: it is told once, and the old one serves on. One that the storage does not hand out is no worse for
that: it is asked for again.

Threads: `take`, `answered` and `announce` are the loop's, `_look` and all below it the thread's. `_ready`
holds the version that the loop has not taken yet; either end adds or takes it in one step, as `_wanted` is
set and read in one.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ml_framework.errors import ModelError
from ml_framework.inference import versions
from ml_framework.inference.answers import Model, Scorer

if TYPE_CHECKING:
    from ml_framework.context import Batch
    from ml_framework.inference.places import Place

Load: TypeAlias = Callable[[Path], Model]
"""Loads a model from its file, or the folder that is one."""

_LOOK_S = 0.2
"""Between two looks for a newer version."""
_AGAIN_S = 1.0
"""After a look that the storage has failed."""
_LEAVE_S = 30.0
"""How long the end of a job waits for a version that is being loaded; a storage may never answer."""
_SAMPLE_ROWS = 16
"""On which a newer version is tried, at most."""


class Serves(NamedTuple):
    """A model that is loaded."""

    version: int | None
    """None where the model is no folder of versions."""
    model: Model


class Models:
    """Loads the first version at once; as a context manager it looks for others meanwhile.

    Args:
        place: of a model, or a folder of versions.
        load: loads one.
        scorer: by which another version is tried.
        version: the one that served when the checkpoint was taken that the job goes on from; None in a job
            that begins anew.
        announced: `announce` says which version is to serve; else the newest is.

    Attributes:
        serving: the model that answers now.

    Raises:
        ModelError: there is no model, or none that can be loaded.
    """

    def __init__(
        self, place: Place, load: Load, scorer: Scorer, version: int | None = None, *, announced: bool = False
    ) -> None:
        self._place = place
        self._load = load
        self._scorer = scorer
        self._announced = announced
        self._wanted: int | None = None
        self._ready: deque[Serves] = deque(maxlen=1)
        self._sample: Batch | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="mlflink-models", daemon=True)
        self._watched = place.has_versions()
        if announced and not self._watched:
            raise ModelError(f"{place} is no folder of versions, and the control stream names versions")
        self.serving = self._first(version) if self._watched else Serves(None, self._loaded(None))
        self._tried = self._missing = self.serving.version

    def __enter__(self) -> Models:
        if self._watched:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._watched:
            self._thread.join(_LEAVE_S)

    def take(self) -> Model:
        """The model for the next batch."""
        if self._ready:
            self.serving = self._ready.popleft()
            _say(f"version {self.serving.version} serves")
        return self.serving.model

    def answered(self, batch: Batch, start: int, stop: int) -> None:
        """The model has answered these rows of `batch`: other versions are tried on such."""
        if self._watched and self._sample is None:
            self._sample = batch.slice(start, min(stop, start + _SAMPLE_ROWS)).copy()

    def announce(self, number: int) -> None:
        """Have version `number` serve as soon as it is loaded, be it newer or older."""
        self._wanted = number

    # The first version

    def _first(self, version: int | None) -> Serves:
        """The version that a checkpoint names, if it is still there; else the newest that can be loaded."""
        numbers = self._place.numbers()
        kept = [number for number in numbers if number == version]
        if version is not None and not kept:
            _say(f"version {version}, which the checkpoint names, is not in {self._place} any more")
        reasons = []
        for number in (*kept, *reversed(numbers)):
            try:
                return Serves(number, self._loaded(number))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, another one may do
                reasons.append(_refusal(number, error))
                _say(reasons[-1])
        told = "; ".join(reasons) or "it has no versions"
        raise ModelError(f"no model in {self._place}: {told}")

    def _loaded(self, number: int | None) -> Model:
        with self._place.fetched(number) as path:
            return self._load(path) if number is None else self._intact(path)

    def _intact(self, folder: Path) -> Model:
        """The model in the folder of a version, which is as it was published."""
        versions.check(folder)
        return self._load(versions.content(folder))

    # The next one

    def _look(self) -> None:
        away = False
        while not self._over.wait(_AGAIN_S if away else _LOOK_S):
            try:
                self._look_once()
            except Exception as error:  # noqa: BLE001 - storage raises what it likes, and comes back
                if not away:
                    _say(f"{self._place} does not answer ({_told(error)}): it is asked again and again")
                away = True
            else:
                if away:
                    _say(f"{self._place} answers again")
                away = False

    def _look_once(self) -> None:
        """Lay the version ready that is to serve, if it is another one; raises whatever the storage does."""
        numbers = self._place.numbers()
        wanted = self._wanted if self._announced else max([self._tried or 0, *numbers])
        if wanted in {None, self._tried}:
            return
        if wanted in numbers:
            self._prepare(wanted)
        elif wanted != self._missing:
            self._missing = wanted
            _say(f"version {wanted} is announced, and is not in {self._place} yet")

    def _prepare(self, number: int) -> None:
        with self._place.fetched(number) as folder:
            self._tried = number  # whatever comes of it, for it is here
            try:
                ready = Serves(number, self._intact(folder))
                if self._sample is not None:
                    self._scorer.try_on(ready.model, self._sample)
            except Exception as error:  # noqa: BLE001 - the old version serves on whatever is wrong with it
                _say(_refusal(number, error))
            else:
                self._ready.append(ready)


def _refusal(number: int, error: Exception) -> str:
    return f"version {number} is refused: {_told(error)}"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
