"""User code for jobs on a cluster, and the file that travels with them."""

from __future__ import annotations

import sys
from typing import Any


def report(ctx: Any) -> None:
    """Which interpreter answers the rows, and what a module says that travelled with the job."""
    import shipped  # noqa: PLC0415

    for batch in ctx.batches():
        ctx.emit(x=batch["x"], prefix=[sys.prefix] * batch.rows, shipped=[shipped.WORD] * batch.rows)
