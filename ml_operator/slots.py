"""Slots: how many a job needs, and whether its cluster has them.

A cluster that has too few starts some of a job's tasks, or none, and says so minutes later; so it is asked
while the job is planned. One that starts TaskManagers when they are needed is not.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.errors import CommandFailed, PlanError
from ml_operator.capacity import DEFAULT_GROUP, GPU, no_room
from ml_operator.embedded import is_embedded
from ml_operator.rest import Rest, session_address, starts_task_managers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyflink.common import Configuration

    from ml_operator.capacity import Size

_SLOTS = "taskmanager.numberOfTaskSlots"
_SCHEDULER = "jobmanager.scheduler"
_OURS = "mlonflink.slots"
"""The number of slots that was set here, and not by the user."""
_ARRIVE_WITHIN_S = 1.0
"""How long TaskManagers that are being started may take to register."""
_ASK_EVERY_S = 0.25


@dataclass(frozen=True)
class Need:
    """What a job needs.

    Args:
        fixed: slots by group, for the nodes, every one of which must run.
        planned: the same for everything that the job consists of so far, the nodes included.
        parallelism: that is usual in the job, and may be that of what is planned later.
        sizes: of a slot, of the groups whose slots have a size of their own.
    """

    fixed: Mapping[str, int]
    planned: Mapping[str, int]
    parallelism: int
    sizes: Mapping[str, Size]

    def slots(self, scheduler: str) -> Mapping[str, int]:
        """By group; the adaptive scheduler runs what is no node with the slots that there are."""
        return self.fixed if _is_adaptive(scheduler) else self.planned


def check_slots(need: Need, options: Configuration) -> None:
    """Refuse a plan that the job's cluster has too few slots for; an embedded one is made large enough.

    Args:
        need: of the job.
        options: of the job's environment.

    Raises:
        PlanError: with the need by group, what there is, and the options to change.
    """
    scheduler = options.get_string(_SCHEDULER, "")
    problem = _unsized(need, scheduler)
    if problem is None and is_embedded(options):
        problem = _embedded(need, options)
    elif problem is None and (address := session_address(options)) is not None:
        problem = _session(need, address)
    if problem is not None:
        raise PlanError(problem)


def _unsized(need: Need, scheduler: str) -> str | None:
    """The adaptive scheduler takes slots as they come."""
    if need.sizes and _is_adaptive(scheduler):
        return (
            f"slots have a size ({', '.join(sorted(need.sizes))}), and the adaptive scheduler knows none: "
            f"leave the numbers in resources= out, or set {_SCHEDULER} to default"
        )
    return None


def _embedded(need: Need, options: Configuration) -> str | None:
    """Flink itself makes as many slots as the highest parallelism, which is too few for several groups."""
    if any(size.get(GPU) for size in need.sizes.values()):
        return (
            "Resources.gpu is for a cluster: Flink's embedded one has no external resources. Leave it out, "
            "and the processes see the GPUs that CUDA_VISIBLE_DEVICES names here, or all"
        )
    workers = options.get_integer(
        "minicluster.number-of-taskmanagers", options.get_integer("local.number-taskmanager", 1)
    )
    slots = options.get_integer(_SLOTS, 0)
    if slots and slots != options.get_integer(_OURS, 0):
        return _too_few(
            need.slots(options.get_string(_SCHEDULER, "")), slots * workers, "the embedded cluster"
        )
    if len(need.planned) > 1:
        usual = {DEFAULT_GROUP: max(need.planned.get(DEFAULT_GROUP, 1), need.parallelism)}
        enough = -(-sum({**need.planned, **usual}.values()) // workers)
        for name in (_SLOTS, _OURS):
            options.set_integer(name, enough)
    return None


def _session(need: Need, address: str) -> str | None:
    deadline = time.monotonic() + _ARRIVE_WITHIN_S
    while (problem := _asked(need, address)) is not None and time.monotonic() < deadline:
        time.sleep(_ASK_EVERY_S)  # the REST API answers, it does not tell by itself
    if problem is None:
        return None
    settings = {entry["key"]: entry["value"] for entry in _ask(address, "jobmanager/config") or ()}
    if starts_task_managers(settings):
        return None
    scheduler = settings.get(_SCHEDULER, "")
    return _unsized(need, scheduler) or _asked(need, address, scheduler)


def _asked(need: Need, address: str, scheduler: str = "") -> str | None:
    """What is wrong for now; None without an answer or a TaskManager: then the submission will say it."""
    overview = _ask(address, "overview")
    if overview is None or not overview["taskmanagers"]:
        return None
    slots = need.slots(scheduler)
    whole = {group: count for group, count in slots.items() if group not in need.sizes}
    where = f"the cluster at {address}, {overview['taskmanagers']} × TaskManager,"
    problem = _too_few(whole, overview["slots-total"], where)
    if problem is None and need.sizes:
        managers = (_ask(address, "taskmanagers") or {}).get("taskmanagers")
        return no_room(slots, need.sizes, managers) if managers else None
    return problem


def _ask(address: str, path: str) -> Any:
    """What the REST API answers, None where it does not."""
    try:
        return Rest(address).get(path)
    except CommandFailed:
        return None


def _is_adaptive(scheduler: str) -> bool:
    return scheduler.lower() == "adaptive"


def _too_few(slots: Mapping[str, int], available: int, where: str) -> str | None:
    needed = sum(slots.values())
    if needed <= available:
        return None
    groups = ", ".join(f"{name} {count}" for name, count in sorted(slots.items()))
    return (
        f"the job needs {needed} slots (by slot sharing group: {groups}) and {where} has {available} in all: "
        f"raise {_SLOTS}, start more TaskManagers, or plan fewer nodes"
    )
