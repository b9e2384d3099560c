"""Toy programs with a name: what a user's process may do to its agent. Each is an entrypoint.

``"ml_framework.testing.programs:happy"`` names one of them.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from ml_framework.context import NodeContext


def happy(ctx: NodeContext) -> None:
    """Says who it is, logs its attempt, and succeeds."""
    print(f"{ctx.role}[{ctx.index}] of {ctx.world_size}, attempt {ctx.attempt}")
    ctx.metrics.log(attempt=ctx.attempt)


def tell_variable(ctx: NodeContext) -> NoReturn:
    """Prints the variable ``params["name"]``, logs a number, and runs for ever."""
    print(ctx.attempt, os.environ.get(ctx.params["name"]))
    ctx.metrics.log(attempt=ctx.attempt)
    forever(ctx)


def sad(_ctx: NodeContext) -> NoReturn:
    """Raises ``ValueError: bad value``."""
    raise ValueError("bad value")


def sad_rank(ctx: NodeContext) -> None:
    """Rank ``params["rank"]`` raises ``ValueError: bad value``, the others run for ever."""
    if ctx.rank == ctx.params["rank"]:
        sad(ctx)
    forever(ctx)


def die_on_attempt(ctx: NodeContext) -> None:
    """Raises in every attempt that is in ``params["attempts"]``, in any other it succeeds."""
    print(f"attempt {ctx.attempt}")
    if ctx.attempt in ctx.params["attempts"]:
        raise ValueError(f"attempt {ctx.attempt} was to die")


def forever(_ctx: NodeContext) -> NoReturn:
    """Runs until somebody ends it, and never looks at `ctx.stopping`."""
    print("runs for ever")
    while True:
        signal.pause()


def serve(ctx: NodeContext) -> None:
    """Serves until it is asked to stop, then says goodbye; touches ``params["file"]``, if any, in between."""
    ctx.stopping.is_set()  # who looks is trusted to look again, and not interrupted
    print("serving")
    if "file" in ctx.params:
        Path(ctx.params["file"]).touch()
    ctx.stopping.wait()
    print("goodbye")


def awaits_file(ctx: NodeContext) -> None:
    """Succeeds once there is a file at ``params["file"]``."""
    eventually(Path(ctx.params["file"]).exists)


def cleans_up(ctx: NodeContext) -> None:
    """Runs for ever like `forever`, and leaves a file at ``params["file"]`` when it is made to end."""
    try:
        forever(ctx)
    finally:
        Path(ctx.params["file"]).write_text("cleaned up", encoding="utf-8")


def ignores_sigterm(_ctx: NodeContext) -> NoReturn:
    """Runs for ever, whatever it is asked."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf")
    while True:
        signal.pause()


def forks_children(ctx: NodeContext) -> None:
    """Starts two children that ignore SIGTERM, prints their ids, and goes, unless ``params["forever"]``."""
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()  # it is deaf by now
    print(json.dumps({"children": [child.pid for child in children]}))
    if ctx.params.get("forever"):
        forever(ctx)
    os._exit(0)  # leaves them to themselves


def flood(ctx: NodeContext) -> None:
    """Prints ``params["bytes"]`` bytes, in lines of ``params["line_bytes"]``."""
    line = b"x" * (ctx.params["line_bytes"] - 1) + b"\n"
    for _ in range(ctx.params["bytes"] // len(line)):
        sys.stdout.buffer.write(line)


def says(ctx: NodeContext) -> None:
    """Prints each of ``params["lines"]``."""
    for line in ctx.params["lines"]:
        print(line)


def dumps_environment(ctx: NodeContext) -> None:
    """Prints what its environment is like, as JSON."""
    import ml_framework.context  # noqa: PLC0415 - where it comes from is the question

    print(
        json.dumps(
            {
                "python": sys.executable,
                "context": ml_framework.context.__file__,
                "modules": sorted(
                    set(sys.modules) & {"grpc", "cloudpickle", "pyflink", "torch", "tensorflow"}
                ),
                "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")),  # noqa: PTH208
                "environment": dict(os.environ),
                "addresses": {role: list(listed) for role, listed in ctx.addresses.items()},
            }
        )
    )


def exit_3(_ctx: NodeContext) -> NoReturn:
    """Calls ``sys.exit(3)``."""
    sys.exit(3)


def exit_hard(_ctx: NodeContext) -> NoReturn:
    """Ends with exit code 7, past every handler; says something first."""
    print("about to go", flush=True)
    os._exit(7)


def segfault(_ctx: NodeContext) -> None:
    """Reads from address 0."""
    ctypes.string_at(0)


def killed(_ctx: NodeContext) -> None:
    """Is killed by SIGKILL."""
    os.kill(os.getpid(), signal.SIGKILL)


def eats_memory(ctx: NodeContext) -> None:
    """Takes ``params["bytes"]`` bytes of memory, a MiB after the other."""
    kept = [os.urandom(1 << 20) for _ in range(ctx.params["bytes"] >> 20)]
    print(f"has eaten {len(kept)} MiB")


def add_one(ctx: NodeContext) -> None:
    """Answers every ``x`` of its input by ``y = x + 1``."""
    for batch in ctx.batches():
        ctx.emit(y=batch["x"] + 1)
