"""A node without an application master."""

from __future__ import annotations

import json
import os
import signal

from ml_framework.testing.local_cluster import LocalCluster, python_role
from ml_framework.testing.waiting import eventually, gone

SAD = "ml_framework.testing.programs:sad"


def test_it_starts_at_once_and_its_end_is_told(stage):
    """Nobody has to answer; what the parent hears is what it hears of any node."""
    node = stage.node("happy")
    node.leave_alone()
    assert node.farewell(timeout_s=30) == {"event": "succeeded"}
    assert node.events[0]["event"] == "started"
    assert node.events[0]["attempt"] == 0
    assert node.wait(30) == 0
    assert stage.log() == "worker[0] of 1, attempt 0\n"
    measured = [event for event in node.events if event["event"] == "measured"]
    assert measured[-1]["numbers"] == {"attempt": 0.0}


def test_the_others_of_its_role_are_taken_to_share_its_host(stage):
    """They have its address, so that it computes with its share of the CPUs alone."""
    node = stage.node("dumps_environment", parallelism=3)
    node.leave_alone()
    node.farewell(timeout_s=30)
    (addresses,) = json.loads(stage.log())["addresses"].values()
    assert len(addresses) == 3
    assert len(set(addresses)) == 1


def test_the_cause_of_a_failure_is_as_an_application_master_tells_it(stage):
    """Node, attempt and exception, then the traceback."""
    node = stage.node("sad")
    node.leave_alone()
    cause = node.farewell(timeout_s=30)["cause"]
    assert cause.startswith("worker[0] attempt 0: ValueError: bad value\nTraceback (most recent call last):")
    assert node.wait(30) == 1
    with LocalCluster([python_role("worker", SAD)]) as cluster:
        assert cluster.wait().cause == cause


def test_the_attempt_in_the_cause_is_flinks(stage):
    node = stage.node("sad", execution_attempt=2)
    node.leave_alone()
    assert node.farewell(timeout_s=30)["cause"].startswith("worker[0] attempt 2: ValueError: bad value\n")


def test_a_process_that_is_killed_fails_the_node(stage):
    node = stage.node("forever")
    node.leave_alone()
    pid = node.wait_for("started", timeout_s=30)["pid"]
    os.kill(pid, signal.SIGKILL)
    assert node.farewell(timeout_s=30)["cause"].startswith("worker[0] attempt 0: killed by SIGKILL")


def test_a_process_that_cannot_be_started_fails_the_node(stage):
    node = stage.node("happy", fields={"python": "/no/such/python"})
    node.leave_alone()
    cause = node.farewell(timeout_s=30)["cause"]
    assert cause.startswith("worker[0] attempt 0: the process could not be started: FileNotFoundError")


def test_the_parent_stops_it_in_good_order(stage):
    node = stage.node("serve")
    node.leave_alone()
    eventually(lambda: node.wait_for("started", timeout_s=30) and "serving" in stage.log())
    node.send({"stop": True})
    assert node.farewell(timeout_s=30) == {"event": "stopped"}
    assert stage.log() == "serving\ngoodbye\n"


def test_the_parents_end_ends_everything(stage):
    node = stage.node("ignores_sigterm")
    node.leave_alone()
    pid = node.wait_for("started", timeout_s=30)["pid"]
    eventually(lambda: "deaf" in stage.log())
    node.hang_up()
    assert node.wait(30) == 0
    assert gone(pid)
