"""One cluster for all tests: a JobManager and three TaskManagers, each on a host of its own."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.namespaces import Network, missing
from support.standalone import HOME, StandaloneCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.namespaces import NamespaceHost

_JOB = Path(__file__).parent / "job.py"
_SETTINGS = {
    "taskmanager.numberOfTaskSlots": "1",
    "heartbeat.interval": "1000",
    "heartbeat.timeout": "5000",
}


@dataclass(frozen=True)
class Hosts:
    """The cluster, and where its parts run.

    Args:
        network: that connects the hosts.
        cluster: on its hosts.
    """

    network: Network
    cluster: StandaloneCluster

    @property
    def workers(self) -> list[NamespaceHost]:
        """Where the TaskManagers run, one each."""
        return self.network.hosts[1:]

    def submit(self, name: str, folder: Path, rows: int, **options: str) -> subprocess.Popen[str]:
        """Start ``flink run`` where the JobManager runs; it ends with the job.

        Args:
            name: of the job.
            folder: that all hosts see.
            rows: how many.
            options: of Flink, with ``_`` for a dot and ``__`` for a dash.
        """
        settings = [f"-D{key.replace('__', '-').replace('_', '.')}={value}" for key, value in options.items()]
        command = [str(HOME / "bin" / "flink"), "run", *settings, "-pyclientexec", sys.executable]
        return subprocess.Popen(
            [*self.network.hosts[0].host.enter, *command, "-py", str(_JOB), name, str(folder), str(rows)],
            env=self.cluster.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def python(self, host: NamespaceHost) -> list[int]:
        """The processes of jobs on `host`: application master, agents and user code."""
        return [process.pid for process in host.processes() if "ml_framework." in " ".join(process.cmdline())]


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Hosts with a running cluster."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    shared = tmp_path_factory.mktemp("shared")
    with Network(shared, 4) as network:
        master, *workers = (host.host for host in network.hosts)
        with StandaloneCluster(
            shared / "cluster", master=master, workers=workers, settings=_SETTINGS
        ) as cluster:
            yield Hosts(network, cluster)


@pytest.fixture
def folder(hosts: Hosts, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder that all hosts see; afterwards no process of a job is left on any of them."""
    shared = tmp_path_factory.getbasetemp() / "shared0" / request.node.name
    shared.mkdir()
    return shared


def rows_in(folder: Path) -> list[tuple[int, str, int]]:
    """The rows that the job has committed."""
    rows = []
    for path in (folder / "rows").iterdir():
        if not path.name.startswith((".", "_")):
            with path.open(newline="") as lines:
                rows += [(int(x), host, int(total)) for x, host, total in csv.reader(lines)]
    return sorted(rows)
