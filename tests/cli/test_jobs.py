"""Which job a word means, what `list` and `status` print, how `stop` stops; no Flink is asked."""

from __future__ import annotations

import base64
import json
from collections import deque
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from typer.testing import CliRunner

from ml_framework.errors import CommandFailed
from ml_framework.rpc.wire import AttemptEnd, ClusterStatus, NodeState, NodeStatus
from ml_framework.spec import NodeId, Token
from ml_operator.cli import jobs, master, status
from ml_operator.cli.app import app

if TYPE_CHECKING:
    from support.fake_flink import FakeFlink
    from typer.testing import Result

    from ml_framework.rpc.channel import MasterConnection

FIRST, SECOND, THIRD = "a" * 32, "ab" * 16, "c" * 32
MASTER = "Source: application master<br/>+- {}-application-master<br/>"


def mlflink(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def three(flink_rest: FakeFlink) -> FakeFlink:
    """A job that runs, an earlier one of the same name and cluster, and one of two clusters; and others."""
    flink_rest.tell(
        fit={"id": FIRST, "state": "RUNNING", "operators": [MASTER.format("line"), "worker"], "start": 2000},
        other={"id": SECOND, "state": "FAILED", "operators": [MASTER.format("line")], "start": 1000},
        serve={
            "id": THIRD,
            "state": "RUNNING",
            "operators": [MASTER.format("feed-0a1b"), MASTER.format("flight.delay")],
        },
        plain={"id": "d" * 32, "state": "RUNNING", "operators": ["Source: numbers"]},
    )
    return flink_rest


class TestFind:
    @pytest.mark.parametrize(
        ("word", "job", "clusters"),
        [
            (FIRST, FIRST, ("line",)),
            ("aa", FIRST, ("line",)),
            ("ab", SECOND, ("line",)),
            ("fit", FIRST, ("line",)),
            ("line", FIRST, ["line"]),
            ("serve", THIRD, ("feed-0a1b", "flight.delay")),
            ("flight.delay", THIRD, ["flight.delay"]),
        ],
        ids=["id", "prefix", "ended", "name", "running before ended", "two clusters", "one of two"],
    )
    def test_what_a_word_means(self, three: FakeFlink, word: str, job: str, clusters: list[str]) -> None:
        found, meant = jobs.find(word, three.address)
        assert (found.id, meant) == (job, clusters)

    def test_a_prefix_of_several_prefers_what_runs(self, three: FakeFlink) -> None:
        assert jobs.find("a", three.address)[0].id == FIRST

    def test_several_are_listed(self, three: FakeFlink) -> None:
        three.tell(
            one={"id": FIRST, "state": "RUNNING", "operators": [MASTER.format("line")]},
            two={"id": SECOND, "state": "RUNNING", "operators": [MASTER.format("line")]},
        )
        with pytest.raises(CommandFailed, match=rf"'line' means several jobs.*\n  {FIRST} \(one, RUNNING\)"):
            jobs.find("line", three.address)

    @pytest.mark.parametrize("word", ["plain", "d" * 32, "nobody"])
    def test_nothing_of_that_name_or_without_a_cluster(self, three: FakeFlink, word: str) -> None:
        with pytest.raises(CommandFailed, match=f"there is no job '{word}' at {three.address}"):
            jobs.find(word, three.address)

    def test_no_flink(self) -> None:
        done = mlflink("status", "line", "--cluster", "127.0.0.1:1")
        assert done.exit_code == 1
        assert done.stderr.startswith("mlflink: no Flink answers at 127.0.0.1:1 (")


class TestList:
    def test_running_jobs(self, three: FakeFlink) -> None:
        lines = mlflink("list", "--cluster", three.address).stdout.splitlines()
        assert [line.split()[0] for line in lines] == ["JOB", FIRST, THIRD]
        assert "feed-0a1b, flight.delay" in lines[2]

    def test_all(self, three: FakeFlink) -> None:
        lines = mlflink("list", "--all", "-c", three.address).stdout.splitlines()
        assert [line.split()[0] for line in lines[1:]] == [FIRST, SECOND, THIRD]

    def test_none(self, flink_rest: FakeFlink) -> None:
        flink_rest.tell()
        done = mlflink("list", "-c", flink_rest.address)
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == f"no running job with an ML cluster at {flink_rest.address}\n"


MEASURED = {
    "rows_in": 1_234_567.0,
    "rows_in_per_second": 10_000.0,
    "queue_in_fill": 0.5,
    "wait_ms_per_second": 250.0,
    "memory_bytes": 2.5e9,
    "cpu_cores": 0.91,
}
STATUS = ClusterStatus(
    job="line",
    state="FAILOVER",
    restarts=2,
    page="http://127.0.0.1:4000/?key=x",
    nodes=(
        NodeStatus(
            NodeId("worker", 0),
            Token(1, 1),
            NodeState.RUNNING,
            heartbeat_age_s=0.26,
            numbers={"loss": 0.125, "ratio": float("nan")},
            measured=MEASURED,
            ends=(AttemptEnd(Token(0, 0), NodeState.FAILED, "ValueError: no", 0.0),),
        ),
        NodeStatus(NodeId("ps", 0), Token(0, 0), NodeState.ABSENT),
    ),
    history=("INIT -> RUNNING: all registered",),
)


class TestStatus:
    @pytest.fixture(autouse=True)
    def _told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told = MagicMock(**{"__enter__.return_value.status.return_value": STATUS})
        monkeypatch.setattr(status, "connect", lambda *_: told)

    def test_of_a_cluster(self, three: FakeFlink) -> None:
        done = mlflink("status", "fit", "-c", three.address)
        assert done.exit_code == 0, done.output
        lines = done.stdout.splitlines()
        assert lines[0].startswith(f"job {FIRST} (fit) is RUNNING, begun ")
        assert lines[2] == "ML cluster line is FAILOVER, 2 restarts"
        assert lines[3] == "page: http://127.0.0.1:4000/?key=x"
        worker = "worker/0 running 2 1.23M – 10k – 50 % – 25 % – – 0.91 2.5 GB 0.3 s"
        assert " ".join(lines[5].split()) == worker
        assert " ".join(lines[6].split()) == "ps/0 absent 0" + 12 * " –"
        assert "  worker/0: loss 0.125  ratio nan" in lines
        assert any(line.endswith("worker/0 attempt 0 failed: ValueError: no") for line in lines)
        assert lines[-2:] == ["history", "  INIT -> RUNNING: all registered"]

    def test_as_json(self, three: FakeFlink) -> None:
        told = json.loads(mlflink("status", "serve", "--json", "-c", three.address).stdout)
        assert (told["job"], told["name"], told["state"]) == (THIRD, "serve", "RUNNING")
        assert [cluster["state"] for cluster in told["clusters"]] == ["FAILOVER", "FAILOVER"]
        cluster = told["clusters"][0]
        assert (cluster["job"], cluster["restarts"], cluster["page"]) == ("line", 2, STATUS.page)
        assert cluster["history"] == ["INIT -> RUNNING: all registered"]
        worker = cluster["nodes"][0]
        assert (worker["node"], worker["attempt"], worker["measured"]) == ("worker/0", 2, MEASURED)
        assert worker["numbers"] == {"loss": 0.125, "ratio": None}  # JSON has no NaN
        assert worker["ends"][0]["cause"] == "ValueError: no"
        ended = json.loads(mlflink("status", SECOND, "--json", "-c", three.address).stdout)
        assert (ended["state"], ended["clusters"]) == ("FAILED", [])

    def test_of_two_clusters(self, three: FakeFlink) -> None:
        assert mlflink("status", "serve", "-c", three.address).stdout.count("\nML cluster ") == 2
        assert mlflink("status", "flight.delay", "-c", three.address).stdout.count("\nML cluster ") == 1

    def test_of_a_job_that_has_failed(self, three: FakeFlink) -> None:
        trace = (
            "JobException: it failed\n\tat x\nCaused by: NodeFailure: worker[0] attempt 0: ValueError: no\n"
        )
        three.answers[f"GET /jobs/{SECOND}/exceptions"] = {
            "exceptionHistory": {"entries": [{"stacktrace": trace}]}
        }
        done = mlflink("status", SECOND, "-c", three.address)
        assert done.exit_code == 0
        assert done.stdout.splitlines()[0].startswith(f"job {SECOND} (other) is FAILED, begun ")
        assert done.stdout.splitlines()[1:] == [
            "its ML cluster is gone; the cause: NodeFailure: worker[0] attempt 0: ValueError: no"
        ]


class TestStop:
    def savepoint(self, three: FakeFlink, operation: dict[str, Any]) -> None:
        three.answers[f"POST /jobs/{FIRST}/stop"] = {"request-id": "7"}
        three.answers[f"GET /jobs/{FIRST}/savepoints/7"] = deque(
            [{"status": {"id": "IN_PROGRESS"}}, {"status": {"id": "COMPLETED"}, "operation": operation}]
        )

    def test_behind_a_savepoint(self, three: FakeFlink) -> None:
        self.savepoint(three, {"location": "file:/shared/savepoint-1"})
        done = mlflink("stop", "fit", "-c", three.address, "--savepoint", "/shared", "--drain")
        assert (done.exit_code, done.stdout) == (0, "file:/shared/savepoint-1\n")
        body = {"targetDirectory": "file:///shared", "drain": True}
        assert (f"POST /jobs/{FIRST}/stop", body) in three.asked

    def test_a_savepoint_that_fails(self, three: FakeFlink) -> None:
        trace = "CheckpointException: no\n\tat x\nCaused by: java.io.IOException: no room\n\tat y\n"
        self.savepoint(three, {"failure-cause": {"class": "x", "stack-trace": trace}})
        done = mlflink("stop", "fit", "-c", three.address, "--savepoint", "s3://bucket/x")
        assert done.exit_code == 1
        assert done.stderr == (
            f"mlflink: the job {FIRST} goes on, no savepoint could be taken: java.io.IOException: no room\n"
        )
        body = {"targetDirectory": "s3://bucket/x", "drain": False}
        assert (f"POST /jobs/{FIRST}/stop", body) in three.asked

    def late(self, three: FakeFlink, *history: dict[str, Any]) -> str:
        """What is said of a job that does not end in time."""
        three.answers[f"POST /jobs/{FIRST}/stop"] = {"request-id": "7"}
        three.answers[f"GET /jobs/{FIRST}/savepoints/7"] = {"status": {"id": "IN_PROGRESS"}}
        three.answers[f"GET /jobs/{FIRST}/checkpoints"] = {"history": list(history)}
        done = mlflink("stop", "fit", "-c", three.address, "--savepoint", "/shared", "--timeout", "0.05")
        assert (done.exit_code, done.stdout) == (1, "")
        return done.stderr

    def test_a_savepoint_that_takes_too_long(self, three: FakeFlink) -> None:
        counts = {"num_subtasks": 5, "num_acknowledged_subtasks": 3}
        checkpoint = {"is_savepoint": False, "status": "IN_PROGRESS", **counts}
        savepoint = {"is_savepoint": True, "status": "IN_PROGRESS", **counts}
        assert self.late(three, checkpoint, savepoint) == (
            f"mlflink: the job {FIRST} has not stopped within 0.05 s; Flink goes on with that: 3 of 5 "
            f"subtasks have saved their state. See http://{three.address}/#/job/running/{FIRST}/checkpoints; "
            "--timeout has this command wait longer\n"
        )
        done = {**savepoint, "status": "COMPLETED"}
        assert "no savepoint is being taken any more, and the job is RUNNING. See" in self.late(three, done)

    def test_a_job_that_is_not_cancelled_in_time(self, three: FakeFlink) -> None:
        three.answers[f"PATCH /jobs/{FIRST}"] = {}
        done = mlflink("stop", "fit", "-c", three.address, "--timeout", "0")
        assert done.exit_code == 1
        assert done.stderr == (
            f"mlflink: the job {FIRST} was told to stop and still runs after 0 s: see its page in Flink, "
            f"http://{three.address}/#/job/running/{FIRST}\n"
        )

    def test_without(self, three: FakeFlink) -> None:
        three.answers[f"PATCH /jobs/{FIRST}"] = {}
        details = three.answers[f"GET /jobs/{FIRST}"]
        three.answers[f"GET /jobs/{FIRST}"] = deque([details, details, {**details, "state": "CANCELED"}])
        assert mlflink("stop", "fit", "-c", three.address).exit_code == 0
        assert (f"PATCH /jobs/{FIRST}?mode=cancel", {}) in three.asked

    def test_what_has_ended(self, three: FakeFlink) -> None:
        done = mlflink("stop", SECOND, "-c", three.address)
        assert (done.exit_code, done.stderr) == (1, f"mlflink: the job {SECOND} is FAILED already\n")

    def test_what_flink_refuses(self, three: FakeFlink) -> None:
        done = mlflink("stop", "fit", "-c", three.address)
        assert (done.exit_code, done.stderr) == (
            1,
            f"mlflink: Flink at {three.address} refused: Not found.\n",
        )

    def test_drain_alone_is_misuse(self, three: FakeFlink) -> None:
        assert mlflink("stop", "fit", "-c", three.address, "--drain").exit_code == 2


class TestMaster:
    """Where the application master is, by what a coordinator answers."""

    def find(self, three: FakeFlink, text: bytes) -> MasterConnection:
        path = f"POST /jobs/{FIRST}/coordinators/line-application-master"
        three.answers[path] = {"serializedCoordinationResult": base64.b64encode(text).decode()}
        return master.connect(*self.job(three))

    def job(self, three: FakeFlink) -> tuple[jobs.Job, str]:
        job, (cluster,) = jobs.find("line", three.address)
        return job, cluster

    def test_is_found(self, three: FakeFlink) -> None:
        text = b'\xac\xed\x00\x05...xt\x00R{"master":"127.0.0.1:5","token":"secret"}'
        with self.find(three, text) as found:
            assert found.address == "127.0.0.1:5"
            assert found._metadata == (("authorization", "Bearer secret"),)
        _, body = three.asked[-1]
        assert base64.b64decode(body["serializedCoordinationRequest"]) == master.REQUEST

    def test_is_not_there_yet(self, three: FakeFlink) -> None:
        with pytest.raises(
            CommandFailed, match=r"'line' is not there: the job a+ is being started, or has just"
        ):
            self.find(three, b"\xac\xed\x00\x05...xt\x00\x00")

    def test_is_not_there_any_more(self, three: FakeFlink) -> None:
        with pytest.raises(CommandFailed, match="'line' is not there"):
            master.connect(*self.job(three))
