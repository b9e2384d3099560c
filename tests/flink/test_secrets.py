"""What a job keeps from others on its machines: its token, and the rows in its queues."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pyflink.table import DataTypes
from support.flink import Flink, processes, program, users
from support.secrets import told_by_files, told_by_processes

from ml_operator import client as job_client

if TYPE_CHECKING:
    import psutil

pytestmark = pytest.mark.flink


def queues(process: psutil.Process) -> dict[str, int]:
    """The permissions of the queue files that `process` has open; they have no name any more."""
    folder = Path(f"/proc/{process.pid}/fd")
    links = {fd: os.readlink(folder / fd) for fd in os.listdir(folder)}  # noqa: PTH115, PTH208 - not files
    return {
        Path(link).name: stat.S_IMODE((folder / fd).stat().st_mode)
        for fd, link in links.items()
        if "/mlflink-node-" in link
    }


def test_token_and_rows_are_for_nobody_else(
    flink: Flink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is in no command line, variable, file or status; queues are 0600, their folders 0700."""
    asked: list[tuple[str, str]] = []
    statuses: list[Any] = []
    connect = job_client.MasterConnection

    def noted(address: str, token: str, timeout_s: float, **options: Any) -> Any:
        asked.append((address, token))
        return connect(address, token, timeout_s, **options)

    def look(status: Any) -> None:
        statuses.append(status)
        if len(list(tmp_path.glob("begun-*"))) < 2 or (tmp_path / "go").exists():
            return
        token = asked[-1][1]
        pids = [process.pid for process in processes()]
        folders = {
            Path(process.cmdline()[-1]).parents[1] for process in users()
        }  # .../attempt_0/context.json
        assert len(pids) >= 5  # the AM, two agents, two users' processes
        assert told_by_processes(token, pids) == []
        assert told_by_files(token, folders) == []
        modes = [queues(process) for process in users()]
        assert [sorted(found.values()) for found in modes] == [[0o600, 0o600]] * 2, modes
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
        (tmp_path / "go").touch()

    monkeypatch.setattr(job_client, "MasterConnection", noted)
    worker = program("plus_one_once_seen", folder=str(tmp_path), after=["go"])
    output = [("x", DataTypes.BIGINT()), ("y", DataTypes.BIGINT())]
    scored = flink.job.add_role(
        "worker", runner=worker, parallelism=2, input=flink.sequence(10), output=output
    )
    flink.job.wait(flink.insert(scored), on_status=look, every=timedelta(milliseconds=50))
    assert (tmp_path / "go").exists()
    _, token = asked[-1]
    assert not any(token in repr(status) for status in statuses)
    logs = {Path(node.log_dir) for status in statuses for node in status.nodes if node.log_dir}
    assert {log.name for log in logs} == {"attempt_0"}
    assert told_by_files(token, logs) == []
