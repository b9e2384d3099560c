"""A child process that is spoken to in JSON lines: an agent or an application master, seen by its parent."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType


class Child:
    """A started process; a context manager that kills it in the end.

    Args:
        argv: program and arguments.
        env: its environment, None for this process's own.
        stderr: as for `subprocess.Popen`; inherited by default.

    Attributes:
        process: the process.
        events: what it has said so far.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stderr: int | IO[bytes] | None = None,
    ) -> None:
        self.process = subprocess.Popen(
            argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        )
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, name=f"child-{self.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def send(self, message: Mapping[str, Any]) -> None:
        """Write one line to its standard input; `BrokenPipeError` when it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def hang_up(self) -> None:
        """End its standard input."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it was gone before the last line reached it
            self.process.stdin.close()

    def wait_for(self, *names: str, timeout_s: float, count: int = 1) -> dict[str, Any]:
        """The `count`-th event that is called one of `names`.

        Raises:
            TimeoutError: it did not come in time.
            EOFError: the process ended without it.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                found = [event for event in self.events if event.get("event") in names]
                if len(found) >= count:
                    return found[count - 1]
                if self._ended:
                    raise EOFError(f"process {self.pid} ended without {names}, it said {self.events}")
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"no {names} within {timeout_s} s, only {self.events}")

    def wait(self, timeout_s: float) -> int:
        """Its exit code once it has ended and all it said was read; `subprocess.TimeoutExpired`."""
        returncode = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return returncode

    def close(self, grace_s: float = 0.0) -> None:
        """Hang up and end it, with SIGKILL after `grace_s` seconds."""
        self.hang_up()
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()
