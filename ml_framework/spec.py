"""What a cluster is: frozen, validated, JSON-able descriptions. No behaviour, no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ml_framework.errors import PlanError
from ml_framework.host import host_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROLE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_NODE = re.compile(rf"({_ROLE_NAME.pattern})(?:/([0-9]{{1,9}})|\[([0-9]{{1,9}})\])")


class RoleKind(StrEnum):
    """What a role means for the end of the job."""

    DRIVES = "drives"
    """The job is done when every node of every driving role has succeeded."""
    SERVES = "serves"
    """In the failure domain; stopped by the AM when the drivers are done (a parameter server)."""
    SIDE = "side"
    """Outside the failure domain; its death harms nobody (TensorBoard, an evaluator)."""


@dataclass(frozen=True, order=True)
class NodeId:
    """One node: the `index`-th (0-based) of a role."""

    role: str
    index: int

    def __str__(self) -> str:
        return f"{self.role}[{self.index}]"

    @property
    def path(self) -> str:
        """``role/index``: as the page and the command line name it."""
        return f"{self.role}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> NodeId:
        """The node that ``role/index`` or ``role[index]`` names; `ValueError` where the text is neither."""
        found = _NODE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no node: write role/index, such as worker/0")
        role, index, bracketed = found.groups()
        return cls(role, int(index or bracketed))


@dataclass(frozen=True, order=True)
class Token:
    """Fencing token of a node: Flink's execution attempt, then the process attempt within it (0-based).

    A node that presents a smaller token than the AM has seen for it is stale and is refused.
    """

    execution: int = 0
    process: int = 0

    @property
    def attempt(self) -> int:
        """How often this node's process was started before; what users see as ``attempt``."""
        return self.execution + self.process


@dataclass(frozen=True)
class RoleSpec:
    """What the AM knows of a role.

    Args:
        name: lower-case letters, digits, ``-`` and ``_``; at most 32 characters.
        parallelism: number of nodes, at least 1.
        kind: what the role means for the end of the job.
        restartable: its processes may be restarted in place (no Flink output, no checkpointed state).
    """

    name: str
    parallelism: int = 1
    kind: RoleKind = RoleKind.DRIVES
    restartable: bool = False

    def __post_init__(self) -> None:
        if not _ROLE_NAME.fullmatch(self.name):
            raise PlanError(
                f"role name {self.name!r} is not usable: use 1 to 32 lower-case letters, digits, '-' or '_', "
                "beginning with a letter"
            )
        if self.parallelism < 1:
            raise PlanError(f"role {self.name!r}: parallelism is {self.parallelism}, it must be at least 1")
        object.__setattr__(self, "kind", RoleKind(self.kind))

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """Every node of the role, in order of index."""
        return tuple(NodeId(self.name, index) for index in range(self.parallelism))


@dataclass(frozen=True)
class JobSpec:
    """The ML cluster of one job: its roles in the order in which they were added."""

    name: str
    roles: tuple[RoleSpec, ...] = ()

    def role(self, name: str) -> RoleSpec:
        """The role called `name`; `KeyError` if there is none."""
        for role in self.roles:
            if role.name == name:
                return role
        raise KeyError(name)

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """Every node of every role."""
        return tuple(node for role in self.roles for node in role.nodes)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able form that `from_json` reads back."""
        return {
            "name": self.name,
            "roles": [
                {
                    "name": r.name,
                    "parallelism": r.parallelism,
                    "kind": r.kind.value,
                    "restartable": r.restartable,
                }
                for r in self.roles
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> JobSpec:
        """The spec that `to_json` wrote."""
        return cls(data["name"], tuple(RoleSpec(**role) for role in data["roles"]))


@dataclass(frozen=True)
class ClusterSpec:
    """Where every node of a running cluster listens: role name to ``host:port`` in order of index."""

    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def address(self, node: NodeId) -> str:
        """``host:port`` of `node`."""
        return self.addresses[node.role][node.index]

    def nodes_on(self, host: str) -> int:
        """How many nodes of the cluster listen on `host`."""
        return sum(host_of(address) == host for role in self.addresses.values() for address in role)
