"""`TFRunner`: light to plan with, and what it tells the process of each role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tf_integration
from ml_framework.context.launch import Descriptors
from ml_framework.errors import PlanError
from ml_framework.host import Host
from ml_framework.runner import Attempt, Program
from ml_framework.spec import ClusterSpec, NodeId
from tf_integration import TFRunner

CPUS = len(os.sched_getaffinity(0))
TRAINERS = {
    "worker": ("10.0.0.1:2", "10.0.0.2:3"),
    "chief": ("10.0.0.1:1",),
    "evaluator": ("10.0.0.1:5",),
    "tensorboard": ("10.0.0.1:6",),
}


def attempt(runner: TFRunner, role: str, index: int, addresses: dict[str, tuple[str, ...]]) -> Attempt:
    """One start of a node."""
    return Attempt(
        node=NodeId(role, index),
        number=0,
        parallelism=len(addresses[role]),
        cluster=ClusterSpec(addresses),
        program=Program(runner),
        job_name="job",
        job_id="17",
        host=Host(addresses[role][index].rpartition(":")[0]),
        directory=Path(),
        log_dir=Path(),
        descriptors=Descriptors(3, None),
        python="python",
    )


def variables(runner: TFRunner, role: str, index: int, addresses: dict[str, tuple[str, ...]]) -> Any:
    """What the process finds in its environment."""
    return runner.environment(attempt(runner, role, index, addresses))


def test_planning_imports_neither_tensorflow_nor_flink() -> None:
    """They take seconds, and the planning process may not even have TensorFlow."""
    code = (
        "import sys, tf_integration; tf_integration.TFRunner('m:f');"
        "print(sorted({'tensorflow', 'keras', 'tensorboard', 'pyflink', 'grpc'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_the_public_names() -> None:
    """Sorted, and all there."""
    assert sorted(tf_integration.__all__) == tf_integration.__all__
    names = {"KerasEstimator", "KerasModel", "TFClusterConfig", "TFRunner", "TensorBoardRunner", "mean_loss"}
    assert names <= {*tf_integration.__all__}
    assert all(hasattr(tf_integration, name) for name in tf_integration.__all__)


def test_without_tensorflow_one_sentence_tells_what_to_install() -> None:
    """Where the context is imported, which is the first thing that needs it."""
    code = "import sys; sys.modules['tensorflow'] = None; import tf_integration.context"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert "ml-on-flink[tensorflow]" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("role", "index", "rank", "world_size"),
    [("chief", 0, 0, 3), ("worker", 0, 1, 3), ("worker", 1, 2, 3), ("evaluator", 0, 0, 1)],
)
def test_the_chief_is_rank_0_and_workers_follow(role: str, index: int, rank: int, world_size: int) -> None:
    """Whatever the order in which the roles were added; an evaluator trains with nobody."""
    runner = TFRunner("m:f")
    launch = runner.launch(attempt(runner, role, index, TRAINERS))
    assert (launch.rank, launch.world_size) == (rank, world_size)
    assert launch.context == "tf_integration.context:TFContext"


def test_ranks_on_one_host_are_counted() -> None:
    """The chief and worker 0 share one, worker 1 has its own."""
    runner = TFRunner("m:f")
    counts = [
        runner.launch(attempt(runner, role, index, TRAINERS)).local_world_size
        for role, index in (("chief", 0), ("worker", 0), ("worker", 1))
    ]
    assert counts == [2, 2, 1]


@pytest.mark.parametrize("role", ["chief", "worker", "evaluator"])
def test_tf_config_names_the_cluster_and_the_task(role: str) -> None:
    """As TensorFlow's own; neither evaluator nor TensorBoard are part of it."""
    found = variables(TFRunner("m:f"), role, 0, TRAINERS)
    assert json.loads(found["TF_CONFIG"]) == {
        "cluster": {"chief": ["10.0.0.1:1"], "worker": ["10.0.0.1:2", "10.0.0.2:3"]},
        "task": {"type": role, "index": 0},
    }


def test_parameter_servers_are_part_of_the_cluster() -> None:
    """Each process knows them, and each of them who it is."""
    addresses = {"worker": ("h:1",), "ps": ("h:2", "h:3")}
    found = json.loads(variables(TFRunner("m:f"), "ps", 1, addresses)["TF_CONFIG"])
    assert found == {
        "cluster": {"worker": ["h:1"], "ps": ["h:2", "h:3"]},
        "task": {"type": "ps", "index": 1},
    }


def test_the_nodes_of_a_host_share_its_cpus() -> None:
    """A second thread is always there for what waits; what the user set in `env` stays as it is."""
    found = variables(TFRunner("m:f"), "worker", 0, TRAINERS)
    share = max(1, CPUS // 3)
    assert found["TF_NUM_INTRAOP_THREADS"] == found["OMP_NUM_THREADS"] == str(share)
    assert found["TF_NUM_INTEROP_THREADS"] == str(max(2, share))
    assert variables(TFRunner("m:f", threads=5), "chief", 0, TRAINERS)["TF_NUM_INTEROP_THREADS"] == "5"
    given = TFRunner("m:f", env={"OMP_NUM_THREADS": "9"})
    assert variables(given, "chief", 0, TRAINERS)["OMP_NUM_THREADS"] == "9"


def test_the_server_may_listen_beside_the_agent() -> None:
    """The agent keeps the port of a TensorFlow process, which has to allow for that."""
    assert TFRunner.binds_address
    assert variables(TFRunner("m:f"), "worker", 0, TRAINERS)["TF_GRPC_REUSE_PORT"] == "1"


def test_a_role_needs_a_name_that_tensorflow_knows() -> None:
    """The error tells which there are."""
    with pytest.raises(PlanError, match=r"role 'trainer': .* 'chief', 'worker', 'ps' or 'evaluator'"):
        TFRunner("m:f").validate("trainer")


def test_only_a_chief_answers_checkpoints_without_rows() -> None:
    """Others would never hear when, and every checkpoint would wait for them."""
    with pytest.raises(PlanError, match="role 'ps': answers_checkpoints is for a chief"):
        TFRunner("m:f", answers_checkpoints=True).validate("ps")


def test_threads_are_positive() -> None:
    """The error tells the number."""
    with pytest.raises(PlanError, match="threads is 0"):
        TFRunner("m:f", threads=0)


_ERRORS = "tensorflow.python.framework.errors_impl"


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        (f"{_ERRORS}.UnavailableError", "Collective ops is aborted by: Socket closed", True),
        (f"{_ERRORS}.InternalError", "… Connection reset by peer", True),
        (f"{_ERRORS}.UnknownError", "PeerLost: the other end of the queue is gone", True),
        (f"{_ERRORS}.InvalidArgumentError", "Incompatible shapes: [2,3] vs. [4]", False),
        ("google.UnavailableError", "Socket closed", False),
        ("ConnectionResetError", "[Errno 104] Connection reset by peer", False),
        ("ValueError", "bad value", False),
    ],
)
def test_the_echo_of_a_peers_end_is_told_from_a_cause(kind: str, message: str, *, expected: bool) -> None:
    """Only what TensorFlow says of its connections counts; a user's own is a cause like any other."""
    assert TFRunner("m:f").is_collateral({"type": kind, "message": message}) is expected
