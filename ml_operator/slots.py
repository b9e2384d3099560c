"""Slots: how many a job needs, and whether its cluster has them.

A cluster that has too few starts some of a job's tasks, or none, and says so minutes later; so it is asked
while the job is planned. One that starts TaskManagers when they are needed is not.
"""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ml_framework.errors import PlanError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyflink.common import Configuration

DEFAULT_GROUP = "default"
"""The slot sharing group of whatever is given no other."""

_SLOTS = "taskmanager.numberOfTaskSlots"
_OURS = "ml-on-flink.slots"
"""The number of slots that was set here, and not by the user."""
_ANSWER_WITHIN_S = 2.0
_ARRIVE_WITHIN_S = 2.0
"""How long TaskManagers that are being started may take to register, once one has."""
_ASK_EVERY_S = 0.25
_ON_DEMAND = ("kubernetes.", "yarn.")
"""Prefixes of options that a cluster has which starts TaskManagers by itself."""


@dataclass(frozen=True)
class Need:
    """What a job needs.

    Args:
        fixed: slots by group, for the nodes, every one of which must run.
        planned: the same for everything that the job consists of so far, the nodes included.
        parallelism: that is usual in the job, and may be that of what is planned later.
    """

    fixed: Mapping[str, int]
    planned: Mapping[str, int]
    parallelism: int

    def slots(self, *, adaptive: bool) -> Mapping[str, int]:
        """By group; the adaptive scheduler runs what is no node with the slots that there are."""
        return self.fixed if adaptive else self.planned


def check_slots(role: str, need: Need, options: Configuration) -> None:
    """Refuse a plan that the job's cluster has too few slots for; an embedded one is made large enough.

    Args:
        role: that is being added.
        need: of the job, `role` included.
        options: of the job's environment.

    Raises:
        PlanError: with the need by group, what there is, and the options to change.
    """
    target = options.get_string("execution.target", "local")
    if target == "local":
        _check_embedded(role, need, options)
    elif target == "remote":
        _check_session(role, need, options)


def _check_embedded(role: str, need: Need, options: Configuration) -> None:
    """Flink itself makes as many slots as the highest parallelism, which is too few for several groups."""
    workers = options.get_integer(
        "minicluster.number-of-taskmanagers", options.get_integer("local.number-taskmanager", 1)
    )
    slots = options.get_integer(_SLOTS, 0)
    if slots and slots != options.get_integer(_OURS, 0):
        scheduler = options.get_string("jobmanager.scheduler", "")
        _compare(role, need.slots(adaptive=_is_adaptive(scheduler)), slots * workers, "the embedded cluster")
    elif len(need.planned) > 1:
        usual = {DEFAULT_GROUP: max(need.planned.get(DEFAULT_GROUP, 1), need.parallelism)}
        enough = -(-sum({**need.planned, **usual}.values()) // workers)
        for name in (_SLOTS, _OURS):
            options.set_integer(name, enough)


def _check_session(role: str, need: Need, options: Configuration) -> None:
    address = f"{options.get_string('rest.address', 'localhost')}:{options.get_integer('rest.port', 8081)}"
    wanted = sum(need.planned.values())
    overview = _overview(address, wanted)
    if overview is None or overview["slots-total"] >= wanted:
        return
    settings = {entry["key"]: entry["value"] for entry in _ask(address, "jobmanager/config") or ()}
    if not any(name.startswith(_ON_DEMAND) for name in settings):
        slots = need.slots(adaptive=_is_adaptive(settings.get("jobmanager.scheduler", "")))
        where = f"the cluster at {address}, {overview['taskmanagers']} × TaskManager,"
        _compare(role, slots, overview["slots-total"], where)


def _overview(address: str, wanted: int) -> Any:
    """The overview, with `wanted` slots if they come soon; None without an answer or a TaskManager."""
    deadline = time.monotonic() + _ARRIVE_WITHIN_S
    while True:
        overview = _ask(address, "overview")
        if overview is None or not overview["taskmanagers"]:
            return None
        if overview["slots-total"] >= wanted or time.monotonic() > deadline:
            return overview
        time.sleep(_ASK_EVERY_S)


def _ask(address: str, path: str) -> Any:
    """What the REST API answers, None where it does not: then the submission will say why."""
    try:
        with urllib.request.urlopen(f"http://{address}/{path}", timeout=_ANSWER_WITHIN_S) as answer:
            return json.load(answer)
    except (OSError, ValueError):
        return None


def _is_adaptive(scheduler: str) -> bool:
    return scheduler.lower() == "adaptive"


def _compare(role: str, slots: Mapping[str, int], available: int, where: str) -> None:
    needed = sum(slots.values())
    if needed > available:
        groups = ", ".join(f"{name} {count}" for name, count in sorted(slots.items()))
        raise PlanError(
            f"role {role!r}: the job needs {needed} slots (by slot sharing group: {groups}) and {where} has "
            f"{available} in all: raise {_SLOTS}, start more TaskManagers, or plan fewer nodes"
        )
