"""The stacks that a user's process prints when its agent asks for them by `SIGNAL`; see `bootstrap`."""

from __future__ import annotations

import asyncio
import signal
from itertools import takewhile

SIGNAL = signal.SIGUSR1
"""Has faulthandler print the stacks of all threads, also while a C function holds the interpreter's lock."""

_HEADLINE = b"(most recent call first):"
_FRAME = b"  File "
_OUTERMOST = " in _run_module_as_main"
_BOOTSTRAP = 'runner/bootstrap.py"'
_MAX_FRAMES = 100
"""As many as faulthandler prints of one thread."""


class StackDump:
    """Reads the stack of the main thread out of a process's output.

    faulthandler prints the main thread last, and its frames from the innermost, so that the frame with which
    ``python -m`` begins is the end of it all.

    Attributes:
        complete: set when all has been read.
    """

    def __init__(self) -> None:
        self.complete = asyncio.Event()
        self._frames: list[str] = []

    @property
    def frames(self) -> list[str]:
        """The frames of user code, such as ``File "train.py", line 3 in step``, the innermost first."""
        return list(takewhile(lambda frame: _BOOTSTRAP not in frame, self._frames))

    def feed(self, line: bytes) -> None:
        """Take one line of output, its newline cut off; what is no part of a dump is passed over."""
        if self.complete.is_set():
            return
        if line.endswith(_HEADLINE):
            self._frames.clear()
        elif line.startswith(_FRAME) and len(self._frames) < _MAX_FRAMES:
            self._frames.append(line.decode(errors="replace").strip())
            if self._frames[-1].endswith(_OUTERMOST):
                self.complete.set()
