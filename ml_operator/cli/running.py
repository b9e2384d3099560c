"""``mlflink run``: a script on an embedded cluster, or submitted to one that runs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import typer

from ml_framework.errors import CommandFailed
from ml_operator.cli import flink
from ml_operator.cli.script import check_script

if TYPE_CHECKING:
    from collections.abc import Sequence

_TRAVELS = "--"
"""What is behind it is for ``flink run``."""


def run(script: str, arguments: Sequence[str], cluster: str | None) -> NoReturn:
    """Become the process that runs `script`.

    Args:
        script: the program that plans and submits.
        arguments: of the program, and behind ``--`` options of ``flink run``.
        cluster: ``host:port`` of the REST API, None for an embedded cluster.

    Raises:
        CommandFailed: there is no such script, or no Flink to submit it with.
        typer.BadParameter: options for ``flink run``, and no cluster.
    """
    check_script(script)
    own, travels = _split(arguments)
    if cluster is not None:
        _submit(script, own, travels, cluster)
    if travels:
        raise typer.BadParameter(
            f"what is behind {_TRAVELS} is for `flink run`: name its cluster by --cluster"
        )
    os.execv(sys.executable, [sys.executable, script, *own])  # noqa: S606 - the user's own program


def _submit(script: str, arguments: Sequence[str], travels: Sequence[str], cluster: str) -> NoReturn:
    home = flink.home()
    if home is None or not (home / "bin" / "flink").is_file():
        raise CommandFailed("there is no bin/flink to submit with: `mlflink doctor` says what to do")
    command = [
        "flink",
        "run",
        "-m",
        cluster,
        "-pyclientexec",
        sys.executable,
        *travels,
        "-py",
        script,
        *arguments,
    ]
    os.execve(home / "bin" / "flink", command, {**os.environ, "FLINK_HOME": str(home)})  # noqa: S606


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those of the script, and those of ``flink run``."""
    if _TRAVELS not in arguments:
        return list(arguments), []
    at = list(arguments).index(_TRAVELS)
    return list(arguments[:at]), list(arguments[at + 1 :])
