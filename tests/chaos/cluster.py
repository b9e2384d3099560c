"""Where jobs run: embedded in PyFlink's own JVM, or on a cluster whose processes can be killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import psutil
import pyflink
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway

from chaos.ports import answers, free_ports
from chaos.storage import SCHEME, compile_storage
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_HOME = Path(pyflink.__file__).parent
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


class Cluster(Protocol):
    """What runs the jobs.

    Attributes:
        storage: scheme of the file system that checkpoints go to.
    """

    storage: str

    def environment(self, options: Mapping[str, str]) -> StreamExecutionEnvironment:
        """An environment whose jobs run here."""

    def taskmanager(self) -> psutil.Process | None:
        """The TaskManager's process, None where it has none of its own."""

    def replace_taskmanager(self) -> None:
        """Start a TaskManager in place of one that was killed."""

    def check(self) -> list[str]:
        """What has gone wrong with the cluster itself."""

    def logs(self) -> list[Path]:
        """What its processes have printed."""


class Embedded:
    """Each job on a cluster of its own in the gateway's JVM."""

    storage = "file"

    def environment(self, options: Mapping[str, str]) -> StreamExecutionEnvironment:
        """An environment whose jobs run here."""
        return StreamExecutionEnvironment.get_execution_environment(_configuration(options))

    def taskmanager(self) -> psutil.Process | None:
        """None."""
        return None

    def replace_taskmanager(self) -> None:
        """Not to be called: there is none to kill."""
        raise NotImplementedError

    def check(self) -> list[str]:
        """Nothing to say."""
        return []

    def logs(self) -> list[Path]:
        """None."""
        return []


class Standalone:
    """A JobManager and a TaskManager of four slots, until the block ends.

    Args:
        folder: for their configuration, logs and temporary files.
    """

    storage = SCHEME

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rpc, self._rest = free_ports(2)
        self._daemons: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._configure()
        try:
            self._start("jobmanager")
            eventually(lambda: answers(self._rest), timeout_s=_START_WITHIN_S)
            self._start("taskmanager")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def environment(self, options: Mapping[str, str]) -> StreamExecutionEnvironment:
        """An environment whose jobs run here."""
        gateway = get_gateway()
        j_env = gateway.jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
        no_jars = gateway.new_array(gateway.jvm.String, 0)
        configuration = _configuration({**options, "python.executable": sys.executable})
        return StreamExecutionEnvironment(
            j_env.createRemoteEnvironment("127.0.0.1", self._rest, configuration._j_configuration, no_jars)
        )

    def taskmanager(self) -> psutil.Process | None:
        """The TaskManager that was started last."""
        return psutil.Process(self._daemons[-1].pid)

    def replace_taskmanager(self) -> None:
        """Start a TaskManager in place of one that was killed."""
        self._daemons.pop().wait()
        self._start("taskmanager")

    def check(self) -> list[str]:
        """Which of the two has ended without being asked."""
        return [f"{daemon.args!r} ended by itself" for daemon in self._daemons if daemon.poll() is not None]

    def logs(self) -> list[Path]:
        """What they have printed."""
        return sorted(self._folder.glob("*.log"))

    def _configure(self) -> None:
        configuration, libraries = self._folder / "conf", self._folder / "lib"
        for folder in (configuration, libraries, self._folder / "tmp"):
            folder.mkdir(parents=True)
        for jar in [*(_HOME / "lib").glob("*.jar"), *(_HOME / "opt").glob("flink-python-*.jar")]:
            (libraries / jar.name).symlink_to(jar)
        compile_storage(libraries)
        for path in (_HOME / "conf").iterdir():
            (configuration / path.name).symlink_to(path)
        (configuration / "config.yaml").unlink()
        defaults = (_HOME / "conf" / "config.yaml").read_text().partition("jobmanager:")[0]
        settings = _SETTINGS.format(rpc=self._rpc, rest=self._rest, folder=self._folder)
        (configuration / "config.yaml").write_text(defaults + settings)
        self._variables = {
            **os.environ,
            "FLINK_HOME": str(_HOME),
            "FLINK_CONF_DIR": str(configuration),
            "FLINK_LIB_DIR": str(libraries),
            "FLINK_LOG_DIR": str(self._folder),
            "FLINK_PID_DIR": str(self._folder),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }

    def _start(self, name: str) -> None:
        """One of Flink's own start scripts, which become the JVM."""
        command = [str(_HOME / "bin" / f"{name}.sh"), "start-foreground"]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._daemons.append(
                subprocess.Popen(command, env=self._variables, stdout=log, stderr=log, start_new_session=True)
            )

    def _stop(self) -> None:
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGCONT)
            daemon.terminate()
        for daemon in self._daemons:
            daemon.wait(30)
        shutil.rmtree(self._folder / "tmp", ignore_errors=True)


def _configuration(options: Mapping[str, str]) -> Configuration:
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name, value)
    return configuration
