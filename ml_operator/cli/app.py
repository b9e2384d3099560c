"""The commands of ``mlflink``, their options and help; what they do is imported when they are called."""

# No `from __future__ import annotations`: Typer reads the annotations when a command is called.
# ruff: noqa: PLC0415

import re
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ml_framework.errors import MLOnFlinkError
from ml_operator.cli.framework import Framework

_TRAILING = {"allow_interspersed_args": False, "ignore_unknown_options": False}
"""Whatever stands behind the script is the script's."""


class _Commands(TyperGroup):
    """Tells errors as a sentence on standard error, with exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MLOnFlinkError as error:
            typer.echo(f"mlflink: {error}", err=True)
            raise typer.Exit(1) from None


def _examples(*lines: str) -> str:
    """An epilog whose lines stay as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


app = typer.Typer(
    name="mlflink",
    cls=_Commands,
    help="Distributed PyTorch and TensorFlow in a Flink job: look at a plan, run it, see what runs, stop it.",
    epilog="First steps: mlflink doctor, then mlflink plan job.py, then mlflink run job.py.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The console script."""
    app(prog_name="mlflink")


def _address(value: str | None) -> str | None:
    """Check a ``host:port``."""
    if value is not None and not re.fullmatch(r"[^\s:/]+:\d{1,5}|\[[\da-fA-F:]+\]:\d{1,5}", value):
        raise typer.BadParameter(f"{value!r} is no host:port, such as localhost:8081")
    return value


Script = Annotated[
    str, typer.Argument(help="The program that plans the job and submits it.", show_default=False)
]
Arguments = Annotated[
    list[str] | None,
    typer.Argument(help="Arguments of that program.", metavar="[ARGS]...", show_default=False),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        "-c",
        metavar="HOST:PORT",
        help="Address of a cluster's REST API, which serves its web page, too.",
        callback=_address,
        show_default=False,
    ),
]


@app.command(context_settings=_TRAILING, epilog="Example: mlflink plan job.py --rows 1000")
def plan(
    script: Script,
    arguments: Arguments = None,
    *,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid flowchart instead.")] = False,
    cluster: Cluster = None,
) -> None:
    """Show what a job would run, without running it.

    The program runs up to where it would submit its job: what it does before, such as preparing files, it
    does. With --cluster the plan is checked against that cluster's slots.
    """
    from ml_operator.cli.planning import plan as show

    show(script, arguments or [], styles=["mermaid"] if mermaid else ["text", "drawing"], cluster=cluster)


@app.command(
    context_settings=_TRAILING,
    epilog=_examples(
        "mlflink run job.py --rows 1000", "mlflink run -c localhost:8081 job.py -- -pyfs train.py"
    ),
)
def run(script: Script, arguments: Arguments = None, *, cluster: Cluster = None) -> None:
    """Run a job, on an embedded cluster or on one that is running.

    Without --cluster it is `python SCRIPT ARGS`. With it it is `flink run` of the installed Flink, and behind
    -- stand options for that: what travels with the job, such as the modules of its user code.
    """
    from ml_operator.cli.running import run as start

    start(script, arguments or [], cluster)


@app.command(epilog=_examples("mlflink doctor", "mlflink doctor --for tensorflow --cluster localhost:8081"))
def doctor(
    *,
    frameworks: Annotated[
        list[Framework], typer.Option("--for", help="What jobs need; may be given several times.")
    ] = [Framework.TORCH],  # noqa: B006 - Typer reads it, nobody changes it
    cluster: Cluster = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check whether this machine can run jobs.

    Where it cannot, it says what to do. With --cluster it looks at that cluster, too. Exits with 1 where
    there is a problem; a warning is none.
    """
    from ml_operator.cli import doctor as checks

    raise typer.Exit(checks.report(checks.examine(frameworks, cluster), as_json=as_json))


Job = Annotated[
    str,
    typer.Argument(
        help="A Flink job's id or how that begins, or the name of a job or of an ML cluster.",
        show_default=False,
    ),
]


@app.command("list", epilog="Example: mlflink list --cluster localhost:8081")
def list_jobs(
    *,
    ended: Annotated[bool, typer.Option("--all", "-a", help="Also jobs that have ended.")] = False,
    cluster: Cluster = None,
) -> None:
    """List the jobs that have ML clusters.

    Without --cluster: those of the cluster that Flink is configured for (else localhost:8081), and those that
    you run on embedded clusters on this machine.
    """
    from ml_operator.cli.listing import show

    show(cluster, ended=ended)


@app.command(epilog="Example: mlflink status line")
def status(
    job: Job,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all that was measured.")] = False,
    cluster: Cluster = None,
) -> None:
    """Show the state of a job, node by node.

    Rows, queues, what user code has logged, the attempts that have ended and why, the last states.
    """
    from ml_operator.cli.status import show

    show(job, cluster, as_json=as_json)


@app.command(epilog=_examples("mlflink logs line worker/0", "mlflink logs line worker/0 -f --lines 100"))
def logs(
    job: Job,
    node: Annotated[str, typer.Argument(help="A node: role/index, such as worker/0.", show_default=False)],
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what it prints.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines to begin with.")] = 20,
    cluster: Cluster = None,
) -> None:
    """Print what the process of a node has printed last."""
    from ml_operator.cli.logs import show

    show(job, node, cluster, lines=lines, follow=follow)


@app.command(epilog=_examples("mlflink stop line", "mlflink stop line --savepoint /shared/savepoints"))
def stop(
    job: Job,
    *,
    savepoint: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Take a savepoint there first, and print where it is.", show_default=False
        ),
    ] = None,
    drain: Annotated[
        bool,
        typer.Option("--drain", help="End the input before the savepoint: for a job that will not go on."),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0,
            help="Longest wait for the end; 900 behind a savepoint, else 60.",
            show_default=False,
        ),
    ] = None,
    cluster: Cluster = None,
) -> None:
    """Stop a job, with or without a savepoint.

    Behind a savepoint it can go on from there: mlflink run -c HOST:PORT job.py -- -s SAVEPOINT
    """
    from ml_operator.cli.stopping import stop as end

    end(job, cluster, savepoint=savepoint, drain=drain, timeout_s=timeout)


@app.command(epilog="Example: echo \"ADD JAR '$(mlflink jar)';\" > models.sql")
def jar() -> None:
    """Print the path of the bridge jar, which SQL's ADD JAR takes."""
    from ml_operator.jar import jar_path

    typer.echo(jar_path())
