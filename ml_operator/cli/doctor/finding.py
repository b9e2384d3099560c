"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Jobs run, and may be slow or meet a limit."""
    PROBLEM = "problem"
    """A job will not run, or not as it should."""


@dataclass(frozen=True)
class Finding:
    """What one check has found.

    Args:
        check: what was looked at.
        level: how bad it is.
        told: a sentence, or a few words where all is well.
        remedy: what to do; empty exactly where all is well.
    """

    check: str
    level: Level
    told: str
    remedy: str = ""


def fine(check: str, told: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, told)


def warning(check: str, told: str, remedy: str) -> Finding:
    """Something to know of."""
    return Finding(check, Level.WARNING, told, remedy)


def problem(check: str, told: str, remedy: str) -> Finding:
    """Something to change."""
    return Finding(check, Level.PROBLEM, told, remedy)
