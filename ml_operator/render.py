"""A plan as text, as a drawing of characters, and as a Mermaid flowchart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from ml_framework.errors import PlanError
from ml_framework.names import suggestion
from ml_operator.drawing import draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml_framework.codec import Layout
    from ml_operator.plan import JobPlan, RolePlan


Style: TypeAlias = Literal["text", "drawing", "mermaid"]


def render(plan: JobPlan, style: Style = "text") -> str:
    """`plan` in words, drawn with characters, or as a Mermaid flowchart.

    Raises:
        PlanError: there is no such style.
    """
    styles = {"text": _text, "drawing": draw, "mermaid": _mermaid}
    if style not in styles:
        raise PlanError(f"there is no style {style!r}: {suggestion(style, styles)}")
    return "\n".join(styles[style](plan))


def _text(plan: JobPlan) -> Iterator[str]:
    yield f"job {plan.name}"
    yield "  application master" if plan.master else "  no application master: call add_am_role()"
    for role in plan.roles:
        yield f"  {role.name} × {role.spec.parallelism}, {role.spec.kind}, runs {_runs(role)}"
        if role.resources is not None:
            yield f"    each {role.resources} of its own"
        if role.input:
            spread = f"by {role.partition_by}" if role.partition_by else "spread"
            yield f"    in   {_columns(role.input)} ({spread})"
        if role.output:
            time = f" (rowtime {role.rowtime})" if role.rowtime else ""
            yield f"    out  {_columns(role.output)}{time}"


def _mermaid(plan: JobPlan) -> Iterator[str]:
    yield "flowchart LR"
    if plan.master:
        yield "  am([application master])"
    for role in plan.roles:
        yield f'  {_id(role)}["{role.name} × {role.spec.parallelism}<br/>{role.spec.kind}"]'
        yield f"  am -.-> {_id(role)}"
        if role.input:
            yield f"  {_id(role)}_in[(rows in)] --> {_id(role)}"
        if role.output:
            yield f"  {_id(role)} --> {_id(role)}_out[(rows out)]"


def _id(role: RolePlan) -> str:
    return role.name.replace("-", "_")


def _runs(role: RolePlan) -> str:
    runner = role.program.runner
    return str(getattr(runner, "entrypoint", None) or type(runner).__name__)


def _columns(layout: Layout) -> str:
    return ", ".join(f"{column.name} {column.type}" for column in layout.schema.columns)
