"""Memory fences for a language that has none.

CPython's interpreter does not reorder stores, but the processor may. Taking and releasing a lock are two
atomic instructions; on x86-64 each of them is a full fence, and plain loads and stores are acquire and
release already. Elsewhere (AArch64) taking a lock only acquires and releasing it only releases: there the
release of one round and the acquisition of the next make the full fence, and plain accesses need it as well.
"""

from __future__ import annotations

import platform
from threading import Lock
from typing import Final

_STRONGLY_ORDERED: Final = platform.machine() in {"x86_64", "AMD64"}
_LOCK: Final = Lock()


def _one_round() -> None:
    with _LOCK:
        pass


def _two_rounds() -> None:
    with _LOCK:
        pass
    with _LOCK:
        pass


def _nothing() -> None:
    pass


full_fence = _one_round if _STRONGLY_ORDERED else _two_rounds
"""Orders everything before it before everything after it: also an earlier store before a later load."""

order = _nothing if _STRONGLY_ORDERED else _two_rounds
"""What makes the load before it an acquire, or the store after it a release."""
