"""What whoever waits for a job sees, up to its end."""

from __future__ import annotations

import os
import re
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from support.flink import Flink, make_flink, processes, program

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


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> list[grpc.Channel]:
    """Those that the client opens."""
    opened: list[grpc.Channel] = []
    there = grpc.insecure_channel

    def noted(*arguments: Any, **options: Any) -> grpc.Channel:
        opened.append(there(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(grpc, "insecure_channel", noted)
    return opened


def is_closed(channel: grpc.Channel) -> bool:
    try:
        channel.unary_unary("/nobody/asks")(b"", timeout=0.1)
    except ValueError:  # of a closed channel
        return True
    except grpc.RpcError:
        return False
    raise AssertionError("there was an answer")


def talkative(flink: Flink) -> Flink:
    """With a worker that prints a line for each of its 30 steps, which take a twentieth of a second."""
    flink.job.add_role("worker", runner=program("says_what_it_does"), input=flink.sequence(3_000))
    return flink


def test_state_and_logs_come_by_one_connection(
    channels: list[grpc.Channel], capsys: pytest.CaptureFixture[str]
) -> None:
    """However often they are asked for; it is closed in the end."""
    flink = talkative(make_flink())
    seen: list[ClusterStatus] = []
    flink.job.wait(flink.submit(), seen.append, every=timedelta(milliseconds=50))
    assert len(seen) > 10
    said = capsys.readouterr().err
    assert [line for line in said.splitlines() if line.startswith("worker[0] | ")] == [
        f"worker[0] | worker[0] attempt 0: step {step}, 100 rows" for step in range(30)
    ]
    assert [is_closed(channel) for channel in channels] == [True]


def test_an_application_master_that_was_started_again_is_found(
    channels: list[grpc.Channel], capsys: pytest.CaptureFixture[str]
) -> None:
    """It listens elsewhere; the connection to the one before it is closed."""
    restart = {"restart_strategy__type": "fixed-delay", "restart_strategy__fixed_delay__delay": "10 ms"}
    flink = talkative(make_flink(**restart))
    executions: list[int] = []

    def look(status: ClusterStatus) -> None:
        (node,) = status.nodes
        if node.state is NodeState.RUNNING and not executions:
            (master,) = processes("ml_framework.master")
            os.kill(master.pid, signal.SIGKILL)
        if node.state is NodeState.RUNNING:
            executions.append(node.token.execution)

    flink.job.wait(flink.submit(), look, every=timedelta(milliseconds=50))
    assert set(executions) == {0, 1}
    (again,) = [line for line in capsys.readouterr().err.splitlines() if "started it again" in line]
    told, cause = again.split(". The cause: ")
    assert told == "test has failed, and Flink has started it again; Ctrl-C ends it"
    assert re.fullmatch(r"the application master died \(.*9\)", cause)
    assert len(channels) > 1
    assert all(map(is_closed, channels))


def test_checkpoints_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By Flink, which is asked now and then."""
    options = {
        "execution__checkpointing__interval": "100 ms",
        "execution__checkpointing__dir": f"file://{tmp_path}",
        "web__refresh_interval": "100 ms",
    }
    flink = make_flink(**options)
    flink.tables.execute_sql("""
        CREATE TEMPORARY TABLE numbers (x BIGINT)
        WITH ('connector' = 'datagen', 'rows-per-second' = '200', 'number-of-rows' = '2000')""")
    runner = program("read_and_say_goodbye", folder=str(tmp_path))
    flink.job.add_role("worker", runner=runner, input=flink.tables.from_path("numbers"))
    flink.job.wait(flink.submit(), every=timedelta(milliseconds=50))
    lines = capsys.readouterr().err.splitlines()
    (end,) = [line for line in lines if "test FINISHED" in line]
    told = re.search(r"  checkpoints (\d+),(?: \d+ failed,)? last (\S+) s$", end)
    assert told is not None, end
    assert int(told[1]) > 0
    assert 0 < float(told[2]) < 10


def test_a_quiet_wait_says_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs that show something of their own."""
    flink = make_flink()
    flink.job.add_role(
        "worker", runner=program("read_and_say_goodbye", folder=str(tmp_path)), input=flink.sequence(10)
    )
    flink.job.wait(flink.submit(), quiet=True)
    assert "goodbye" not in capsys.readouterr().err
