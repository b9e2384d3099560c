"""What ties a process to the one that started it."""

from __future__ import annotations

import ctypes

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: int) -> None:
    """Have the kernel send signal `number` when the thread that started this process is gone; 0 for none."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
