"""What is left when the stream has ended: Parquet, a table and one line, after checking what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import torch
from evaluation import auc
from files import batches
from model import DelayNet, encode
from progress import auc_text
from report import KEY, distinct, in_order
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray
    from stages import Stages

SERVED_FILE = "served_flights.parquet"
COMPARED = "score_of_version_1"
"""What version 1 makes of each flight, whichever version has served it."""
_TOLERANCE = 1e-4
"""Between scores of the same model for the same flight in batches of other sizes."""


def check(served: pa.Table, expected: pa.Table, release: datetime) -> pa.Table:
    """Whether every flight came out exactly once, and version 2 took over, for good, of none that it knew.

    Args:
        served: the scored flights, in any order.
        expected: the departures, in order.
        release: version 2 learned from the flights before.

    Returns:
        The scored flights, in order.

    Raises:
        SystemExit: it is not so; says what was found.
    """
    found = {"flights": len(served), "distinct flights": distinct(served)}
    for what, count in found.items():
        if count != len(expected):
            raise SystemExit(f"{what}: {count:,} instead of {len(expected):,}")
    served = in_order(served)
    if not served.select(KEY).equals(expected.select(KEY)):
        raise SystemExit("the flights that came out are not those that went in")
    _check_versions(served, release)
    return served


def _check_versions(served: pa.Table, release: datetime) -> None:
    """A process keeps the order of the stream, so its versions only grow along it."""
    version, process = served["version"].to_numpy(), served["process"].to_numpy()
    if (found := np.unique(version).tolist()) != [1, 2]:
        raise SystemExit(f"versions {found} have served, not 1 and 2: try a lower --rate")
    for one in np.unique(process):
        if (np.diff(version[process == one]) < 0).any():
            raise SystemExit(f"process {one} went back to an older version")
    if (served["sched"].to_numpy()[version == 2] < np.datetime64(release)).any():
        raise SystemExit("version 2 has scored flights that it has learned from")


def compared(served: pa.Table, prepared: Path, models: Path, stages: Stages) -> pa.Table:
    """The scored flights, each also with what version 1 makes of it.

    Raises:
        SystemExit: a score is not what the model makes of that flight whose version stands beside it.
    """
    by_version = {version: _scores(models / str(version), prepared, stages) for version in (1, 2)}
    own = np.where(served["version"].to_numpy() == 1, by_version[1], by_version[2])
    furthest = np.abs(own - served["score"].to_numpy()).max()
    if furthest > _TOLERANCE:
        raise SystemExit(f"a score is {furthest:.6f} away from what its version makes of that flight")
    return served.append_column(COMPARED, pa.array(by_version[1]))


@torch.inference_mode()
def _scores(version: Path, prepared: Path, stages: Stages) -> NDArray[np.float32]:
    """What a published version makes of every flight that was served, in order."""
    model = DelayNet()
    model.load_state_dict(torch.load(version / "model.pt"))
    logits = torch.cat([model(*encode(batch)) for batch in batches(prepared, 4096)])
    scores: NDArray[np.float32] = logits.sigmoid().numpy()
    return scores[stages.before_start :]


def write(served: pa.Table, out: Path) -> None:
    """Write the flights into `out`, and print how good each version was, month by month."""
    pa.parquet.write_table(served, out / SERVED_FILE)
    table = Table(title="AUC by the version that has served", box=None)
    table.add_column("month")
    for name in ("flights", "version 1", "flights", "version 2", "version 1 on the same"):
        table.add_column(name, justify="right")
    for month in pc.unique(served["month"]).to_pylist():
        inside = served.filter(pc.equal(served["month"], month))
        first, second = _of_version(inside, 1), _of_version(inside, 2)
        table.add_row(
            f"2013-{month:02}",
            f"{len(first):,}",
            auc_text(_auc(first)),
            f"{len(second):,}",
            auc_text(_auc(second)),
            auc_text(_auc(second, COMPARED)),
        )
    Console().print(table)
    print(f"scores: {out / SERVED_FILE}")


def summary(served: pa.Table, released_at: float) -> str:
    """The outcome in one line.

    Args:
        served: what `compared` returned.
        released_at: when version 2 was published, in seconds since the epoch.
    """
    first, second = _of_version(served, 1), _of_version(served, 2)
    swap_s = pc.min(second["at"]).as_py().timestamp() - released_at
    return (
        f"flights={len(served)} distinct={distinct(served)} version_1_auc={_auc(first):.3f} "
        f"version_2_auc={_auc(second):.3f} version_1_auc_on_the_same={_auc(second, COMPARED):.3f} "
        f"swap_s={swap_s:.2f}"
    )


def _of_version(served: pa.Table, version: int) -> pa.Table:
    return served.filter(pc.equal(served["version"], version))


def _auc(served: pa.Table, score: str = "score") -> float:
    return auc(served[score].to_numpy(), served["label"].to_numpy())
