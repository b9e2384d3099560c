"""The user's process: ``python -m ml_framework.runner.bootstrap context.json``.

It loads the entrypoint and the context that it gets, runs it, and leaves `error.json` behind when it raises.
A `SystemExit` keeps its exit code.

To stop the process its agent sets `ctx.stopping` and sends SIGTERM. Code that has ever looked at
`ctx.stopping` is trusted to look again. In any other, SIGTERM raises `Stopped` in the main thread, so that
``finally`` blocks and context managers run. Code that holds out is killed after the grace.

When the process hangs its agent asks for its stacks (`ml_framework.runner.stacks`) before it ends it.
"""

from __future__ import annotations

import faulthandler
import io
import json
import signal
import sys
import threading
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
    from types import FrameType

    from ml_framework.context.launch import Launch

_STOPPED = 128 + signal.SIGTERM
"""The exit code by which a shell tells that SIGTERM ended a process."""


class Stopping(threading.Event):
    """The event behind `ctx.stopping`.

    Attributes:
        looked_at: user code has asked for its state.
    """

    looked_at = False

    def is_set(self) -> bool:
        """Whether the process is asked to end."""
        self.looked_at = True
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the process is asked to end, at most `timeout` seconds; False when that passed first."""
        self.looked_at = True
        return super().wait(timeout)


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
    control.stopping = stopping = Stopping()
    _end_on_sigterm(stopping)
    entrypoint = _entrypoint(launch)
    with resolve(launch.context)(launch, control) as context, _recorded(error_file):
        if context.returned:
            sys.stdout.write("had returned before the checkpoint the job goes on from: not called again\n")
        else:
            entrypoint(context)


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


def _end_on_sigterm(stopping: Stopping) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        if not stopping.looked_at:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # cleaning up is not to be interrupted
            raise Stopped

    signal.signal(signal.SIGTERM, end)


def _flush_each_line() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


if __name__ == "__main__":
    main(sys.argv[1])
