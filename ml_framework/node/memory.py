"""Whether a process was killed for memory: what the kernel counts for the control group that it runs in.

Such a kill is a SIGKILL like any other. But the kernel counts them for each group of processes, which is to
say for each container: ``oom_kill`` in ``memory.events``, or in ``memory.oom_control`` of version 1 (see
https://docs.kernel.org/admin-guide/cgroup-v2.html). A user's process runs in the group of its agent.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_REMEDY = "take smaller batches, or give the TaskManager's container or host more memory"
_NO_LIMIT_BYTES = 1 << 60
"""Version 1 has no word for it, and names a number that nobody reaches."""


class Files(NamedTuple):
    """What a control group's files are called."""

    kills: str
    limit: str
    peak: str


VERSION_1 = Files("memory.oom_control", "memory.limit_in_bytes", "memory.max_usage_in_bytes")
VERSION_2 = Files("memory.events", "memory.max", "memory.peak")


class MemoryGroup(NamedTuple):
    """The control group in `folder`."""

    folder: Path
    files: Files

    @property
    def kills(self) -> int | None:
        """How many of its processes have been killed for memory so far; None if nobody tells."""
        return self._number(self.files.kills, r"^oom_kill (\d+)$")

    @property
    def limit_bytes(self) -> int | None:
        """How much memory its processes may have together; None if there is no limit, or nobody tells."""
        limit = self._number(self.files.limit)
        return None if limit is None or limit >= _NO_LIMIT_BYTES else limit

    @property
    def peak_bytes(self) -> int | None:
        """The most that they have had; None if nobody tells."""
        return self._number(self.files.peak)

    def _number(self, name: str, pattern: str = r"^(\d+)$") -> int | None:
        try:
            found = re.search(pattern, (self.folder / name).read_text(encoding="ascii"), re.MULTILINE)
        except OSError:
            return None
        return None if found is None else int(found[1])


def own_group(proc: Path = Path("/proc/self")) -> MemoryGroup | None:
    """The group of the process that `proc` tells of; None if it is not to be seen."""
    try:
        groups = (proc / "cgroup").read_text(encoding="utf-8").splitlines()
        mounts = (proc / "mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    paths = {
        name: path for _, names, path in (line.split(":", 2) for line in groups) for name in names.split(",")
    }
    for mount in mounts:
        place, _, system = mount.partition(" - ")
        root, point = place.split()[3:5]
        kind, _, options = system.split(" ", 2)
        if kind == "cgroup" and "memory" in paths and "memory" in options.split(","):
            return MemoryGroup(_below(point, root, paths["memory"]), VERSION_1)
        if kind == "cgroup2" and "memory" not in paths and "" in paths:
            return MemoryGroup(_below(point, root, paths[""]), VERSION_2)
    return None


class MemoryWatch:
    """Knows how many were killed for memory before a process was started, and explains a SIGKILL afterwards.

    Args:
        group: of the process, None if it is not to be seen.
    """

    def __init__(self, group: MemoryGroup | None) -> None:
        self._group = group
        self._before = None if group is None else group.kills

    def explain(self) -> str:
        """Why a process got a SIGKILL that its agent did not send; goes behind the name of the signal."""
        after = None if self._group is None else self._group.kills
        if self._group is None or self._before is None or after is None:
            return f"by somebody else, most often the kernel for want of memory: {_REMEDY}"
        if after <= self._before:
            return "by somebody else; not for memory, of which the kernel has counted no such kill here"
        limit, peak = self._group.limit_bytes, self._group.peak_bytes
        facts = [
            "the host had no more" if limit is None else f"the limit is {_size(limit)}",
            *([] if peak is None else [f"the peak was {_size(peak)}"]),
        ]
        return f"by the kernel for memory ({', '.join(facts)}): {_REMEDY}"


def _below(point: str, root: str, path: str) -> Path:
    """Where the group `path` is to be seen, when `root` is mounted at `point`."""
    inside = PurePosixPath(path)
    return Path(point, inside.relative_to(root)) if inside.is_relative_to(root) else Path(point)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 1 << 30 else f"{count / 2**20:.0f} MiB"
