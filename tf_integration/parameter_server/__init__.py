"""Training with parameter servers, asynchronously: who does what in a cluster that has the role ``ps``.

One node is the *coordinator*, the chief or, without one, worker 0. It alone runs the user's entrypoint, with
a `CoordinatorContext`. Parameter servers and workers run a `tf.distribute.Server` until they are stopped, or
told that training is over. Rows never leave the worker that Flink gave them to: `remote` lets a graph that
runs on a worker call Python functions of the worker's process, so that a step reads from the queues of the
node that it runs on (`Feed`) and emits into them.

The coordinator sends every worker *slices*: a slice is a loop in one graph that takes as many steps as there
are rows for, for a fifth of a second. A loop on the worker needs one call from the coordinator where a call a
step would cost more than the step. It ends by asking for rows once more, which says that every step before is
done: nothing is ever in flight between two slices, and watermarks pass whatever the coordinator does.

At a barrier of Flink's a worker hands out no further rows, and its slices end at once. Each of them says at
its end where its worker stands. When all stand at one barrier the coordinator joins what is under way, saves
the state of user code, and releases the workers, who answer with the rows that wait in them.

`Model.fit` of Keras 3 does not know parameter servers; Keras models and optimizers work in a step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tf_integration import roles

if TYPE_CHECKING:
    from ml_framework.context.launch import Launch

_COORDINATOR = "tf_integration.parameter_server.coordinator:CoordinatorContext"
_SERVER = "tf_integration.parameter_server.server"


def adapted(launch: Launch) -> Launch:
    """`launch`, of a node of a cluster with parameter servers, made to do what is the node's part in it.

    The coordinator gets another context, the others our entrypoint instead of the user's.
    """
    if coordinates(launch):
        return replace(launch, context=_COORDINATOR)
    return replace(
        launch, entrypoint=f"{_SERVER}:serve", callable_file=None, context=f"{_SERVER}:ServerContext"
    )


def coordinates(launch: Launch) -> bool:
    """Whether the node runs the user's entrypoint."""
    leader = roles.CHIEF if roles.CHIEF in launch.addresses else roles.WORKER
    return (launch.role, launch.index) == (leader, 0)
