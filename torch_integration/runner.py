"""`TorchRunner`: runs an entrypoint with PyTorch, its role's nodes in one process group."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ml_framework.host import host_of, split_address
from ml_framework.runner import Attempt, PythonRunner
from ml_framework.runner.threads import THREADS_VARIABLE, check_threads, threads_of

if TYPE_CHECKING:
    from collections.abc import Mapping

BACKEND_VARIABLE = "MLFLINK_TORCH_BACKEND"
"""How the runner tells the context in the user's process which backend to use."""

_INTERFACE_VARIABLES = {"GLOO_SOCKET_IFNAME": "{}", "NCCL_SOCKET_IFNAME": "={}"}  # NCCL matches the beginning
"""Without them gloo takes the address of the host's name, and NCCL the first interface."""

_ECHOES = re.compile(
    r"connection closed by peer|connection reset|connection refused|broken pipe|socket closed|read error|"
    r"timed out waiting|wait timeout|tcpstore|recvvalue|sendbytes|recv, conn|gloo.*transport",
    re.IGNORECASE,
)
_PEER_ERRORS = ("DistNetworkError", "DistStoreError", "DistBackendError")


@dataclass(frozen=True, kw_only=True)
class TorchRunner(PythonRunner):
    """Runs ``module:function``, or a callable, with a `torch_integration.context.TorchContext`.

    The nodes of the role form the default process group, rank = index. The usual variables
    (``MASTER_ADDR``, ``MASTER_PORT``, ``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``, ``LOCAL_WORLD_SIZE``) are
    set for libraries that look at them.

    Args:
        backend: of the default process group; None takes NCCL for what is on a GPU, and gloo else, where each
            node has GPUs to itself (`ml_operator.Resources`), and gloo alone where not.
        threads: that one process computes with; None shares the CPUs among the role's nodes on a host.

    Raises:
        PlanError: `threads` is not positive.
    """

    preload: ClassVar[tuple[str, ...]] = ("torch_integration.context", "torch._dynamo")  # for any optimizer
    interface_variables: ClassVar[Mapping[str, str]] = _INTERFACE_VARIABLES
    late_variables: ClassVar[frozenset[str]] = frozenset(
        ("MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    )

    context: str = "torch_integration.context:TorchContext"
    backend: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threads(self.threads)

    def environment(self, attempt: Attempt) -> Mapping[str, str]:
        """The variables of the process; what the user gave in `env` wins."""
        role = attempt.cluster.addresses[attempt.node.role]
        hosts = [host_of(address) for address in role]
        master_host, master_port = split_address(role[0])
        variables = {
            "MASTER_ADDR": master_host,
            "MASTER_PORT": str(master_port),
            "RANK": str(attempt.node.index),
            "WORLD_SIZE": str(attempt.parallelism),
            "LOCAL_RANK": str(hosts[: attempt.node.index].count(attempt.host.advertised)),
            "LOCAL_WORLD_SIZE": str(hosts.count(attempt.host.advertised)),
            THREADS_VARIABLE: str(threads_of(attempt, self.threads)),
            BACKEND_VARIABLE: self.backend or ("cpu:gloo,cuda:nccl" if attempt.gpus else "gloo"),
        }
        return {**variables, **super().environment(attempt)}

    def is_collateral(self, error: Mapping[str, Any]) -> bool:
        """Whether `error` tells of a connection that a peer's end has broken."""
        name = str(error["type"]).rpartition(".")[2]
        return name in _PEER_ERRORS or (
            name == "RuntimeError" and bool(_ECHOES.search(str(error["message"])))
        )
