"""Plans an ML cluster as part of a PyFlink job.

`MLJob` adds an application master and roles to the user's job graph: each role becomes an operator whose
subtasks start and guard one Python process each. PyFlink is imported here, and by modules of an integration
that are for planning alone; here not before one of these names is asked for: the command line
(`ml_operator.cli`) starts quickly, and says so where PyFlink is missing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_framework.config import JobConfig, RestartPolicy, Timeouts
    from ml_framework.errors import JobFailed, PlanError
    from ml_framework.resources import Resources
    from ml_framework.spec import RoleKind
    from ml_operator.job import MLJob
    from ml_operator.plan import AMConfig, JobPlan, RolePlan

__all__ = [
    "AMConfig",
    "JobConfig",
    "JobFailed",
    "JobPlan",
    "MLJob",
    "PlanError",
    "Resources",
    "RestartPolicy",
    "RoleKind",
    "RolePlan",
    "Timeouts",
]

_HOMES = {
    "ml_framework.config": ("JobConfig", "RestartPolicy", "Timeouts"),
    "ml_framework.errors": ("JobFailed", "PlanError"),
    "ml_framework.resources": ("Resources",),
    "ml_framework.spec": ("RoleKind",),
    "ml_operator.job": ("MLJob",),
    "ml_operator.plan": ("AMConfig", "JobPlan", "RolePlan"),
}

if not TYPE_CHECKING:  # a type checker would take every name for one of ours

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(home), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
