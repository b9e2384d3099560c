"""When a step hangs: its deadline, and what is said of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from ml_framework.rpc.wire import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from pathlib import Path

    from ml_framework.context.counters import Counters

_FRAMES_TOLD = 20


async def overdue(counters: Counters, limit: timedelta) -> None:
    """Return once a step has been under way for `limit`; it is looked for about once in that time."""
    limit_s = limit.total_seconds()
    while True:
        began_s, now_s = counters.step_began_s, time.monotonic()
        due_s = limit_s + (now_s if began_s is None else began_s)
        if due_s <= now_s:
            return
        await asyncio.sleep(due_s - now_s)


def no_progress(
    limit: timedelta, frames: Sequence[str], state: str, log_file: Path, time_s: float
) -> Failure:
    """The failure of a process whose step took longer than `limit`.

    Args:
        limit: of a step.
        frames: of its main thread, the innermost first; none where it printed none.
        state: as the kernel calls the state of the process.
        log_file: which has the stacks of all threads.
        time_s: when it was overdue, seconds since the epoch.
    """
    waited = f"no progress for {limit.total_seconds():.10g} s"
    if not frames:
        return Failure(f"{waited}: the process gives no stack dump, its state is {state}", time_s=time_s)
    shown = [f"  {frame}" for frame in frames[:_FRAMES_TOLD]]
    left_out = ["  …"] if len(frames) > _FRAMES_TOLD else []
    where = f"the stacks of all its threads are in {log_file}"
    return Failure(f"{waited}: {frames[0]}", "\n".join([*shown, *left_out, where]), time_s)
