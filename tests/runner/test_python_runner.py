"""`PythonRunner` plans once and prepares an attempt anywhere."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import cloudpickle
import pytest

from ml_framework.context.launch import Descriptors, Launch
from ml_framework.errors import PlanError
from ml_framework.host import Host
from ml_framework.runner import Attempt, Program, PythonRunner
from ml_framework.spec import ClusterSpec, NodeId

HAPPY = "ml_framework.testing.programs:happy"


def attempt(runner: PythonRunner, directory: Path) -> Attempt:
    addresses = {"ps": ("a:1",), "worker": ("a:2", "b:3", "a:4")}
    return Attempt(
        node=NodeId("worker", 2),
        number=1,
        parallelism=3,
        cluster=ClusterSpec(addresses),
        program=Program(runner, codec="json", max_delay_s=0.5),
        job_name="job",
        job_id="17",
        host=Host("a"),
        directory=directory,
        log_dir=directory / "logs",
        descriptors=Descriptors(control=3, listen=4, counters=5),
        python="/usr/bin/python3",
        restored=2,
    )


def test_the_launch_holds_all_that_the_process_needs(tmp_path):
    """The bootstrap is started on a file that reads back as what was planned."""
    runner = PythonRunner(HAPPY, {"lr": 0.1}, env={"A": "b"}, python_path=("/code",))
    command = runner.prepare(attempt(runner, tmp_path))
    context_file = tmp_path / "context.json"
    assert command.argv == ("/usr/bin/python3", "-m", "ml_framework.runner.bootstrap", str(context_file))
    assert command.env == {"A": "b"}
    assert command.python_path == ("/code",)
    assert Launch.read(context_file) == Launch(
        job_name="job",
        job_id="17",
        role="worker",
        index=2,
        rank=2,
        world_size=3,
        local_world_size=2,
        attempt=1,
        params={"lr": 0.1},
        bind_host="a",
        log_dir=str(tmp_path / "logs"),
        error_file=str(tmp_path / "error.json"),
        context="ml_framework.context:NodeContext",
        descriptors=Descriptors(control=3, listen=4, counters=5),
        entrypoint=HAPPY,
        addresses={"ps": ["a:1"], "worker": ["a:2", "b:3", "a:4"]},
        codec="json",
        max_delay_s=0.5,
        restored=2,
    )


def test_a_callable_travels_by_value(tmp_path):
    """A lambda is a file next to the launch; the agent that unpickles the runner does not unpickle it."""
    offset = 2
    planned = PythonRunner(lambda ctx: ctx + offset)
    runner = pickle.loads(cloudpickle.dumps(planned))
    runner.validate("worker")
    runner.prepare(attempt(runner, tmp_path))
    launch = Launch.read(tmp_path / "context.json")
    assert launch.entrypoint is None
    assert pickle.loads(Path(launch.callable_file).read_bytes())(40) == 42


def test_an_importable_function_travels_by_name():
    """What another process can import is not pickled."""
    runner = PythonRunner(Path.exists)
    assert (runner.entrypoint, runner.pickled) == ("pathlib:Path.exists", None)


def test_what_cannot_be_pickled_is_refused():
    """The error names the function."""
    lock = threading.Lock()
    with pytest.raises(PlanError, match=r"test_python_runner:.*<lambda> cannot be sent to its nodes"):
        PythonRunner(lambda ctx: lock.acquire())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"good": 1, "bad": object()}, r"role 'worker': params\['bad'\] is not JSON-able"),
        ({1: 2}, "role 'worker': the key 1 of params is no string"),
        ([1], r"role 'worker': params is \[1\], it must be a mapping"),
    ],
)
def test_params_must_be_json(params, message):
    """The error names the role and the key."""
    with pytest.raises(PlanError, match=message):
        PythonRunner(HAPPY, params).validate("worker")


def test_variables_must_be_text():
    """The error names the role and the variable, long before a process is to have it."""
    with pytest.raises(PlanError, match=r"role 'worker': env: A is 4, it must be text, as in A='4'"):
        PythonRunner(HAPPY, env={"A": 4}).validate("worker")
