"""Plans an ML cluster as part of a PyFlink job.

`MLJob` adds an application master and roles to the user's job graph: each role becomes an operator whose
subtasks start and guard one Python process each. The only package of ml-on-flink that imports PyFlink.
"""

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
