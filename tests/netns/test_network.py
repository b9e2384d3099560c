"""The hosts that the other tests run on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.namespaces import Network, missing

from ml_framework.testing.waiting import eventually, gone

pytestmark = pytest.mark.netns

MAKER = """
import subprocess, sys
from pathlib import Path
from support.namespaces import Network

with Network(Path(sys.argv[1]), 2) as network:
    subprocess.Popen([*network.hosts[1].host.enter, "sleep", "1000"])
    while not (found := network.hosts[1].processes()):
        pass
    print(*(process.pid for process in found), *(host.init.pid for host in network.hosts), flush=True)
    sys.stdin.read()
"""
CONNECTS = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)"
LISTENS = "import socket; s = socket.create_server(('', 5000)); print(flush=True); s.accept(), s.accept()"


@pytest.fixture(autouse=True)
def _possible() -> None:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)


def test_a_cable_is_pulled_out_and_put_in_again(tmp_path: Path) -> None:
    """Hosts reach each other, and nobody else, for as long as their cables are in."""
    with Network(tmp_path, 2) as network:
        first, second = network.hosts
        command = [*second.host.enter, sys.executable, "-c", LISTENS]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            server.stdout.readline()

            def connects(address: str) -> bool:
                trial = [*first.host.enter, sys.executable, "-c", CONNECTS, address, "5000"]
                return subprocess.run(trial, capture_output=True, check=False).returncode == 0

            assert connects(second.address)
            network.cut(second)
            assert not connects(second.address)
            network.restore(second)
            assert not connects("192.168.77.2")  # its other interface leads nowhere
            assert connects(second.address)
            assert server.wait(10) == 0


def test_a_host_has_a_name_and_files_of_its_own(tmp_path: Path) -> None:
    """Its name is on its loopback; the one folder is what the hosts have in common."""
    (tmp_path / "common").write_text("to all\n")
    look = f"getent hosts $(hostname); cat {tmp_path}/common; touch /tmp/own /dev/shm/own; ls /tmp /dev/shm"
    with Network(tmp_path, 2) as network:
        for host in network.hosts:
            done = subprocess.run(
                [*host.host.enter, "sh", "-c", look], capture_output=True, text=True, check=True
            )
            assert done.stdout.split()[:4] == ["127.0.1.1", host.name, "to", "all"]
            assert done.stdout.split().count("own") == 2
    assert not Path("/dev/shm/own").exists()
    assert not Path("/tmp/own").exists()


def test_hosts_end_with_whoever_made_them(tmp_path: Path) -> None:
    """Also when that is killed: no process and no interface is left."""
    interfaces = set(psutil.net_if_addrs())
    command = [sys.executable, "-c", MAKER, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]
    ) as maker:
        assert maker.stdout is not None
        pids = [int(pid) for pid in maker.stdout.readline().split()]
        assert len(pids) == 3
        maker.kill()
    eventually(lambda: all(map(gone, pids)))
    assert set(psutil.net_if_addrs()) == interfaces
