"""How the command line, which plans nothing, finds jobs and their ML clusters.

An application master's operator has its uid as description, which Flink's REST API tells.

A job on an embedded cluster has a file in `folder` as long as it runs, with ``{"rest": "host:port", "pid": 1,
"start": 2}``: the JVM's process id, and when it began, in the kernel's ticks since the boot. The JVM writes
it (`Announcement.java`) and removes it; a file whose writer was killed is known by the two numbers.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path

MASTER_SUFFIX = "-application-master"
"""What the uid of an application master ends with, behind the cluster's name."""
_START = 19
"""Of the fields of ``/proc/<pid>/stat`` behind the name: when the process began."""


def folder() -> Path:
    """The folder: in the user's runtime folder, or in the temporary one where there is none."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "ml-on-flink"
    return Path(tempfile.gettempdir()) / f"ml-on-flink-{os.getuid()}"


def addresses() -> list[str]:
    """Where the REST APIs of this user's embedded clusters are; removes what nobody announces any more."""
    place = folder()
    if not _is_ours_alone(place):
        return []
    found = {path: _address(path) for path in sorted(place.glob("*.json"))}
    for path, told in found.items():
        if told is None:
            path.unlink(missing_ok=True)
    return list(dict.fromkeys(filter(None, found.values())))


def address(job_id: str) -> str | None:
    """Where the REST API of the embedded cluster is that runs this job; None where nobody announces it."""
    place = folder()
    return _address(place / f"{job_id}.json") if _is_ours_alone(place) else None


def _is_ours_alone(place: Path) -> bool:
    try:
        found = place.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _address(path: Path) -> str | None:
    """What a file announces, None where its writer has ended."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        fields = Path(f"/proc/{said['pid']}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, ValueError, KeyError, TypeError):  # it has ended, or the file is not one of ours
        return None
    return str(said["rest"]) if int(fields[_START]) == said["start"] else None
