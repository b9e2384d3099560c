"""What whoever waits for a job sees, up to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.flink import make_flink, program

from ml_framework.rpc.wire import NodeState

if TYPE_CHECKING:
    from pathlib import Path

    from ml_framework.rpc.wire import ClusterStatus

pytestmark = pytest.mark.flink


def test_the_last_status_is_that_of_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every row is in it, however soon the job ended; what was printed last is shown, too."""
    flink = make_flink()
    flink.job.add_role(
        "worker",
        runner=program("read_and_say_goodbye", folder=str(tmp_path)),
        parallelism=2,
        input=flink.sequence(50_001),
    )
    seen: list[ClusterStatus] = []
    flink.job.wait(flink.submit(), seen.append, rows=50_001)
    last = seen[-1]
    assert last.state == "FINISHED"
    assert [node.state for node in last.nodes] == [NodeState.SUCCEEDED, NodeState.SUCCEEDED]
    assert sum(node.measured["rows_in"] for node in last.nodes) == 50_001
    *_, summary = said = capsys.readouterr().err.splitlines()
    assert {"worker[0] | goodbye", "worker[1] | goodbye"} <= set(said)
    assert summary.startswith("test finished after 0:00:")
    assert "; 50,001 rows read; logs in " in summary


def test_a_quiet_wait_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs that show something of their own."""
    flink = make_flink()
    flink.job.add_role(
        "worker", runner=program("read_and_say_goodbye", folder=str(tmp_path)), input=flink.sequence(10)
    )
    flink.job.wait(flink.submit(), quiet=True)
    assert "goodbye" not in capsys.readouterr().err
