"""A plan drawn with characters, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ml_framework.codec import Layout
    from ml_operator.plan import JobPlan, RolePlan

_SHOWN_NODES = 4
_SHOWN_COLUMNS = 3
_ARROW = " ──▶ "


def draw(plan: JobPlan) -> Iterator[str]:
    """The application master, and below it every role: a box of its nodes, its rows in and out."""
    yield "application master" if plan.master else "no application master"
    sources = [_in(role) for role in plan.roles]
    width = max(map(len, sources), default=0)
    for role, source in zip(plan.roles, sources, strict=True):
        last = role is plan.roles[-1]
        yield " ┊"
        yield f" {'└' if last else '├'}╌ {role.name} × {role.spec.parallelism}, {role.spec.kind}"
        edge = "   " if last else " ┊ "
        yield from (f"{edge}  {line}".rstrip() for line in _box(role, source, width))


def _box(role: RolePlan, source: str, width: int) -> Iterator[str]:
    """The nodes one below the other; rows go in and out at the middle."""
    nodes = _nodes(role)
    inner = max(map(len, nodes))
    blank = " " * (width + len(_ARROW)) if width else ""
    yield f"{blank}┌{'─' * (inner + 2)}┐"
    for number, node in enumerate(nodes):
        middle = number == (len(nodes) - 1) // 2
        before = f"{source:>{width}}{_ARROW}" if middle and source else blank
        after = f"{_ARROW}{_columns(role.output)}" if middle and role.output else ""
        yield f"{before}│ {node:{inner}} │{after}"
    yield f"{blank}└{'─' * (inner + 2)}┘"


def _nodes(role: RolePlan) -> Sequence[str]:
    names = [node.path for node in role.spec.nodes]
    return names if len(names) <= _SHOWN_NODES else [*names[: _SHOWN_NODES - 2], "…", names[-1]]


def _in(role: RolePlan) -> str:
    if role.input is None:
        return ""
    spread = f"by {role.partition_by}" if role.partition_by else "spread"
    return f"{_columns(role.input)} ({spread})"


def _columns(layout: Layout) -> str:
    """Their names, of many just the first."""
    names = layout.schema.names
    more = len(names) - _SHOWN_COLUMNS
    return ", ".join(names[:_SHOWN_COLUMNS]) + (f" and {more} more" if more > 0 else "")
