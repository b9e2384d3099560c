"""Jobs over several hosts, which are network namespaces, and what a host that is cut off does to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from netns.conftest import rows_in

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from netns.conftest import Hosts

pytestmark = [pytest.mark.netns, pytest.mark.timeout(480)]

STARTED_WITHIN_S = 180.0
NOTICED_WITHIN_S = 60.0
DONE_WITHIN_S = 180.0
FAILED_WITHIN_S = 60.0


def test_ranks_on_three_hosts_add_up(hosts: Hosts, folder: Path) -> None:
    """Each rank is on a host of its own, whose name leads to its loopback; all have the sum of all rows."""
    count = 3_000
    (folder / "go on").touch()
    with hosts.submitted("add_up", folder, count) as job:
        succeeds(job)
    assert_added_up(hosts, folder, count)


def test_parameter_servers_count_for_workers_on_other_hosts(hosts: Hosts, folder: Path) -> None:
    """A worker on each host, of which the first coordinates; servers on two: each row is counted once."""
    count = 3_000
    with hosts.submitted("count_on_servers", folder, count) as job:
        succeeds(job)
    assert sorted(int(x) for (x,) in rows_in(folder)) == list(range(1, count + 1))
    told = json.loads((folder / "told").read_text())
    assert (told["rows"], told["total"]) == (count, count * (count + 1) // 2)
    found = {role: {of(address) for address in addresses} for role, addresses in told["addresses"].items()}
    assert found["worker"] == {host.address for host in hosts.workers}
    assert len(found["ps"]) == 2


@pytest.mark.parametrize("with_master", [True, False], ids=["with the AM", "without it"])
def test_a_host_that_comes_back_costs_no_row(hosts: Hosts, folder: Path, *, with_master: bool) -> None:
    """In the middle of the training its cable is out until nobody trains any more: Flink restores the job."""
    count = 60_000
    options = {
        **checkpoints(folder),
        "restart-strategy__type": "fixed-delay",
        "restart-strategy__fixed-delay__attempts": "20",
        "restart-strategy__fixed-delay__delay": "1 s",
    }
    with hosts.submitted("add_up", folder, count, **options) as job:
        wait_for_a_checkpoint(job, folder)
        before = set(hosts.python())
        cut_off = next(host for host in hosts.workers if (host == hosts.of_the_master()) is with_master)
        hosts.network.cut(cut_off)
        eventually(lambda: not before & set(hosts.python()), timeout_s=NOTICED_WITHIN_S)
        (folder / "go on").touch()
        hosts.network.restore(cut_off)
        succeeds(job)
    assert_added_up(hosts, folder, count)


def test_a_host_that_stays_away_ends_a_job_without_restarts(hosts: Hosts, folder: Path) -> None:
    """The cause names it, in bounded time, and its processes end as well, though nobody can tell them."""
    options = {**checkpoints(folder), "restart-strategy__type": "none"}
    with hosts.submitted("add_up", folder, 60_000, **options) as job:
        wait_for_a_checkpoint(job, folder)
        cut_off = next(host for host in hosts.workers if host != hosts.of_the_master())
        hosts.network.cut(cut_off)
        output, _ = job.communicate(timeout=FAILED_WITHIN_S)
    assert job.returncode != 0
    (cause,) = [line for line in output.splitlines() if line.startswith("ml_framework.errors.JobFailed: ")]
    assert cut_off.address in cause
    eventually(lambda: not hosts.python(), timeout_s=NOTICED_WITHIN_S)


def succeeds(job: subprocess.Popen[str]) -> None:
    """Wait for the end of `job`, which is a good one."""
    output, _ = job.communicate(timeout=DONE_WITHIN_S)
    assert job.returncode == 0, output


def checkpoints(folder: Path) -> dict[str, str]:
    """Flink's options for checkpoints in `folder`."""
    return {
        "execution__checkpointing__interval": "500 ms",
        "execution__checkpointing__dir": f"file://{folder}/checkpoints",
    }


def wait_for_a_checkpoint(job: subprocess.Popen[str], folder: Path) -> None:
    """Wait until `job` has completed one with rows before it."""
    eventually(lambda: rows_in(folder) or job.poll() is not None, timeout_s=STARTED_WITHIN_S)
    assert job.poll() is None, job.communicate()[0]


def assert_added_up(hosts: Hosts, folder: Path, count: int) -> None:
    """The numbers to `count` came back once each, and each host has their sum."""
    rows = [(int(x), host, int(total)) for x, host, total in rows_in(folder)]
    assert sorted(x for x, *_ in rows if x > 0) == list(range(1, count + 1))
    ends = sorted((host, total) for x, host, total in rows if x < 0)
    assert ends == [(host.address, count * (count + 1) // 2) for host in hosts.workers]


def of(address: str) -> str:
    """The host of ``host:port``."""
    return address.rpartition(":")[0]
