"""One cluster for all tests: a JobManager and three TaskManagers, each on a host of its own.

The folder that the hosts share has the cluster's configuration, its checkpoints and the rows that come out:
it stands for object storage.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from support.namespaces import Network, missing
from support.standalone import HOME, StandaloneCluster

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.namespaces import NamespaceHost

CLEAN_WITHIN_S = 20.0
_JOB = Path(__file__).parent / "job.py"
_SETTINGS = {"taskmanager.numberOfTaskSlots": "1"}


@dataclass(frozen=True)
class Hosts:
    """The cluster, and where its parts run.

    Args:
        network: that connects the hosts.
        cluster: on its hosts.
        shared: the folder that all hosts see.
    """

    network: Network
    cluster: StandaloneCluster
    shared: Path

    @property
    def workers(self) -> list[NamespaceHost]:
        """Where the TaskManagers run, one each."""
        return self.network.hosts[1:]

    @contextmanager
    def submitted(
        self, name: str, folder: Path, rows: int, **options: str
    ) -> Iterator[subprocess.Popen[str]]:
        """``flink run`` where the JobManager runs; it ends with the job, and is ended with the block.

        Args:
            name: of the job, see `netns.job`.
            folder: that all hosts see.
            rows: how many.
            options: of Flink, with ``__`` for a dot and ``_`` for a dash.
        """
        settings = [f"-D{key.replace('__', '.').replace('_', '-')}={value}" for key, value in options.items()]
        command = [str(HOME / "bin" / "flink"), "run", *settings, "-pyclientexec", sys.executable]
        with subprocess.Popen(
            [*self.network.hosts[0].host.enter, *command, "-py", str(_JOB), name, str(folder), str(rows)],
            env=self.cluster.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as client:
            try:
                yield client
            finally:
                if client.poll() is None:
                    for process in psutil.Process(client.pid).children(recursive=True):
                        process.kill()
                    print(client.communicate()[0])

    def python(self) -> dict[psutil.Process, NamespaceHost]:
        """The processes of jobs, and their hosts: application master, agents and user code."""
        every = [(process, host) for host in self.workers for process in host.processes()]
        return {process: host for process, host in every if _runs("ml_framework.", process)}

    def of_the_master(self) -> NamespaceHost:
        """Where the application master runs."""
        return next(host for process, host in self.python().items() if _runs("ml_framework.master", process))


def _runs(module: str, process: psutil.Process) -> bool:
    """Whether `process` runs a module whose name begins so."""
    try:
        return f"-m {module}" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Hosts with a running cluster."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    shared = tmp_path_factory.mktemp("shared")
    with Network(shared, 4) as network:
        master, *workers = (host.host for host in network.hosts)
        folder = shared / "cluster"
        with StandaloneCluster(folder, master=master, workers=workers, settings=_SETTINGS) as cluster:
            yield Hosts(network, cluster, shared)


@pytest.fixture
def folder(hosts: Hosts, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder that all hosts see; after the test no process of a job is left on any of them."""
    shared = hosts.shared / re.sub(r"\W", "-", request.node.name)
    shared.mkdir()
    yield shared
    for host in hosts.workers:
        hosts.network.restore(host)
    eventually(lambda: not hosts.python(), timeout_s=CLEAN_WITHIN_S)


def rows_in(folder: Path) -> list[list[str]]:
    """The rows that the job has committed."""
    parts = [path for path in (folder / "rows").glob("*") if not path.name.startswith((".", "_"))]
    return [row for path in parts for row in csv.reader(path.read_text().splitlines())]
