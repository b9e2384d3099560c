"""Jobs over several hosts, which are network namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from netns.conftest import rows_in

if TYPE_CHECKING:
    from pathlib import Path

    from netns.conftest import Hosts

pytestmark = [pytest.mark.netns, pytest.mark.timeout(240)]


def test_ranks_on_three_hosts_add_up(hosts: Hosts, folder: Path) -> None:
    count = 3_000
    (folder / "go on").touch()
    job = hosts.submit("add_up", folder, count)
    output, _ = job.communicate(timeout=150)
    assert job.returncode == 0, output
    rows = rows_in(folder)
    assert [x for x, *_ in rows if x > 0] == list(range(1, count + 1))
    addresses = [host.address for host in hosts.workers]
    ends = sorted((host, total) for x, host, total in rows if x < 0)
    assert ends == [(address, count * (count + 1) // 2) for address in addresses]
