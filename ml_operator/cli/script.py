"""The user's program that ``mlflink plan`` and ``mlflink run`` are given."""

from __future__ import annotations

from pathlib import Path

from ml_framework.errors import CommandFailed


def check_script(script: str) -> None:
    """Raise `CommandFailed` where there is no such file."""
    if not Path(script).is_file():
        raise CommandFailed(f"there is no script {script}: name the program that plans the job")
