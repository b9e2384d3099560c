"""What a run does: scenario, data and faults, all drawn from its seed.

========== ================================================================================================
plain      one worker counts its rows in numpy; starts fast, so that many faults fit into few seconds
identical  one worker trains a model; its weights must be those of a training without faults, bit by bit
counters   two or three workers sum exact counts by all-reduce
rescale    the same with 2 workers, then 3, then 1, through savepoints
========== ================================================================================================
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

SCENARIOS: Final = {"plain": 11, "identical": 3, "counters": 4, "rescale": 2}
"""How often each is drawn."""

_KILLS: Final = {"kill user": 6, "kill agent": 2, "kill master": 2}
_FAULTS: Final = {
    **_KILLS,
    "kill taskmanager": 1,
    "raise": 2,
    "stop agent": 1,
    "pause user": 2,
    "pause taskmanager": 1,
    "one-sided abort": 2,
    "storage fails": 2,
    "storage slows": 1,
}
"""How often each kind of fault is drawn, see `faults`."""

_LAST_S: Final = {
    "stop agent": (4.0, 6.0),
    "pause user": (0.3, 1.2),
    "pause taskmanager": (0.3, 1.2),
    "one-sided abort": (3.2, 4.0),
    "storage fails": (0.5, 2.0),
    "storage slows": (1.0, 3.0),
    "final checkpoint fails": (0.5, 2.0),
}
"""How long a fault lasts, from and to, for those that do not strike at once."""

CHECKPOINT_TIMEOUT_S: Final = 3.0
"""In runs where a checkpoint may time out; shorter than a one-sided abort, so that it does."""

NEEDS_CLUSTER: Final = ("kill taskmanager", "pause taskmanager", "storage slows")
"""Faults that only a cluster of the suite's own can have."""

_LAST: Final = {"final checkpoint fails": 3, "kill agent": 1, "kill master": 1, "kill taskmanager": 1}
"""How often each kind is drawn for the end of the data."""


@dataclass(frozen=True)
class Fault:
    """One fault, `after_s` its moment.

    Args:
        kind: a key of `faults.KINDS`.
        rank: whom it strikes.
        after_s: waited before.
        lasts_s: 0 for a blow.
        moment: where the wait begins: ``training``, when a batch has been trained since the fault before;
            ``any``, at the fault before, so that it may strike while the job recovers; ``end``, when the data
            has ended on some rank.
    """

    kind: str
    rank: int
    after_s: float
    lasts_s: float = 0.0
    moment: str = "training"

    def __str__(self) -> str:
        lasting = f" for {self.lasts_s:.2f} s" if self.lasts_s else ""
        since = {"training": "into training", "any": "after the last", "end": "into the end"}[self.moment]
        return f"{self.kind} {self.rank}{lasting}, {self.after_s:.2f} s {since}"


@dataclass(frozen=True)
class Phase:
    """One job: so many workers, and what befalls them. All but the last one end in a savepoint."""

    workers: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Draw:
    """A run.

    Args:
        seed: what it was drawn from.
        scenario: a key of `SCENARIOS`.
        phases: its jobs.
        sources: parallelism of the source.
        batch_size: None for rows as they come.
        frame_rows: rows of a full frame.
        partitioned: rows go to the worker of their id, else round robin.
        unaligned: checkpoints whose barriers overtake rows.
        interval_ms: between checkpoints.
        timeout_s: of a checkpoint.
        pace_s: of a batch.
        rows: of the input, 1 … rows.
        ballast_bytes: of state that does nothing but make checkpoints slow.
        inline_bytes: size of a piece of state up to which it needs no file of its own.
    """

    seed: int
    scenario: str
    phases: tuple[Phase, ...]
    sources: int
    batch_size: int | None
    frame_rows: int
    partitioned: bool
    unaligned: bool
    interval_ms: int
    timeout_s: float
    pace_s: float
    rows: int
    ballast_bytes: int
    inline_bytes: int

    @property
    def restart_delay_ms(self) -> int:
        """Flink's wait before it starts the tasks anew."""
        return 100 + self.seed % 3 * 100

    @property
    def standby(self) -> bool:
        """Whether processes are kept ready for the next attempt."""
        return self.seed % 3 == 0

    def lines(self) -> list[str]:
        """What was drawn, for people."""
        ways = [
            f"{self.rows} rows from {self.sources} source(s)",
            f"batches of {self.batch_size or 'whatever comes'}",
            "by id" if self.partitioned else "round robin",
            f"a checkpoint every {self.interval_ms} ms" + (", unaligned" if self.unaligned else ""),
            f"{self.ballast_bytes >> 20} MB of ballast",
            f"state in files from {self.inline_bytes} bytes on",
            f"{'a' if self.standby else 'no'} standby",
        ]
        phases = [
            f"  {phase.workers} worker(s): " + ("; ".join(map(str, phase.faults)) or "no faults")
            for phase in self.phases
        ]
        return [f"seed {self.seed}: {self.scenario}: " + ", ".join(ways), *phases]


def draw(seed: int, scenario: str | None = None, kills: int | None = None, *, embedded: bool = False) -> Draw:
    """The run of a seed.

    Args:
        seed: any number.
        scenario: this one instead of one that is drawn.
        kills: so many kills instead of the faults that are drawn.
        embedded: without faults that need a cluster of its own.
    """
    random_ = random.Random(seed)
    scenario = scenario or random_.choices(list(SCENARIOS), list(SCENARIOS.values()))[0]
    alone = scenario in ("plain", "identical")
    workers = {"plain": (1,), "identical": (1,), "rescale": (2, 3, 1)}.get(scenario)
    workers = workers or (random_.choice((2, 2, 3)),)
    phases = tuple(
        Phase(count, _faults(random_, scenario, count, kills, embedded=embedded)) for count in workers
    )
    faults = [fault for phase in phases for fault in phase.faults]
    aborts = any(fault.kind == "one-sided abort" for fault in faults)
    frame_rows = random_.choice((8, 32, 64))
    batch_size = random_.choice((None, 16, 50))
    if aborts:  # a barrier waits for the rows that are queued before it, and has little time
        batch_size = 50
    pace_s = random_.uniform(0.003, 0.008)
    working_s = 2.0 * len(phases) + sum(fault.after_s + fault.lasts_s + 0.6 for fault in faults)
    steps = int(working_s / pace_s)
    rows_a_step = sum(workers) // len(workers) * (batch_size or frame_rows)
    partitioned = not alone and random_.random() < 0.4
    heavy = scenario == "counters" and kills is None
    return Draw(
        seed=seed,
        scenario=scenario,
        phases=phases,
        sources=1 if scenario == "identical" else random_.choice((1, 2)),
        batch_size=32 if scenario == "identical" else batch_size,
        frame_rows=frame_rows,
        partitioned=partitioned,
        unaligned=not partitioned and random_.random() < 0.3,  # Flink refuses both together
        interval_ms=200 if scenario == "identical" else random_.choice((50, 100, 200, 500)),
        timeout_s=CHECKPOINT_TIMEOUT_S if aborts else 60.0,
        pace_s=pace_s,
        rows=steps * (32 if scenario == "identical" else rows_a_step) + random_.randrange(50),
        ballast_bytes=random_.choice((0, 0, 16, 48)) << 20 if heavy else 0,
        inline_bytes=random_.choice((0, 20_000)),
    )


def _faults(
    random_: random.Random, scenario: str, workers: int, kills: int | None, *, embedded: bool
) -> tuple[Fault, ...]:
    if kills is not None:
        return tuple(_fault(random_, _one_of(random_, _KILLS), workers) for _ in range(kills))
    least, most = {"plain": (4, 8), "rescale": (0, 1)}.get(scenario, (3, 5))
    kinds = {kind: weight for kind, weight in _FAULTS.items() if not (embedded and kind in NEEDS_CLUSTER)}
    faults = [_fault(random_, _one_of(random_, kinds), workers) for _ in range(random_.randint(least, most))]
    if scenario != "rescale" and random_.random() < 0.4:
        kinds = {kind: weight for kind, weight in _LAST.items() if not (embedded and kind in NEEDS_CLUSTER)}
        faults.append(_fault(random_, _one_of(random_, kinds), workers, moment="end"))
    return tuple(faults)


def _fault(random_: random.Random, kind: str, workers: int, moment: str | None = None) -> Fault:
    moment = moment or random_.choices(("training", "any"), (3, 1))[0]
    longest_s = {"training": 1.0, "any": 2.5, "end": 0.2}[moment]
    return Fault(
        kind=kind,
        rank=random_.randrange(workers),
        after_s=random_.uniform(0.0, longest_s),
        lasts_s=random_.uniform(*_LAST_S[kind]) if kind in _LAST_S else 0.0,
        moment=moment,
    )


def _one_of(random_: random.Random, weights: dict[str, int]) -> str:
    return random_.choices(list(weights), list(weights.values()))[0]
