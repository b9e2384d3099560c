"""`Resources`: what each node of a role has to itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ml_framework.errors import PlanError

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


@dataclass(frozen=True)
class Resources:
    """What each node of a role has to itself.

    Its nodes get slots of their own, in a slot sharing group of the role. Without numbers, ``Resources()``,
    that is all. With numbers a slot is as large as they say, and Flink puts it where that is free. Flink
    counts: it holds no process to its CPU or memory.

    Args:
        cpu: cores; 1 where only another number is given.
        memory: of the user's process, which is outside the JVM, in bytes or as a text such as ``"2 GiB"``; it
            is part of the TaskManager's ``taskmanager.memory.task.off-heap.size``.
        gpu: whole GPUs, which no other node has, of Flink's external resource ``gpu``. The process sees them,
            and no other, in ``CUDA_VISIBLE_DEVICES``, and counts them from 0 (``cuda:0``, whatever its
            ``LOCAL_RANK``). With 0 it sees what the TaskManager sees.

    Raises:
        PlanError: a number is not usable.
    """

    cpu: float | None = None
    memory: int | str | None = None
    gpu: int = 0

    def __post_init__(self) -> None:
        if self.cpu is not None and not 0 < self.cpu < float("inf"):
            raise PlanError(f"Resources.cpu is {self.cpu}, it must be positive")
        if self.memory is not None and self.memory_bytes <= 0:
            raise PlanError(f"Resources.memory is {self.memory!r}, it must be positive")
        if isinstance(self.gpu, bool) or not isinstance(self.gpu, int) or self.gpu < 0:
            raise PlanError(f"Resources.gpu is {self.gpu!r}, it must be a whole number, 0 or more")

    @property
    def has_numbers(self) -> bool:
        """Whether the slots have a size of their own."""
        return self.cpu is not None or self.memory is not None or self.gpu > 0

    @property
    def memory_bytes(self) -> int:
        """The memory in bytes, 0 where none is given."""
        if not isinstance(self.memory, str):
            return self.memory or 0
        found = _MEMORY.fullmatch(self.memory.strip())
        if found is None:
            raise PlanError(
                f"Resources.memory is {self.memory!r}: give bytes, or a number with a unit such as '2 GiB'"
            )
        return int(float(found[1]) * _UNITS[found[2].lower()])

    def __str__(self) -> str:
        given = {"cpu": self.cpu, "memory": self.memory, "gpu": self.gpu or None}
        return ", ".join(f"{name} {value}" for name, value in given.items() if value is not None) or "a slot"
