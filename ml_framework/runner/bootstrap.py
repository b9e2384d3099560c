"""The user's process: ``python -m ml_framework.runner.bootstrap context.json``.

It loads the entrypoint and the context that it gets, runs it, and leaves `error.json` behind when it raises.
A `SystemExit` keeps its exit code.

To stop the process its agent sets `ctx.stopping` and sends SIGTERM (`ml_framework.context.stopping`). Code
that holds out is killed after the grace.

When the process hangs its agent asks for its stacks (`ml_framework.runner.stacks`) before it ends it.
"""

from __future__ import annotations

import faulthandler
import io
import json
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml_framework.errors import Stopped
from ml_framework.runner import stacks
from ml_framework.runner.entrypoint import resolve
from ml_framework.runner.error_file import ErrorFile
from ml_framework.runner.parent import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml_framework.context.launch import Launch

_STOPPED = 128 + signal.SIGTERM
"""The exit code by which a shell tells that SIGTERM ended a process."""


def main(context_file: str) -> None:
    """Run the attempt that `context_file` describes; ends by `SystemExit` unless it succeeded."""
    die_with_parent(signal.SIGKILL)
    faulthandler.enable(all_threads=False)
    faulthandler.register(stacks.SIGNAL, all_threads=True, chain=False)
    _flush_each_line()
    error_file = Path(json.loads(Path(context_file).read_text(encoding="utf-8"))["error_file"])
    try:
        with _recorded(error_file):
            _run(Path(context_file), error_file)
    except Stopped:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # lest another one comes
        sys.exit(_STOPPED)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - printed, and told by the exit code
        sys.stderr.write(ErrorFile.of(error).traceback)
        sys.exit(1)


def _run(context_file: Path, error_file: Path) -> None:
    # Imported here, so that an interpreter that lacks something that we need is told of like any other error.
    from ml_framework.context.control import ControlSocket  # noqa: PLC0415
    from ml_framework.context.launch import Launch  # noqa: PLC0415

    launch = Launch.read(context_file)
    control = ControlSocket(launch.descriptors.control)
    die_with_parent(0)  # from here on its end is seen by `control`, which takes our children along
    with control.stopping.raised_by_sigterm():
        entrypoint = _entrypoint(launch)
        with resolve(launch.context)(launch, control) as context, _recorded(error_file):
            if not context.returned:
                entrypoint(context)
            else:
                print("had returned before the checkpoint the job goes on from: not called again")


def _entrypoint(launch: Launch) -> Callable[[Any], object]:
    if launch.entrypoint is not None:
        named: Callable[[Any], object] = resolve(launch.entrypoint)
        return named
    assert launch.callable_file is not None
    import pickle  # noqa: PLC0415 - only for callables

    loaded: Callable[[Any], object] = pickle.loads(Path(launch.callable_file).read_bytes())  # noqa: S301
    return loaded


@contextmanager
def _recorded(error_file: Path) -> Iterator[None]:
    """Leave what fails within in `error_file`, before the cleaning up after it can delay that or fail too."""
    try:
        yield
    except Stopped:
        raise
    except BaseException as error:
        if not (isinstance(error, SystemExit) and error.code in (None, 0)):
            ErrorFile.of(error).write(error_file)
        raise


def _flush_each_line() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


if __name__ == "__main__":
    main(sys.argv[1])
