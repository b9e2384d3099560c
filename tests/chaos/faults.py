"""The faults, and the director who has them strike."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import psutil
from support.flink import processes, users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from chaos.cluster import Cluster
    from chaos.draw import Fault
    from chaos.stage import Entry, Stage

    _Search = Callable[[], list[psutil.Process]]

_LOOK_S = 0.02
_SEARCH_S = 0.1
"""Between two looks at all processes of the machine."""
_FIND_WITHIN_S = 60.0
"""How long a fault looks for its victim, which may not have been started yet."""
_COMES_WITHIN_S = 90.0
_ENDS_WITHIN_S = 20.0
"""Should the job fail while its storage is broken, it can restore nothing, and would never end."""


@dataclass
class Scene:
    """What the faults of one job can reach.

    Args:
        stage: of the run.
        cluster: where the job runs.
        storage: the folder that Flink takes for that of the checkpoints: a link to the real one.
        over: set when the job has ended.
        restarted_s: the time (monotonic) of the last fault that ended processes.
    """

    stage: Stage
    cluster: Cluster
    storage: Path
    over: threading.Event
    restarted_s: float = field(default_factory=time.monotonic)

    def wait(self, seconds: float) -> None:
        """Let time pass, at most until the job has ended."""
        self.over.wait(seconds)

    def find(self, candidates: _Search, rank: int) -> psutil.Process | None:
        """The process of `rank` among the candidates, another one where nobody knows its rank."""
        deadline = time.monotonic() + _FIND_WITHIN_S
        while time.monotonic() < deadline and not self.over.is_set():
            if found := sorted(candidates(), key=lambda process: process.pid):
                ranks = {entry.pid: entry.rank for entry in self.stage.entries()}
                named = [process for process in found if ranks.get(process.pid) == rank]
                return (named or found)[rank % len(named or found)]
            self.wait(_SEARCH_S)
        return None

    def await_training(self) -> bool:
        """Until a process that was started after the last fault has trained a batch; false if none does."""
        return self._await(
            lambda entries: _first_batch(entries, self.restarted_s) is not None, _COMES_WITHIN_S
        )

    def await_end(self, within_s: float) -> bool:
        """Until a rank has come to the end of its data since the last fault; false if none does in time."""
        return self._await(
            lambda entries: any(entry.what == "end" and entry.time_s > self.restarted_s for entry in entries),
            within_s,
        )

    def _await(self, condition: Callable[[list[Entry]], bool], within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while not self.over.is_set() and time.monotonic() < deadline:
            if condition(self.stage.entries()):
                return True
            self.wait(_LOOK_S)
        return False


_AGENTS, _MASTERS = partial(processes, "ml_framework.node"), partial(processes, "ml_framework.master")


def _kill(candidates: _Search) -> Callable[[Scene, Fault], bool]:
    def strike(scene: Scene, fault: Fault) -> bool:
        victim = scene.find(candidates, fault.rank)
        if victim is not None:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        return victim is not None

    return strike


def _pause(candidates: _Search) -> Callable[[Scene, Fault], bool]:
    def strike(scene: Scene, fault: Fault) -> bool:
        return _stop_for(scene, scene.find(candidates, fault.rank), fault.lasts_s)

    return strike


def _stop_for(scene: Scene, victim: psutil.Process | None, seconds: float) -> bool:
    """SIGSTOP, and SIGCONT later, whatever has become of the victim meanwhile."""
    if victim is None:
        return False
    with suppress(psutil.NoSuchProcess):
        victim.suspend()
        try:
            scene.wait(seconds)
        finally:
            victim.resume()
    return True


def _kill_taskmanager(scene: Scene, fault: Fault) -> bool:
    victim = scene.cluster.taskmanager()
    if victim is None:
        return False
    victim.kill()
    scene.cluster.replace_taskmanager()
    return True


def _pause_taskmanager(scene: Scene, fault: Fault) -> bool:
    return _stop_for(scene, scene.cluster.taskmanager(), fault.lasts_s)


def _raise(scene: Scene, fault: Fault) -> bool:
    scene.stage.order(fault.rank, 0)
    return True


def _dawdle(scene: Scene, fault: Fault) -> bool:
    """One rank is late at the barrier: the others are there when Flink gives the checkpoint up."""
    scene.stage.order(fault.rank, fault.lasts_s)
    return True


@contextmanager
def _broken(storage: Path) -> Iterator[None]:
    """A file lies where the folder of checkpoints was: nothing there can be written or read."""
    real = storage.readlink()
    spare = storage.with_suffix(".spare")
    spare.touch()
    spare.replace(storage)
    try:
        yield
    finally:
        spare.symlink_to(real)
        spare.replace(storage)


def _break_storage(scene: Scene, fault: Fault) -> bool:
    with _broken(scene.storage):
        scene.wait(fault.lasts_s)
    return True


def _slow_storage(scene: Scene, fault: Fault) -> bool:
    """Each file of a checkpoint takes a quarter of the fault's time to be created."""
    delay = scene.storage.with_name("storage-delay")
    part = delay.with_suffix(".part")
    part.write_text(str(int(fault.lasts_s * 250)))
    part.replace(delay)
    scene.wait(fault.lasts_s)
    delay.unlink()
    return True


def _fail_final_checkpoint(scene: Scene, fault: Fault) -> bool:
    """No checkpoint completes from before the end of the data until some time after it."""
    with _broken(scene.storage):
        hit = scene.await_end(_ENDS_WITHIN_S)
        scene.wait(fault.lasts_s)
    return hit


KINDS: Final[dict[str, Callable[[Scene, Fault], bool]]] = {
    "kill user": _kill(users),
    "kill agent": _kill(_AGENTS),
    "kill master": _kill(_MASTERS),
    "kill taskmanager": _kill_taskmanager,
    "raise": _raise,
    "stop agent": _pause(_AGENTS),
    "pause user": _pause(users),
    "pause taskmanager": _pause_taskmanager,
    "one-sided abort": _dawdle,
    "storage fails": _break_storage,
    "storage slows": _slow_storage,
    "final checkpoint fails": _fail_final_checkpoint,
}
"""What each kind does; false where it found nobody to strike."""

RESTARTS: Final = ("kill user", "kill agent", "kill master", "kill taskmanager", "raise", "stop agent")
"""The kinds that the job recovers from by starting its processes anew."""


@dataclass(frozen=True)
class Struck:
    """A fault that has happened, or found nobody.

    Args:
        fault: it.
        time_s: when, monotonic.
        hit: it found its victim.
        recovery_s: until the next batch that a process trained that was not there at the time; None where no
            such batch was.
    """

    fault: Fault
    time_s: float
    hit: bool
    recovery_s: float | None = None


class Director:
    """Has faults strike a job, one after another, on a thread of its own."""

    def __init__(self, scene: Scene, faults: tuple[Fault, ...], *, last: bool) -> None:
        self.struck: list[Struck] = []
        self.done = threading.Event()
        self.progress_s = time.monotonic()
        self._scene = scene
        self._faults = faults
        self._last = last
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="director")
        self._thread.start()

    def join(self) -> list[Struck]:
        """What has struck; to be called when the scene is over."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        entries = self._scene.stage.entries()
        return [replace(struck, recovery_s=_recovery_s(struck, entries)) for struck in self.struck]

    def _run(self) -> None:
        try:
            for fault in self._faults:
                if fault.moment != "end":
                    self._strike(fault)
            self._scene.await_training()
            if self._last:
                self._scene.stage.hurry()
            for fault in self._faults:
                if fault.moment == "end":
                    self._strike(fault)
        except BaseException as error:  # noqa: BLE001 - raised where this thread is joined
            self._error = error
        finally:
            self.done.set()

    def _strike(self, fault: Fault) -> None:
        if fault.moment == "training":
            self._scene.await_training()
        elif fault.moment == "end" and fault.kind != "final checkpoint fails":  # which begins before
            self._scene.await_end(_COMES_WITHIN_S)
        self._scene.wait(fault.after_s)
        if self._scene.over.is_set():
            return
        begun_s = self.progress_s = time.monotonic()
        hit = KINDS[fault.kind](self._scene, fault)
        self.struck.append(Struck(fault, begun_s, hit))
        self.progress_s = time.monotonic()
        if hit and fault.kind in RESTARTS:
            self._scene.restarted_s = begun_s


def _first_batch(entries: list[Entry], since_s: float) -> Entry | None:
    """The first batch by a process that began after `since_s`."""
    young = {entry.pid for entry in entries if entry.what == "start" and entry.time_s > since_s}
    batches = (entry for entry in entries if entry.what == "batch" and entry.time_s > since_s)
    return next((entry for entry in batches if entry.pid in young), None)


def _recovery_s(struck: Struck, entries: list[Entry]) -> float | None:
    if not struck.hit or struck.fault.kind not in RESTARTS:
        return None
    batch = _first_batch(entries, struck.time_s)
    return None if batch is None else batch.time_s - struck.time_s
