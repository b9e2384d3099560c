"""The roles of a TensorFlow cluster, by their names, and what follows from who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ml_framework.spec import NodeId

if TYPE_CHECKING:
    from ml_framework.spec import ClusterSpec

CHIEF = "chief"
WORKER = "worker"
PS = "ps"
EVALUATOR = "evaluator"
ALL = (CHIEF, WORKER, PS, EVALUATOR)
"""Every task type that ``TF_CONFIG`` knows."""

_TRAINERS = (CHIEF, WORKER)
_CLUSTER = (CHIEF, WORKER, PS)
"""Who speaks with one another; an evaluator speaks with nobody."""


def uses_parameter_servers(node: NodeId, cluster: ClusterSpec) -> bool:
    """Whether `node` takes part in training with parameter servers."""
    return node.role != EVALUATOR and PS in cluster.addresses


def peers(node: NodeId, cluster: ClusterSpec) -> tuple[NodeId, ...]:
    """Who does the same as `node` together with it, in order of rank: the chief, then the workers.

    Parameter servers, and evaluators, are each other's.
    """
    roles = _TRAINERS if node.role in _TRAINERS else (node.role,)
    return tuple(
        NodeId(role, index) for role in roles for index in range(len(cluster.addresses.get(role, ())))
    )


def tf_config(node: NodeId, cluster: ClusterSpec) -> dict[str, Any]:
    """The content of ``TF_CONFIG`` for `node`; an evaluator is not part of the cluster that it names."""
    return {
        "cluster": {role: list(cluster.addresses[role]) for role in _CLUSTER if role in cluster.addresses},
        "task": {"type": node.role, "index": node.index},
    }
