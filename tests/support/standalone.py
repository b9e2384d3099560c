"""A Flink cluster of its own processes, started by Flink's own scripts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil
import pyflink

from ml_framework.testing.waiting import eventually
from support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

HOME = Path(pyflink.__file__).parent
_START_WITHIN_S = 60.0
_LOOPBACK = "127.0.0.1"
_SETTINGS = {
    "jobmanager.memory.process.size": "1g",
    "taskmanager.numberOfTaskSlots": "4",
    "taskmanager.memory.process.size": "1200m",
    "heartbeat.interval": "1000",
    "heartbeat.timeout": "10000",
}


@dataclass(frozen=True)
class Host:
    """Where a process of the cluster runs.

    Args:
        address: that it binds and tells.
        enter: command that runs another one there.
    """

    address: str = _LOOPBACK
    enter: tuple[str, ...] = ()


class StandaloneCluster:
    """A JobManager and TaskManagers, each a JVM with a temporary folder of its own, until the block ends.

    Args:
        folder: for their configuration, logs and temporary files.
        libraries: the jars that they run from, where these are not just Flink's own.
        master: where the JobManager runs.
        workers: where each TaskManager runs.
        settings: of Flink, beside those that the cluster needs.
        job: arguments of ``standalone-job.sh``: the JobManager runs this one job (application mode).

    Attributes:
        folder: the same.
        rest: port of the REST API.
        variables: the environment in which Flink's scripts reach the cluster.
    """

    def __init__(
        self,
        folder: Path,
        libraries: Path | None = None,
        *,
        master: Host = Host(),
        workers: Sequence[Host] = (Host(),),
        settings: Mapping[str, str] | None = None,
        job: Sequence[str] | None = None,
    ) -> None:
        self.folder = folder
        self._master = master
        self._workers = workers
        self._job = job
        self._rpc, self.rest = free_ports(2)
        self._settings = {**_SETTINGS, **self._addresses(), **(settings or {})}
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
            script, *arguments = ["jobmanager"] if self._job is None else ["standalone-job", *self._job]
            self._start(script, self._master, "jobmanager", arguments)
            eventually(self._answers, timeout_s=_START_WITHIN_S)
            for index in range(len(self._workers)):
                self._start_worker(index)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def jobmanager(self) -> psutil.Process:
        """The JobManager."""
        return psutil.Process(self._daemons[0].pid)

    @property
    def taskmanager(self) -> psutil.Process:
        """The TaskManager that was started last."""
        return psutil.Process(self._daemons[-1].pid)

    def replace_taskmanager(self) -> None:
        """Start a TaskManager in place of the last one, which was killed."""
        self._daemons.pop().wait()
        self._start_worker(len(self._workers) - 1)

    def ended(self) -> list[str]:
        """Those that have ended without being asked."""
        return [f"{daemon.args!r} ended by itself" for daemon in self._daemons if daemon.poll() is not None]

    def logs(self) -> list[Path]:
        """What they have printed."""
        return sorted(self.folder.glob("*.log"))

    def _answers(self) -> bool:
        """Whether the REST API does, as seen from where it runs: nobody else may see it."""
        connect = f"</dev/tcp/{self._master.address}/{self.rest}"
        return not subprocess.run(
            [*self._master.enter, "bash", "-c", connect], capture_output=True, check=False
        ).returncode

    def _addresses(self) -> dict[str, str]:
        return {
            "jobmanager.rpc.address": self._master.address,
            "jobmanager.bind-host": self._master.address,
            "jobmanager.rpc.port": str(self._rpc),
            "rest.address": self._master.address,
            "rest.bind-address": self._master.address,
            "rest.port": str(self.rest),
            "io.tmp.dirs": str(self.folder / "tmp"),
        }

    def _configure(self) -> None:
        configuration = self.folder / "conf"
        for folder in (configuration, self.folder / "tmp"):
            folder.mkdir(parents=True)
        for path in (HOME / "conf").iterdir():
            (configuration / path.name).symlink_to(path)
        (configuration / "config.yaml").unlink()
        defaults = (HOME / "conf" / "config.yaml").read_text().partition("jobmanager:")[0]
        lines = [f"{name}: {value}\n" for name, value in self._settings.items()]
        (configuration / "config.yaml").write_text(defaults + "".join(lines))

    def _start_worker(self, index: int) -> None:
        host = self._workers[index]
        folder = self.folder / f"tmp-{index}"
        folder.mkdir(exist_ok=True)
        own = {
            "taskmanager.host": host.address,
            "taskmanager.bind-host": host.address,
            "io.tmp.dirs": str(folder),
        }
        options = [f"-D{name}={value}" for name, value in own.items()]
        self._start("taskmanager", host, f"taskmanager-{index}", options)

    def _start(self, script: str, host: Host, name: str, arguments: Sequence[str]) -> None:
        """One of Flink's own start scripts, which become the JVM."""
        command = [*host.enter, str(HOME / "bin" / f"{script}.sh"), "start-foreground", *arguments]
        with (self.folder / f"{name}.log").open("ab") as log:
            self._daemons.append(
                subprocess.Popen(
                    command,
                    cwd=self.folder,  # lest Python processes find modules here by chance
                    env=self.variables,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def _stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGCONT)
            daemon.terminate()
        for daemon in self._daemons:
            daemon.wait(30)
        for folder in self.folder.glob("tmp*"):
            shutil.rmtree(folder, ignore_errors=True)
