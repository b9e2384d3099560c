"""With how many threads the process of a node computes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ml_framework.errors import PlanError
from ml_framework.spec import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Collection

    from ml_framework.runner.base import Attempt


THREADS_VARIABLE = "OMP_NUM_THREADS"
"""How a runner tells its process with how many threads to compute; libraries look at it themselves."""


def check_threads(threads: int | None) -> None:
    """Refuse a number that is not positive, with `PlanError`."""
    if threads is not None and threads < 1:
        raise PlanError(f"threads is {threads}, it must be at least 1")


def threads_of(attempt: Attempt, threads: int | None, roles: Collection[str] = ()) -> int:
    """`threads`, or a share of the host's CPUs: even among the nodes of `roles`, of its own for none."""
    addresses = attempt.cluster.addresses
    sharing = ClusterSpec({role: addresses.get(role, ()) for role in roles or (attempt.node.role,)})
    nodes = sharing.nodes_on(attempt.host.advertised)
    return threads or max(1, len(os.sched_getaffinity(0)) // max(1, nodes))
