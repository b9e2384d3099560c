"""Draws the state machine from its table: ``python -m ml_framework.master.diagram``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ml_framework.master.machine import TRANSITIONS
from ml_framework.master.state import TERMINAL, State

if TYPE_CHECKING:
    from ml_framework.master.cell import Table

_HEAD = """\
# The application master's state machine

Generated from the table in `ml_framework/master/machine.py` by `python -m ml_framework.master.diagram`; a
test fails when it is stale.
"""


def render(table: Table = TRANSITIONS) -> str:
    """The page: a Mermaid diagram of the transitions, then every cell of `table`."""
    return "\n".join((_HEAD, "```mermaid", *_edges(table), "```", "", *_cells(table), ""))


def _edges(table: Table) -> list[str]:
    lines = ["stateDiagram-v2", f"    [*] --> {State.INIT}"]
    for source, row in table.items():
        labels: dict[State, list[str]] = {}
        for event, cell in row.items():
            for target in cell.targets:
                labels.setdefault(target, []).append(event.__name__)
        lines += [f"    {source} --> {target}: {', '.join(events)}" for target, events in labels.items()]
    return lines + [f"    {state} --> [*]" for state in table if state in TERMINAL]


def _cells(table: Table) -> list[str]:
    lines = ["| state | event | may lead to |", "|---|---|---|"]
    for state, row in table.items():
        for event, cell in row.items():
            lines.append(f"| {state} | {event.__name__} | {', '.join(cell.targets) or 'stays'} |")
    return lines


if __name__ == "__main__":
    sys.stdout.write(render())
