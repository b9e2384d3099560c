"""Where jobs run: embedded in PyFlink's own JVM, or on a cluster whose processes can be killed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from support.standalone import HOME, StandaloneCluster

from chaos.storage import SCHEME, compile_storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import psutil


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
    """On the TaskManager of a cluster, which writes checkpoints slowly where it is asked to."""

    storage = SCHEME

    def __init__(self, processes: StandaloneCluster) -> None:
        self._processes = processes

    def environment(self, options: Mapping[str, str]) -> StreamExecutionEnvironment:
        """An environment whose jobs run here."""
        gateway = get_gateway()
        j_env = gateway.jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
        no_jars = gateway.new_array(gateway.jvm.String, 0)
        configuration = _configuration({**options, "python.executable": sys.executable})._j_configuration
        return StreamExecutionEnvironment(
            j_env.createRemoteEnvironment("127.0.0.1", self._processes.rest, configuration, no_jars)
        )

    def taskmanager(self) -> psutil.Process | None:
        """The TaskManager that was started last."""
        return self._processes.taskmanager

    def replace_taskmanager(self) -> None:
        """Start a TaskManager in place of one that was killed."""
        self._processes.replace_taskmanager()

    def check(self) -> list[str]:
        """Which of the processes has ended without being asked."""
        return self._processes.ended()

    def logs(self) -> list[Path]:
        """What they have printed."""
        return self._processes.logs()


@contextmanager
def standalone(folder: Path) -> Iterator[Standalone]:
    """A cluster of one TaskManager with four slots; `folder` takes its files."""
    libraries = folder / "lib"
    libraries.mkdir(parents=True)
    for jar in [*(HOME / "lib").glob("*.jar"), *(HOME / "opt").glob("flink-python-*.jar")]:
        (libraries / jar.name).symlink_to(jar)
    compile_storage(libraries)
    with StandaloneCluster(folder / "flink", libraries) as processes:
        yield Standalone(processes)


def _configuration(options: Mapping[str, str]) -> Configuration:
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name, value)
    return configuration
