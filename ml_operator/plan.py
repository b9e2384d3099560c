"""The plan of a job's ML cluster: frozen, made before anything runs, changed by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from ml_framework.config import PageAccess
from ml_framework.errors import PlanError
from ml_framework.spec import JobSpec, RoleSpec
from ml_operator.capacity import DEFAULT_GROUP, Size, size_of

if TYPE_CHECKING:
    from ml_framework.codec import Layout
    from ml_framework.resources import Resources
    from ml_framework.runner.base import Program

_LAST_PORT = (1 << 16) - 1


@dataclass(frozen=True)
class AMConfig:
    """Configuration of the application master.

    Args:
        port: TCP port that the AM listens on; 0 lets the system choose.
        state_machine: a `ml_framework.master.StateMachine` of your own, picklable; None takes the
            standard one.
        page: who may open the cluster's page: ``"loopback"`` everybody on the AM's own host, nobody else;
            ``"advertised"`` whoever reaches the AM's address and has the page's URL with its token, which the
            job's terminal shows; ``"off"`` there is no page.
        page_port: TCP port of the page; 0 lets the system choose. Where it is taken there is no page.

    Raises:
        PlanError: a value is none of those.
    """

    port: int = 0
    state_machine: object | None = None
    page: PageAccess = "loopback"
    page_port: int = 0

    def __post_init__(self) -> None:
        if self.page not in get_args(PageAccess):
            raise PlanError(f"AMConfig.page is {self.page!r}, it must be one of {get_args(PageAccess)}")
        for name in ("port", "page_port"):
            port = getattr(self, name)
            if not 0 <= port <= _LAST_PORT:
                raise PlanError(f"AMConfig.{name} is {port}, it must be 0 to {_LAST_PORT}")


@dataclass(frozen=True)
class RolePlan:
    """One role: what the AM knows of it, what it runs, and how it hangs in the job graph."""

    spec: RoleSpec
    program: Program
    input: Layout | None = None
    output: Layout | None = None
    partition_by: str | None = None
    rowtime: str | None = None
    resources: Resources | None = None
    """None where its nodes share slots with the rest of the job."""

    @property
    def name(self) -> str:
        """The role's name."""
        return self.spec.name

    @property
    def operator(self) -> str:
        """The operator's name in Flink's UI; a role without data input is named as the source that it is."""
        return self.name if self.input else f"Source: {self.name}"


@dataclass(frozen=True)
class JobPlan:
    """A job's ML cluster as planned so far."""

    name: str
    master: AMConfig | None = None
    roles: tuple[RolePlan, ...] = ()

    def group(self, role: RolePlan) -> str:
        """The slot sharing group of `role`."""
        return DEFAULT_GROUP if role.resources is None else f"{self.name}/{role.name}"

    @property
    def slots(self) -> dict[str, int]:
        """Slots that the cluster's own operators take, by slot sharing group."""
        slots = {DEFAULT_GROUP: 1}
        for role in self.roles:
            behind = {DEFAULT_GROUP} if role.output else set()  # rows come back on as many subtasks
            for group in {self.group(role)} | behind:
                slots[group] = max(slots.get(group, 0), role.spec.parallelism)
        return slots

    @property
    def sizes(self) -> dict[str, Size]:
        """Sizes of these slots, of the groups that have one of their own."""
        sized = {self.group(role): role.resources for role in self.roles if role.resources is not None}
        return {group: size_of(resources) for group, resources in sized.items() if resources.has_numbers}

    @property
    def spec(self) -> JobSpec:
        """What the AM gets to know."""
        return JobSpec(self.name, tuple(role.spec for role in self.roles))
