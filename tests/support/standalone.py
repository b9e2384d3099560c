"""A Flink cluster of its own processes, started by Flink's own scripts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil
import pyflink

from ml_framework.testing.waiting import eventually
from support.ports import answers, free_ports

if TYPE_CHECKING:
    from types import TracebackType

HOME = Path(pyflink.__file__).parent
_START_WITHIN_S = 60.0
_SETTINGS = """
jobmanager.rpc.address: 127.0.0.1
jobmanager.bind-host: 127.0.0.1
jobmanager.rpc.port: {rpc}
jobmanager.memory.process.size: 1g
taskmanager.host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
taskmanager.numberOfTaskSlots: 4
taskmanager.memory.process.size: 1200m
rest.address: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.port: {rest}
heartbeat.interval: 1000
heartbeat.timeout: 10000
io.tmp.dirs: {folder}/tmp
"""


class StandaloneCluster:
    """A JobManager and a TaskManager of four slots, each in a JVM of its own, until the block ends.

    Args:
        folder: for their configuration, logs and temporary files.
        libraries: the jars that they run from, where these are not just Flink's own.

    Attributes:
        rest: port of the REST API.
        variables: the environment in which Flink's scripts reach the cluster.
    """

    def __init__(self, folder: Path, libraries: Path | None = None) -> None:
        self._folder = folder
        self._rpc, self.rest = free_ports(2)
        self.variables = {
            **os.environ,
            "FLINK_HOME": str(HOME),
            "FLINK_CONF_DIR": str(folder / "conf"),
            "FLINK_LIB_DIR": str(libraries or HOME / "lib"),
            "FLINK_LOG_DIR": str(folder),
            "FLINK_PID_DIR": str(folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._configure()
        try:
            self._start("jobmanager")
            eventually(lambda: answers(self.rest), timeout_s=_START_WITHIN_S)
            self._start("taskmanager")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def taskmanager(self) -> psutil.Process:
        """The TaskManager that was started last."""
        return psutil.Process(self._daemons[-1].pid)

    def replace_taskmanager(self) -> None:
        """Start a TaskManager in place of one that was killed."""
        self._daemons.pop().wait()
        self._start("taskmanager")

    def ended(self) -> list[str]:
        """Those that have ended without being asked."""
        return [f"{daemon.args!r} ended by itself" for daemon in self._daemons if daemon.poll() is not None]

    def logs(self) -> list[Path]:
        """What they have printed."""
        return sorted(self._folder.glob("*.log"))

    def _configure(self) -> None:
        configuration = self._folder / "conf"
        for folder in (configuration, self._folder / "tmp"):
            folder.mkdir(parents=True)
        for path in (HOME / "conf").iterdir():
            (configuration / path.name).symlink_to(path)
        (configuration / "config.yaml").unlink()
        defaults = (HOME / "conf" / "config.yaml").read_text().partition("jobmanager:")[0]
        settings = _SETTINGS.format(rpc=self._rpc, rest=self.rest, folder=self._folder)
        (configuration / "config.yaml").write_text(defaults + settings)

    def _start(self, name: str) -> None:
        """One of Flink's own start scripts, which become the JVM."""
        command = [str(HOME / "bin" / f"{name}.sh"), "start-foreground"]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._daemons.append(
                subprocess.Popen(command, env=self.variables, stdout=log, stderr=log, start_new_session=True)
            )

    def _stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGCONT)
            daemon.terminate()
        for daemon in self._daemons:
            daemon.wait(30)
        shutil.rmtree(self._folder / "tmp", ignore_errors=True)
