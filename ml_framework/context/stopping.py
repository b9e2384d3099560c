"""How user code hears that its process is asked to end: an event to look at, or an exception.

The agent sets the event and sends SIGTERM. Code that has ever looked at the event is trusted to look again.
In any other, SIGTERM raises `Stopped` in the main thread, so that ``finally`` blocks and context managers
run.

Python runs the handler of a signal between any two instructions, and not all of them are good for that:

* While a ``finally`` block or the like deals with `Stopped`, there is no second one to disturb it.
* While another exception is being made, it has to wait a moment: a native library that is about to raise
  that one would raise a third for it (TensorFlow does, where a dataset ends).
* What destructors and callbacks raise Python only prints, and libraries have ``except:`` and go on (Keras
  has, between two batches). So it is raised again until it gets through.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ml_framework.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

_MOMENT_S = 0.001
_AGAIN_S = 0.5


class Stopping(threading.Event):
    """The event behind `ctx.stopping`."""

    _looked_at = False

    def is_set(self) -> bool:
        """Whether the process is asked to end."""
        self._looked_at = True
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the process is asked to end, at most `timeout` seconds; False when that passed first."""
        self._looked_at = True
        return super().wait(timeout)

    def is_asked(self) -> bool:
        """As `is_set`, for code that is not the user's: it leaves no trace."""
        return super().is_set()

    @contextmanager
    def raised_by_sigterm(self) -> Iterator[None]:
        """Let SIGTERM raise `Stopped`, as told above, until it leaves this block. For the main thread."""
        signal.signal(signal.SIGTERM, self._on_sigterm)
        sys.unraisablehook = _on_unraisable
        try:
            yield
        except Stopped:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            raise

    def _on_sigterm(self, _number: int, frame: FrameType | None) -> None:
        if self._looked_at:
            return
        if _makes_an_exception(frame):
            _send_again(_MOMENT_S)
            return
        _send_again(_AGAIN_S)
        if not _is_dealt_with():
            raise Stopped


def _makes_an_exception(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__init__" and isinstance(frame.f_locals.get("self"), BaseException):
            return True
        frame = frame.f_back
    return False


def _is_dealt_with() -> bool:
    """Whether this code runs because of `Stopped`: in ``finally``, ``except`` or the end of a ``with``."""
    error = sys.exception()
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return error is not None


def _on_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    if unraisable.exc_type is Stopped:
        _send_again(_MOMENT_S)
    else:
        sys.__unraisablehook__(unraisable)


def _send_again(after_s: float) -> None:
    """SIGTERM to this process."""

    def send() -> None:
        time.sleep(after_s)
        os.kill(os.getpid(), signal.SIGTERM)

    # Not by `threading`: what was interrupted may hold its lock.
    _thread.start_new_thread(send, ())
