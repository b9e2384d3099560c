"""``mlflink plan``: run a script up to where it would submit its job, and show what it has planned."""

from __future__ import annotations

import runpy
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ml_framework.errors import CommandFailed, PlanError
from ml_operator.cli import flink
from ml_operator.cli.script import check_script
from ml_operator.planned import watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ml_operator.render import Style

_ASK_DOCTOR = "`mlflink doctor` says what to do"


def plan(script: str, arguments: Sequence[str], *, styles: Sequence[Style], cluster: str | None) -> None:
    """Print the plan of every ML cluster in `script`.

    Args:
        script: path of the program that plans and submits.
        arguments: of the program.
        styles: of the plans, one below the other.
        cluster: ``host:port`` of the cluster that the job is meant for, None for an embedded one.

    Raises:
        PlanError: the script's plan cannot run.
        CommandFailed: there is no such script, or it plans no cluster.
        typer.Exit: an error of the script's own, whose traceback was printed, or its exit.
    """
    check_script(script)
    with _nothing_submitted(_target(cluster)) as held, watched() as jobs, redirect_stdout(sys.stderr):
        _run(script, arguments, held)
    if not jobs:
        raise CommandFailed(f"{script} plans no ML cluster: it makes no MLJob before {_end(held)}")
    typer.echo("\n\n".join(job.render(style) for job in jobs for style in styles))
    typer.echo(f"nothing was run: {script} came as far as {_end(held)}", err=True)


class _Held:
    """Asks the JVM for the job that the script was about to submit."""

    def __init__(self, j_plan_only: Any) -> None:
        self._j_plan_only = j_plan_only

    @property
    def job(self) -> str | None:
        name: str | None = self._j_plan_only.job()
        return name


@contextmanager
def _nothing_submitted(options: Mapping[str, str]) -> Iterator[_Held]:
    """Whatever would submit a job in this block ends the program instead."""
    j_plan_only = _plan_only()
    j_plan_only.begin(options)
    try:
        yield _Held(j_plan_only)
    finally:
        j_plan_only.end()


def _plan_only() -> Any:
    """The bridge's `PlanOnly`, in a JVM that takes some seconds to start."""
    if flink.java() is None:
        raise CommandFailed(f"there is no Java to plan with: {_ASK_DOCTOR}")
    try:
        from ml_operator import bridge  # noqa: PLC0415 - it imports PyFlink, which may be missing
    except ImportError as error:
        raise CommandFailed(f"{error.name} is not installed, to plan with: {_ASK_DOCTOR}") from None
    return bridge.instance("org.mlonflink.flink.PlanOnly")


def _target(cluster: str | None) -> dict[str, str]:
    """Flink's options of where the job is to run: planning asks a cluster for its slots."""
    if cluster is None:
        return {"execution.target": "local"}
    host, _, port = cluster.rpartition(":")
    return {"execution.target": "remote", "rest.address": host, "rest.port": port}


def _run(script: str, arguments: Sequence[str], held: _Held) -> None:
    """Run the script as ``python script`` does; what it raises when its job was held up is of no interest."""
    with _as_main_program(script, arguments):
        try:
            runpy.run_path(script, run_name="__main__")
        except PlanError:
            raise
        except SystemExit as end:
            if end.code and held.job is None:
                raise
        except Exception as error:  # noqa: BLE001 - whatever the user's program raises
            if held.job is None:
                _print_traceback(error, script)
                raise typer.Exit(1) from None


@contextmanager
def _as_main_program(script: str, arguments: Sequence[str]) -> Iterator[None]:
    before = sys.argv, list(sys.path)
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).resolve().parent)
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before


def _print_traceback(error: Exception, script: str) -> None:
    """As Python does, from the script's own first line on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    traceback.print_exception(error.with_traceback(trace))


def _end(held: _Held) -> str:
    return "its end" if held.job is None else f"where it would submit {held.job!r}"
