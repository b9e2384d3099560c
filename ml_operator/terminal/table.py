"""The state of the cluster as a table, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ml_framework.rpc.wire import NodeState
from ml_operator import words

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ml_framework.rpc.wire import ClusterStatus, NodeStatus
    from ml_operator.terminal.flink import Checkpoints
    from ml_operator.terminal.pace import Pace

NODES_SHOWN = 16
"""Of each role; more would not fit a terminal."""
_FAILURES_SHOWN = 3

_COLOURS = {
    NodeState.RUNNING: "green",
    NodeState.SUCCEEDED: "green",
    NodeState.FAILED: "red",
    NodeState.LOST: "red",
}


def render(
    status: ClusterStatus, elapsed_s: float, pace: Pace, checkpoints: Checkpoints | None
) -> RenderableType:
    """Everything that is known: a row for each node, what it has logged, progress, failures."""
    shown = _shown(status)
    parts: list[RenderableType] = [_headline(status, elapsed_s, checkpoints), _nodes(status, shown)]
    parts += [Text(f"{node.node}  {words.logged(node.numbers)}") for node in shown if node.numbers]
    if pace.share is not None:
        parts.append(_progress(pace, pace.share))
    parts += [Text(line, style="red") for line in words.failures(status)[-_FAILURES_SHOWN:]]
    if status.page:
        parts.append(Text(f"page {status.page}", style="dim"))
    return Group(*parts)


def _headline(status: ClusterStatus, elapsed_s: float, checkpoints: Checkpoints | None) -> Text:
    line = Text.assemble((status.job, "bold"), "  ", status.state, "  ", words.duration(elapsed_s))
    for told in (words.restarts(status), words.checkpoints(checkpoints)):
        line.append(f"  {told}" if told else "")
    return line


def _shown(status: ClusterStatus) -> list[NodeStatus]:
    return [node for node in status.nodes if node.node.index < NODES_SHOWN]


def _nodes(status: ClusterStatus, shown: list[NodeStatus]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("node", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for name in ("attempt", "rows in", "rows/s", "queue", "waits", "computes", "blocked"):
        table.add_column(name, justify="right", no_wrap=True)
    for node in shown:
        table.add_row(*_row(node))
    if len(shown) < len(status.nodes):
        table.add_row(f"{len(status.nodes) - len(shown)} more")
    return table


def _row(node: NodeStatus) -> tuple[RenderableType, ...]:
    return (
        Text(str(node.node)),
        Text(node.state.value, style=_COLOURS.get(node.state, "yellow")),
        str(node.token.attempt),
        words.whole(node.measured.get("rows_in")),
        words.whole(node.measured.get("rows_in_per_second")),
        words.percent(node.measured.get("queue_in_fill")),
        *(words.spent(node, phase) for phase in ("wait", "compute", "blocked")),
    )


def _progress(pace: Pace, share: float) -> Table:
    remaining_s = pace.remaining_s
    line = Table.grid(padding=(0, 2, 0, 0))
    eta = f"{words.duration(remaining_s)} to go" if remaining_s else ""
    line.add_row(
        ProgressBar(total=1.0, completed=share, width=30),
        f"{words.percent(share)}  {pace.rows:,} of {pace.total:,} rows  {pace.per_second:,.0f}/s  {eta}",
    )
    return line
