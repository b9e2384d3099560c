"""What is shown of a running job: on a terminal, in a log, and at the end."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from ml_framework.rpc.wire import AttemptEnd, ClusterStatus, NodeState, NodeStatus
from ml_framework.spec import NodeId, Token
from ml_operator.terminal import Terminal
from ml_operator.terminal.flink import Checkpoints
from ml_operator.terminal.table import NODES_SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED = AttemptEnd(Token(0, 0), NodeState.FAILED, "ValueError: bad value", 17.0)


def node(index: int, rows_in: float = 0.0, **fields: Any) -> NodeStatus:
    """A worker that runs."""
    measured = {
        "rows_in": rows_in,
        "rows_in_per_second": 12_345.6,
        "queue_in_fill": 0.42,
        "wait_ms_per_second": 100.0,
        "compute_ms_per_second": 880.0,
    }
    status = NodeStatus(NodeId("worker", index), Token(0, 0), NodeState.RUNNING, measured=measured)
    return replace(
        status, **{"numbers": {"loss": 0.31415926, "epoch": 3.0}, "log_dir": "/logs/job/attempt_0", **fields}
    )


def cluster(*nodes: NodeStatus, **fields: Any) -> ClusterStatus:
    return ClusterStatus("flights", "RUNNING", nodes=nodes, **fields)


class Shown:
    """A terminal over a clock that the test moves."""

    def __init__(self, *, live: bool, rows: int | None = None, flink: Any = None) -> None:
        self._file = io.StringIO()
        self.now_s = 100.0
        console = Console(file=self._file, width=80, height=40, force_terminal=live, color_system=None)
        self.terminal = Terminal(rows, flink, console, clock=lambda: self.now_s)

    def show(self, *statuses: ClusterStatus, every_s: float = 1.0) -> str:
        """What stands there after these, a second after the other."""
        for status in statuses:
            self.now_s += every_s
            self.terminal.show(status)
        return self._file.getvalue()

    @property
    def text(self) -> str:
        return self._file.getvalue()


@pytest.fixture
def plain() -> Callable[..., Shown]:
    return lambda **options: Shown(live=False, **options)


def test_the_table_has_a_row_for_each_node() -> None:
    """With what its agent has measured, and what user code has logged."""
    shown = Shown(live=True)
    with shown.terminal:
        text = shown.show(cluster(node(0, 120_000), replace(node(1), measured={}, numbers={}), restarts=2))
    first, logged = [line for line in text.splitlines() if line.startswith("worker[0]")]
    assert " ".join(first.split()) == "worker[0] running 0 120,000 12,346 42 % 10 % 88 % –"
    assert logged == "worker[0]  epoch 3  loss 0.3142"
    (second,) = [line for line in text.splitlines() if line.startswith("worker[1]")]
    assert second.split() == ["worker[1]", "running", "0", *"––––––"]
    assert "flights  RUNNING  0:00:01  restarts 2" in text


def test_the_table_tells_why_attempts_have_failed() -> None:
    """And where to look further."""
    shown = Shown(live=True)
    with shown.terminal:
        text = shown.show(cluster(node(0, ends=(FAILED,)), page="http://127.0.0.1:4242/"))
    assert "worker[0] attempt 0 failed: ValueError: bad value" in text
    assert "page http://127.0.0.1:4242/" in text


def test_of_many_nodes_some_are_shown() -> None:
    """And it is said how many more there are."""
    shown = Shown(live=True)
    with shown.terminal:
        text = shown.show(cluster(*(node(index) for index in range(NODES_SHOWN + 5))))
    assert f"worker[{NODES_SHOWN - 1}]" in text
    assert f"worker[{NODES_SHOWN}]" not in text
    assert "\n5 more" in text


def test_the_time_to_go_follows_from_the_pace() -> None:
    """Of the last seconds, over all nodes."""
    shown = Shown(live=True, rows=10_000)
    with shown.terminal:
        statuses = [cluster(node(0, 100.0 * second), node(1, 100.0 * second)) for second in range(1, 21)]
        text = shown.show(*statuses)
    assert "40 %  4,000 of 10,000 rows  200/s  0:00:30 to go" in text


def test_a_restart_begins_the_pace_anew() -> None:
    """Rows that were read before it say nothing about the time to go."""
    shown = Shown(live=True, rows=10_000)
    with shown.terminal:
        text = shown.show(*(cluster(node(0, rows)) for rows in (5_000, 6_000, 100, 200)))
    assert "2 %  200 of 10,000 rows  100/s  0:01:38 to go" in text


def test_a_log_gets_a_line_now_and_then(plain) -> None:
    """Every ten seconds, and when the state changes; without colours or cursor movements."""
    shown = plain()
    with shown.terminal:
        running = [cluster(node(0, 1000.0 * second)) for second in range(1, 26)]
        shown.show(replace(running[0], state="INIT"), *running[1:])
    assert shown.text.splitlines() == [
        "0:00:01  flights INIT  worker 1 running  1,000 rows, 0/s  worker[0]: epoch 3  loss 0.3142",
        "0:00:02  flights RUNNING  worker 1 running  2,000 rows, 1,000/s  worker[0]: epoch 3  loss 0.3142",
        "0:00:12  flights RUNNING  worker 1 running  12,000 rows, 1,000/s  worker[0]: epoch 3  loss 0.3142",
        "0:00:22  flights RUNNING  worker 1 running  22,000 rows, 1,000/s  worker[0]: epoch 3  loss 0.3142",
        "flights finished after 0:00:25; 25,000 rows read; logs in /logs/job",
    ]


def test_a_log_gets_every_failure_once(plain) -> None:
    """As soon as it is known."""
    shown = plain()
    with shown.terminal:
        failed = cluster(node(0, ends=(FAILED,)), restarts=1)
        shown.show(cluster(node(0)), failed, failed, failed)
    assert shown.text.count("bad value") == 1
    assert "0:00:02  worker[0] attempt 0 failed: ValueError: bad value" in shown.text.splitlines()
    assert shown.text.splitlines()[-1] == "flights finished after 0:00:04; 1 restart; logs in /logs/job"


def test_the_end_of_a_job_that_failed_is_not_called_finished(plain) -> None:
    """Its cause is the exception's to tell."""
    shown = plain()
    with pytest.raises(RuntimeError), shown.terminal:  # noqa: PT012 - the status comes before the failure
        shown.show(cluster(node(0, log_dir="")))
        raise RuntimeError
    assert shown.text.splitlines()[-1] == "flights ended after 0:00:01"


def test_what_user_code_names_is_no_markup() -> None:
    """A bracket in a metric, a cause or a printed line is a bracket."""
    shown = Shown(live=True)
    bad = replace(FAILED, cause="KeyError: '[/bold]'")
    with shown.terminal:
        shown.terminal.tell(["worker[0] | [red]hot[/red]"])
        text = shown.show(cluster(node(0, ends=(bad,), numbers={"[bold]": 1.0})))
    assert "worker[0] | [red]hot[/red]" in text
    assert "KeyError: '[/bold]'" in text
    assert "[bold] 1" in text


def test_a_restart_of_the_job_is_told_once(plain) -> None:
    """Else a job that fails again and again would look like one that runs."""
    shown = plain()
    with shown.terminal:
        again = [cluster(node(0, token=Token(1, process))) for process in (0, 1)]
        shown.show(cluster(node(0)), cluster(node(0)), *again)
    assert shown.text.count("flights has failed, and Flink has started it again; Ctrl-C ends it\n") == 1


@dataclass
class Told:
    """What Flink tells."""

    seen: Checkpoints | None = None
    failure: str | None = None

    def checkpoints(self) -> Checkpoints | None:
        return self.seen

    def last_failure(self) -> str | None:
        return self.failure


def test_why_the_job_was_started_again_is_told(plain) -> None:
    """Where Flink knows."""
    shown = plain(flink=Told(failure="worker[0] attempt 0: ValueError: [no]"))
    with shown.terminal:
        shown.show(cluster(node(0)), cluster(node(0, token=Token(1, 0))))
    assert (
        "flights has failed, and Flink has started it again; Ctrl-C ends it. The cause: worker[0] attempt 0: "
        "ValueError: [no]" in shown.text.splitlines()
    )


def test_checkpoints_are_told_of_once_there_are_some(plain) -> None:
    """In the table and in plain lines."""
    flink = Told(Checkpoints(completed=0, failed=0, last_s=None))
    table, lines = Shown(live=True, flink=flink), plain(flink=flink)
    with table.terminal, lines.terminal:
        for shown in (table, lines):
            shown.show(cluster(node(0)))
            assert "checkpoints" not in shown.text
        flink.seen = Checkpoints(completed=12, failed=1, last_s=0.3125)
        table.show(cluster(node(0), restarts=1))
        lines.show(cluster(node(0), restarts=1), every_s=10.0)
    told = "restarts 1  checkpoints 12, 1 failed, last 0.3125 s"
    assert f"flights  RUNNING  0:00:02  {told}" in table.text
    assert f"0:00:11  flights RUNNING  worker 1 running  {told}  worker[0]: " in lines.text
