"""`TFRunner`: runs an entrypoint with TensorFlow, its role one of the task types of a TensorFlow cluster."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ml_framework.errors import PlanError
from ml_framework.host import host_of
from ml_framework.runner import Attempt, PythonRunner
from ml_framework.runner.threads import THREADS_VARIABLE, check_threads, threads_of
from tf_integration import parameter_server, roles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml_framework.context.launch import Launch

_PEER_ERRORS = ("UnavailableError", "CancelledError", "AbortedError", "DeadlineExceededError")
_ECHOES = re.compile(
    r"collective ops is aborted|connection reset|connection refused|broken pipe|socket closed|"
    r"failed to connect|unavailable|peerlost|coordination service|heartbeat|end of file",
    re.IGNORECASE,
)
_LEAST_INTEROP_THREADS = 2
"""A thread that waits for the other workers must not keep the collective itself from running."""


@dataclass(frozen=True, kw_only=True)
class TFRunner(PythonRunner):
    """Runs ``module:function``, or a callable, with a `tf_integration.context.TFContext`.

    It is the same for every role of a TensorFlow cluster, and the name of the role says what its nodes do:

    * ``worker`` and ``chief`` train, with `tf.distribute.MultiWorkerMirroredStrategy` where there is more
      than one of them; the chief is rank 0;
    * ``ps`` holds variables for them: the cluster then uses `tf.distribute.ParameterServerStrategy`;
    * ``evaluator`` runs its entrypoint aside.

    ``TF_CONFIG`` is set for each of them.

    Args:
        threads: that one process computes with; None shares the CPUs among the cluster's nodes on a host.
        answers_checkpoints: for the chief of a cluster with parameter servers whose workers have rows from
            Flink: its objects are part of Flink's checkpoints. `TFClusterConfig` says it to the chief itself.

    Raises:
        PlanError: `threads` is not positive.
    """

    binds_address: ClassVar[bool] = True  # TensorFlow's server cannot be handed a descriptor
    preload: ClassVar[tuple[str, ...]] = ("tf_integration.context",)
    interface_variables: ClassVar[Mapping[str, str]] = {"NCCL_SOCKET_IFNAME": "={}"}
    late_variables: ClassVar[frozenset[str]] = frozenset(("TF_CONFIG",))

    context: str = "tf_integration.context:TFContext"
    threads: int | None = None
    answers_checkpoints: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threads(self.threads)

    def validate(self, role: str) -> None:
        """Check the name of the role as well."""
        if role not in roles.ALL:
            raise PlanError(
                f"role {role!r}: a TFRunner knows its task by the name of its role: call it "
                f"{', '.join(map(repr, roles.ALL[:-1]))} or {roles.ALL[-1]!r}"
            )
        if self.answers_checkpoints and role != roles.CHIEF:
            raise PlanError(f"role {role!r}: answers_checkpoints is for a chief: leave it out")
        super().validate(role)

    def launch(self, attempt: Attempt) -> Launch:
        """What the process is told; ranks count all that train together."""
        launch = super().launch(attempt)
        peers = roles.peers(attempt.node, attempt.cluster)
        hosts = [host_of(attempt.cluster.address(peer)) for peer in peers]
        launch = replace(
            launch,
            rank=peers.index(attempt.node),
            world_size=len(peers),
            local_world_size=hosts.count(attempt.host.advertised),
        )
        if roles.uses_parameter_servers(attempt.node, attempt.cluster):
            launch = parameter_server.adapted(launch)
        return launch

    def environment(self, attempt: Attempt) -> Mapping[str, str]:
        """The variables of the process; what the user gave in `env` wins."""
        return {
            "TF_CONFIG": json.dumps(roles.tf_config(attempt.node, attempt.cluster)),
            "TF_GRPC_REUSE_PORT": "1",  # the agent keeps the port beside TensorFlow's server
            **thread_variables(threads_of(attempt, self.threads, roles.ALL)),
            "GRPC_VERBOSITY": "ERROR",
            **super().environment(attempt),
        }

    def is_collateral(self, error: Mapping[str, Any]) -> bool:
        """Whether `error` tells of a connection, or of a collective, that a peer's end has broken."""
        module, _, name = str(error["type"]).rpartition(".")
        if not module.startswith("tensorflow."):
            return False
        return name in _PEER_ERRORS or bool(_ECHOES.search(str(error["message"])))


def thread_variables(count: int) -> dict[str, str]:
    """What has TensorFlow compute with so many threads."""
    return {
        "TF_NUM_INTRAOP_THREADS": str(count),
        "TF_NUM_INTEROP_THREADS": str(max(_LEAST_INTEROP_THREADS, count)),
        THREADS_VARIABLE: str(count),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
