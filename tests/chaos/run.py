"""One run: its jobs, their faults, and whether everything came out exactly once."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JJavaError

from chaos.checks import orphans, violations
from chaos.faults import Director, Scene, Struck
from chaos.job import Submitted, submit
from chaos.stacks import dump_stacks
from chaos.stage import Stage
from ml_operator import JobFailed

if TYPE_CHECKING:
    from pathlib import Path

    from chaos.cluster import Cluster
    from chaos.draw import Draw, Phase

HANGS_AFTER_S = 90.0
"""Without a fault, a process that starts, or one that trains its first batch."""
_LONGEST_LOOK_S = 1.0
_SAVEPOINT_WITHIN = timedelta(seconds=60)
_CANCELLED_WITHIN = timedelta(seconds=60)
_LOOK = timedelta(milliseconds=50)


class Hung(Exception):
    """A job made no progress."""


@dataclass
class Outcome:
    """What a run has shown.

    Args:
        draw: what it was to do.
        struck: the faults that happened.
        violations: promises that were broken, in sentences.
        orphans: what was left behind.
        duration_s: of the whole run.
    """

    draw: Draw
    struck: list[Struck] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    duration_s: float = 0.0

    @property
    def clean(self) -> bool:
        """Nothing was wrong."""
        return not (self.violations or self.orphans)

    def to_json(self) -> dict[str, Any]:
        """One line of a report."""
        return {
            "seed": self.draw.seed,
            "scenario": self.draw.scenario,
            "drawn": self.draw.lines(),
            "faults": [
                {
                    "kind": struck.fault.kind,
                    "moment": struck.fault.moment,
                    "hit": struck.hit,
                    "recovery_s": struck.recovery_s,
                }
                for struck in self.struck
            ],
            "violations": self.violations,
            "orphans": self.orphans,
            "duration_s": round(self.duration_s, 2),
        }


def run(draw: Draw, cluster: Cluster, folder: Path) -> Outcome:
    """Do what was drawn.

    Args:
        draw: the run.
        cluster: where its jobs run.
        folder: for its files; it is removed when nothing was wrong, otherwise logs are kept in it.
    """
    begun_s = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)  # of the same run, when it went wrong before
    folder.mkdir(parents=True)
    for name in ("checkpoints.real", "logs"):
        (folder / name).mkdir()
    (folder / "checkpoints").symlink_to(folder / "checkpoints.real")
    outcome, jobs = Outcome(draw), []
    marks = {log: log.stat().st_size for log in cluster.logs()}
    try:
        savepoint = None
        for number, phase in enumerate(draw.phases):
            submitted = submit(draw, phase.workers, cluster, folder, savepoint)
            jobs.append(submitted.job_id)
            last = number == len(draw.phases) - 1
            savepoint = _play(phase, submitted, cluster, folder, outcome.struck, last=last)
            if savepoint is None:  # the data has come to its end
                break
    except (Hung, TimeoutError, JobFailed, Py4JJavaError) as error:
        outcome.violations.append(f"{type(error).__name__}: {error}")
    else:
        outcome.violations += violations(draw, phase.workers, folder)
    outcome.violations += cluster.check()
    outcome.orphans = orphans(jobs)
    outcome.duration_s = time.monotonic() - begun_s
    if outcome.clean:
        shutil.rmtree(folder)
    else:
        _keep(outcome, folder, marks)
    return outcome


def _play(
    phase: Phase, submitted: Submitted, cluster: Cluster, folder: Path, struck: list[Struck], *, last: bool
) -> str | None:
    """One job, with its faults, to its end or to a savepoint, whose path is returned."""
    over = threading.Event()
    scene = Scene(Stage(folder), cluster, folder / "checkpoints", over)
    director = Director(scene, phase.faults, last=last)
    try:
        savepoint, patience = None, Patience(scene.stage, director)
        while savepoint is None and not submitted.ends_within(_LOOK):
            patience.check()
            if director.done.is_set() and not last:
                scene.restarted_s = time.monotonic()  # should it fail
                savepoint = submitted.stop_with_savepoint(folder / "savepoints", _SAVEPOINT_WITHIN)
                if savepoint is None:
                    scene.await_training()
        submitted.job.wait(submitted.client)  # tells why, where it has failed
    except (Hung, TimeoutError):
        dump_stacks(cluster, folder)
        submitted.cancel(_CANCELLED_WITHIN)
        raise
    else:
        return savepoint
    finally:
        over.set()
        struck += director.join()


class Patience:
    """Runs out when a job makes no progress; while the whole machine stands still it does not."""

    def __init__(self, stage: Stage, director: Director) -> None:
        self._stage = stage
        self._director = director
        self._last_s = 0.0
        self._looked_s = time.monotonic()
        self._idle_s = 0.0

    def check(self) -> None:
        """To be called every now and then; raises `Hung`."""
        entries = self._stage.entries()
        last_s = max(self._director.progress_s, *(entry.time_s for entry in entries[-1:]), 0.0)
        now_s = time.monotonic()
        passed_s = min(now_s - self._looked_s, _LONGEST_LOOK_S)
        self._idle_s = self._idle_s + passed_s if last_s == self._last_s else 0.0
        self._last_s, self._looked_s = last_s, now_s
        if self._idle_s > HANGS_AFTER_S:
            came = f"{entries[-1].what} of rank {entries[-1].rank}" if entries else "nothing"
            raise Hung(f"no progress for {HANGS_AFTER_S:.0f} s; the last thing that came was {came}")


def _keep(outcome: Outcome, folder: Path, marks: dict[Path, int]) -> None:
    """Keep what may tell the reason: all but the data of the checkpoints, and what the cluster has said."""
    shutil.rmtree(folder / "checkpoints.real", ignore_errors=True)
    (folder / "outcome.json").write_text(
        json.dumps(outcome.to_json() | {"draw": asdict(outcome.draw)}, indent=1)
    )
    for log, start in marks.items():
        with log.open("rb") as content:
            content.seek(start)
            (folder / log.name).write_bytes(content.read())
