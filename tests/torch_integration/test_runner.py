"""`TorchRunner`: light to plan with, and what it tells the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import torch_integration
from ml_framework.context.launch import Descriptors
from ml_framework.errors import PlanError
from ml_framework.host import Host
from ml_framework.runner import Attempt, Program
from ml_framework.spec import ClusterSpec, NodeId
from torch_integration import TorchRunner

CPUS = len(os.sched_getaffinity(0))


def environment(
    runner: TorchRunner, index: int, *addresses: str, gpus: tuple[str, ...] = ()
) -> dict[str, str]:
    """The variables of node `index` of a role at `addresses`, with GPUs of its own."""
    return dict(runner.environment(attempt_of(runner, index, *addresses, gpus=gpus)))


def attempt_of(runner: TorchRunner, index: int, *addresses: str, gpus: tuple[str, ...] = ()) -> Attempt:
    """That of node `index`."""
    host = addresses[index].rpartition(":")[0]
    cluster = ClusterSpec({"worker": addresses, "ps": (f"{host}:1",)})
    return Attempt(
        node=NodeId("worker", index),
        number=0,
        parallelism=len(addresses),
        cluster=cluster,
        program=Program(runner),
        job_name="job",
        job_id="17",
        host=Host(host),
        directory=Path(),
        log_dir=Path(),
        descriptors=Descriptors(3, 4),
        python="python",
        gpus=gpus,
    )


def test_planning_imports_neither_torch_nor_flink() -> None:
    """They take seconds, and the planning process may not even have torch."""
    code = "import sys, torch_integration; print(sorted({'torch', 'pyflink', 'grpc'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_the_public_names() -> None:
    """Few, sorted, and all there."""
    names = ["InferenceRunner", "TorchEstimator", "TorchModel", "TorchRunner", "inference", "mean_loss"]
    assert torch_integration.__all__ == names
    assert all(hasattr(torch_integration, name) for name in torch_integration.__all__)


def test_ranks_with_gpus_of_their_own_use_nccl_for_what_is_on_them() -> None:
    """What the user says wins."""
    name = "MLFLINK_TORCH_BACKEND"
    assert environment(TorchRunner("m:f"), 0, "a:1", gpus=("3",))[name] == "cpu:gloo,cuda:nccl"
    assert environment(TorchRunner("m:f"), 0, "a:1")[name] == "gloo"
    assert environment(TorchRunner("m:f", backend="gloo"), 0, "a:1", gpus=("3",))[name] == "gloo"


def test_a_node_is_told_whether_it_has_a_gpu() -> None:
    runner = TorchRunner("m:f")
    assert runner.launch(attempt_of(runner, 0, "a:1", gpus=("3",))).device == "gpu"
    assert runner.launch(attempt_of(runner, 0, "a:1")).device == "cpu"


def test_the_master_of_ipv6_has_no_brackets() -> None:
    """A resolver takes none."""
    found = environment(TorchRunner("m:f"), 1, "[fd00::1]:5", "[fd00::2]:6")
    assert (found["MASTER_ADDR"], found["MASTER_PORT"]) == ("fd00::1", "5")


def test_the_usual_variables_describe_the_role() -> None:
    """Ranks are counted over all hosts, local ranks on each; the role's rank 0 is the master."""
    hosts = ("10.0.0.1:5", "10.0.0.2:6", "10.0.0.1:7")
    found = environment(TorchRunner("m:f", threads=3), 2, *hosts)
    assert found == {
        "MASTER_ADDR": "10.0.0.1",
        "MASTER_PORT": "5",
        "RANK": "2",
        "WORLD_SIZE": "3",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "3",
        "MLFLINK_TORCH_BACKEND": "gloo",
    }


def test_ranks_on_one_host_share_its_cpus() -> None:
    """What the user set in `env` stays as it is."""
    found = environment(TorchRunner("m:f"), 0, "127.0.0.1:5", "127.0.0.1:6")
    assert found["OMP_NUM_THREADS"] == str(max(1, CPUS // 2))
    found = environment(TorchRunner("m:f", env={"OMP_NUM_THREADS": "9"}), 0, "[::1]:5")
    assert found["OMP_NUM_THREADS"] == "9"


def test_gloo_and_nccl_are_told_the_interface() -> None:
    """NCCL takes whatever begins with a name, unless there is a ``=`` before it."""
    expected = {"GLOO_SOCKET_IFNAME": "{}", "NCCL_SOCKET_IFNAME": "={}"}
    assert TorchRunner.interface_variables == expected


def test_threads_are_positive() -> None:
    """The error tells the number."""
    with pytest.raises(PlanError, match="threads is 0"):
        TorchRunner("m:f", threads=0)


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        (
            "RuntimeError",
            "[…/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:4321",
            True,
        ),
        ("RuntimeError", "… Read error [127.0.0.1]:5: Connection reset by peer", True),
        ("torch.distributed.DistNetworkError", "failed to recv, got 0 bytes", True),
        ("torch.distributed.DistStoreError", "Timed out after 301 seconds", True),
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)", False),
        ("ConnectionResetError", "[Errno 104] Connection reset by peer", False),
        ("ValueError", "bad value", False),
    ],
)
def test_the_echo_of_a_peers_end_is_told_from_a_cause(kind: str, message: str, *, expected: bool) -> None:
    """Only what torch says of its connections counts; a user's own connection is a cause like any other."""
    assert TorchRunner("m:f").is_collateral({"type": kind, "message": message}) is expected
