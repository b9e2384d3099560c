"""How user code hears that its process is asked to end: an event to look at, or an exception.

The agent sets the event and sends SIGTERM. Code that has ever looked at the event is trusted to look again.
In any other, SIGTERM raises `Stopped` in the main thread, so that ``finally`` blocks and context managers
run.

Python runs the handler of a signal between any two instructions, and not all of them are good for that:

* As long as one `Stopped` is on its way or dealt with, there is no second one to disturb the cleaning up. Of
  one that somebody keeps that is believed for some seconds.
* While another exception is being made, it has to wait a moment: a native library that is about to raise
  that one would raise a third for it (TensorFlow does, where a dataset ends).
* What destructors and callbacks raise Python only prints, and libraries have ``except:`` and go on (Keras
  has, between two batches). So it is raised again until it gets through.
* Processes that user code forks inherit the handler, and end by SIGTERM as they would without it.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from ml_framework.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_MOMENT_S = 0.001
_AGAIN_S = 0.5
_ON_ITS_WAY_S = 5.0


class Stopping(threading.Event):
    """The event behind `ctx.stopping`."""

    def __init__(self) -> None:
        super().__init__()
        self._looked_at = False
        self._raised: Callable[[], Stopped | None] = _nothing
        self._raised_s = 0.0
        self._due: set[float] = set()
        self._pid = os.getpid()

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

    def unwind(self) -> NoReturn:
        """Raise `Stopped`; SIGTERM raises none before this one is gone."""
        error = self._raised() or Stopped()
        self._raised, self._raised_s = weakref.ref(error), time.monotonic()
        try:
            raise error
        finally:
            del error  # its traceback has this frame, which would keep it

    @contextmanager
    def raised_by_sigterm(self) -> Iterator[None]:
        """Let SIGTERM raise `Stopped` in this block, as told above, and do nothing behind it.

        For the main thread.
        """
        try:
            sys.unraisablehook = self._on_unraisable
            signal.signal(signal.SIGTERM, self._on_sigterm)
            yield
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _on_sigterm(self, _number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            _end_without_us()
        if self._looked_at:
            return
        if _makes_an_exception(frame):
            self._send_again(_MOMENT_S)
            return
        self._send_again(_AGAIN_S)
        if not self._is_dealt_with():
            self.unwind()

    def _is_dealt_with(self) -> bool:
        """Whether the last `Stopped` is still on its way, or this code runs because of it."""
        raised = self._raised()
        if raised is None:
            return False
        if time.monotonic() - self._raised_s < _ON_ITS_WAY_S:
            return True  # it is in no handler's hands while generators and destructors clean up on its way
        error = sys.exception()
        while error is not None and error is not raised:
            error = error.__context__
        return error is not None

    def _on_unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_type is Stopped:
            self._raised = _nothing
            self._send_again(_MOMENT_S)
        else:
            sys.__unraisablehook__(unraisable)

    def _send_again(self, after_s: float) -> None:
        """SIGTERM to this process, unless somebody else handles that by then."""

        def send() -> None:
            time.sleep(after_s)
            self._due.discard(after_s)
            if signal.getsignal(signal.SIGTERM) == self._on_sigterm:
                os.kill(self._pid, signal.SIGTERM)

        if after_s in self._due:
            return
        self._due.add(after_s)
        try:
            _thread.start_new_thread(send, ())  # not by `threading`: what was interrupted may hold its lock
        except RuntimeError:  # there are no more threads to be had
            self._due.discard(after_s)


def _nothing() -> None:
    return None


def _end_without_us() -> None:
    sys.unraisablehook = sys.__unraisablehook__
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _makes_an_exception(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__init__" and isinstance(frame.f_locals.get("self"), BaseException):
            return True
        frame = frame.f_back
    return False
