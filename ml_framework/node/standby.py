"""The processes of a node's attempts: each a fresh one, or the one that was kept ready for it.

Most of a start is the import of a framework. A standby has that behind it: an interpreter that is started
while the attempt before runs, and becomes the next one. It does not read anew what it has read from the
environment, so it is used only where nothing but the runner's `late_variables` has changed.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from ml_framework.runner.standby import Part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from ml_framework.runner.base import Runner


class Standby:
    """A started interpreter that loads a runner's modules, and waits.

    Args:
        python: the interpreter.
        runner: which modules to load.
        environment: all variables.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, python: str, runner: Runner, environment: Mapping[str, str]) -> None:
        self._python = python
        self._environment = dict(environment)
        self._connection, theirs = socket.socketpair()
        with theirs, ExitStack() as if_not_started:
            if_not_started.callback(self._connection.close)
            command = (python, "-m", "ml_framework.runner.standby", str(theirs.fileno()), *runner.preload)
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                stderr=sys.stderr.fileno(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
            if_not_started.pop_all()

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return self._process.poll() is None

    def fits(self, argv: Sequence[str], environment: Mapping[str, str], late: Set[str]) -> bool:
        """Whether it can become what this command would start."""
        changed = {name for name, _ in environment.items() ^ self._environment.items()}
        return self.alive and tuple(argv[:2]) == (self._python, "-m") and changed <= late

    def become(self, part: Part, output: int) -> subprocess.Popen[bytes]:
        """Make it play `part`, its output going to the descriptor `output`; it belongs to the caller then.

        Raises:
            OSError: it has just ended.
        """
        with self._connection:
            part.send(self._connection, output)
        return self._process

    def close(self) -> None:
        """End it."""
        self._connection.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Processes:
    """Starts the processes of nodes, one after the other, and keeps a standby for the next if asked to."""

    def __init__(self) -> None:
        self._standby: Standby | None = None
        self._failed = False

    def start(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        inherit: Sequence[int],
        output: int,
        late: Set[str],
    ) -> subprocess.Popen[bytes]:
        """Start a process that leads its own session; its standard input is empty.

        Args:
            argv: program and arguments.
            environment: all variables.
            inherit: the only descriptors, besides the three standard ones, that it has.
            output: the descriptor that its standard output and error go to.
            late: variables that a standby may have been started without.

        Raises:
            OSError: the program cannot be started.
        """
        standby, self._standby = self._standby, None
        if standby is not None:
            if standby.fits(argv, environment, late):
                with suppress(OSError):  # it has just ended
                    return standby.become(Part(argv[2:], environment, inherit), output)
            standby.close()
        return subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=inherit,
            start_new_session=True,
        )

    def prepare(self, python: str, runner: Runner, environment: Mapping[str, str]) -> None:
        """Have a standby for the next start, unless there is one, or nothing that could be loaded for it.

        One that cannot be started, or that has died, for want of memory perhaps, is not tried again.
        """
        if self._standby is not None and not self._standby.alive:
            self._give_up("has ended")
        if self._standby is None and runner.preload and not self._failed:
            try:
                self._standby = Standby(python, runner, environment)
            except OSError as error:
                self._give_up(f"cannot be started: {error}")

    def _give_up(self, why: str) -> None:
        self.close()
        self._failed = True
        print(f"the standby {why}; a restart will take as long as without one", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Keep nothing ready any longer."""
        if self._standby is not None:
            self._standby.close()
            self._standby = None
