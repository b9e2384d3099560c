"""An embedded cluster: one in the JVM of the program that plans the job, and what it is given by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyflink.common import Configuration

_DEFAULTS = {"metrics.fetcher.update-interval": "1 s"}
"""Flink's own is ten seconds: numbers that old say little of a short job."""


def is_embedded(options: Configuration) -> bool:
    """Whether the jobs of these options run on a cluster within this program's JVM."""
    return bool(options.get_string("execution.target", "local") == "local")


def complete(options: Configuration) -> None:
    """Add what the options of a job's environment leave out, if its cluster is embedded."""
    if is_embedded(options):
        for name, value in _DEFAULTS.items():
            if not options.contains_key(name):
                options.set_string(name, value)
