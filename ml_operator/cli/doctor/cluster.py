"""Checks of a cluster, by what its REST API tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_framework.errors import CommandFailed
from ml_operator.cli.doctor.finding import fine, problem, warning
from ml_operator.rest import Rest, starts_task_managers

if TYPE_CHECKING:
    from ml_operator.cli.doctor.finding import Finding

_VERSION = "2.3."


def cluster(address: str) -> list[Finding]:
    """What is wrong with the cluster at `address` (``host:port``): its version, TaskManagers, free slots."""
    try:
        rest = Rest(address)
        overview = rest.get("overview")
        on_demand = starts_task_managers(entry["key"] for entry in rest.get("jobmanager/config"))
    except CommandFailed as error:
        return [problem("cluster", f"{error}", "start it (start-cluster.sh), or name another address")]
    return [_version(overview["flink-version"]), _slots(overview, on_demand=on_demand), _unseen()]


def _version(version: str) -> Finding:
    if version.startswith(_VERSION):
        return fine("cluster's Flink", version)
    return problem(
        "cluster's Flink", f"it is {version}, and the bridge is for {_VERSION}x.", f"run a Flink {_VERSION}x"
    )


def _slots(overview: dict[str, int], *, on_demand: bool) -> Finding:
    managers, total, free = (overview[key] for key in ("taskmanagers", "slots-total", "slots-available"))
    told = f"{free} free of {total}, on {managers} × TaskManager"
    if free:
        return fine("cluster's slots", told)
    if on_demand:
        return fine("cluster's slots", f"{told}; it starts TaskManagers when a job needs them")
    if managers:
        return warning(
            "cluster's slots",
            f"{told}: a job would wait until another one has ended.",
            "stop a job (mlflink list), start more TaskManagers, or raise taskmanager.numberOfTaskSlots",
        )
    return problem(
        "cluster's slots",
        "No TaskManager has registered: no job can run.",
        "start some (taskmanager.sh start), and see their logs where they do not come",
    )


def _unseen() -> Finding:
    return fine(
        "cluster's hosts",
        "not seen from here: each needs Python 3.11 and ml-on-flink, unless the job ships them (-pyarch)",
    )
