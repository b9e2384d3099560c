"""Waiting for what no event tells of, such as a line in a file or the end of somebody else's process."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_LOOK_S = 0.01


def eventually(condition: Callable[[], T], *, timeout_s: float = 30.0) -> T:
    """What `condition` returns once that is true; `TimeoutError` if it is not in time."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so within {timeout_s} s")
        pause.wait(_LOOK_S)
    return found


def gone(pid: int) -> bool:
    """Whether process `pid` has ended; when its parent did so first, init may not have taken note yet."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}
