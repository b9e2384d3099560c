"""The job's token is known to those who need it, and is to be seen nowhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.secrets import told_by_files, told_by_processes

from ml_framework.config import RestartPolicy, Timeouts
from ml_framework.errors import ProtocolError
from ml_framework.master import MasterConfig, MasterServer
from ml_framework.node.parent import MasterAt
from ml_framework.rpc.channel import MasterClient, fetch_status
from ml_framework.spec import JobSpec, RoleSpec
from ml_framework.testing.local_cluster import LocalCluster, python_role
from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from ml_framework.context import NodeContext

PROGRAMS = "ml_framework.testing.programs"
TIMEOUTS = Timeouts(stop_grace=timedelta(seconds=1), settle=timedelta(milliseconds=200))


def test_no_process_file_or_message_tells_the_token(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """While a job runs, of which one node prints all its variables, and when another one has failed it."""

    def fail_later(ctx: NodeContext) -> None:
        eventually(Path(ctx.params["file"]).exists, timeout_s=30)
        raise ValueError("bad value")

    roles = [
        python_role("ps", f"{PROGRAMS}:serve", kind="serves"),
        python_role("side", f"{PROGRAMS}:dumps_environment", kind="side"),
        python_role("worker", fail_later, {"file": str(tmp_path / "go")}),
    ]
    policy = RestartPolicy(budget=0)
    with LocalCluster(roles, timeouts=TIMEOUTS, restart=policy, log_dir=tmp_path / "logs") as cluster:
        nodes = cluster.nodes.values()
        eventually(lambda: all(node.pid for node in cluster.status().nodes))
        eventually(lambda: '"environment"' in cluster.log("side"))
        with pytest.raises(ProtocolError) as refusal:
            fetch_status(cluster.address, f"{cluster.token}-and-more", 5.0)
        eventually(lambda: not cluster.nodes["side", 0].directory.exists())  # lest it goes while it is read
        pids = [cluster.master.pid, *(node.pid for node in nodes)]
        assert told_by_processes(cluster.token, pids) == []
        assert told_by_files(cluster.token, [tmp_path, *(node.directory for node in nodes)]) == []
        status = cluster.status()
        (tmp_path / "go").touch()
        result = cluster.wait()
    told = [status, result, refusal.value, capfd.readouterr(), *(node.events for node in nodes)]
    assert "ValueError: bad value" in str(result)
    assert [text for text in map(repr, told) if cluster.token in text] == []
    assert told_by_files(cluster.token, [tmp_path]) == []


def test_nothing_that_holds_the_token_shows_it() -> None:
    """Neither configuration nor message, client or server."""
    secret = "the-secret"
    job = JobSpec("job", (RoleSpec("worker"),))
    config = MasterConfig(job, secret)

    async def run() -> list[object]:
        client = MasterClient("127.0.0.1:1", secret)
        holders = [config, MasterAt("127.0.0.1:1", secret), client, MasterServer(config, print)]
        await client.close()
        return holders

    assert [repr(holder) for holder in asyncio.run(run()) if secret in repr(holder)] == []
