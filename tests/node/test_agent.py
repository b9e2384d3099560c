"""What an agent promises to its parent and to the application master, with real processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from datetime import timedelta

import psutil
import pytest
from support.environments import bare_environment

from ml_framework.byte_queue import Consumer, Doorbell, MappedQueue
from ml_framework.codec import Schema, plan_layout
from ml_framework.rpc import wire
from ml_framework.runner import PythonRunner
from ml_framework.spec import NodeId, Token
from ml_framework.testing.child import Child
from ml_framework.testing.waiting import eventually, gone

NODE = NodeId("worker", 0)


# How a process can end


def test_success_is_reported_and_ends_the_agent(stage):
    """Exit code 0 is success; the agent says so to both sides, and its exit code is 0."""
    node = stage.node("happy")
    pid = stage.start(node)
    ended = stage.master.outcome(NODE)
    assert (ended.outcome, ended.failure) == (wire.Outcome.SUCCEEDED, None)
    stage.master.tell(wire.Finish())
    assert node.farewell(timeout_s=30) == {"event": "succeeded"}
    assert node.events[0] == {"event": "started", "attempt": 0, "pid": pid}
    assert node.wait(30) == 0
    assert stage.log() == "worker[0] of 1, attempt 0\n"


@pytest.mark.parametrize(
    ("program", "summary", "first_line", "last_line"),
    [
        (
            "sad",
            "ValueError: bad value",
            "Traceback (most recent call last):",
            "ValueError: bad value",
        ),
        ("exit_3", "sys.exit(3)", "Traceback (most recent call last):", "SystemExit: 3"),
        ("exit_hard", "exit code 7", "about to go", "about to go"),
        ("killed", "killed by SIGKILL", "", ""),
    ],
)
def test_the_first_cause_is_told(stage, program, summary, first_line, last_line):
    """An exception comes with its traceback, any other end with its code or signal and the last output."""
    before_s = time.time()
    stage.start(stage.node(program))
    failure = stage.master.outcome(NODE).failure
    assert failure.summary.partition(", by somebody else")[0] == summary
    lines = failure.detail.strip().split("\n")
    assert (lines[0], lines[-1]) == (first_line, last_line)
    assert before_s < failure.time_s < time.time()
    assert not failure.collateral


def test_a_traceback_begins_at_the_users_code(stage):
    """None of our frames stand before the user's."""
    stage.start(stage.node("sad"))
    lines = stage.master.outcome(NODE).failure.detail.split("\n")
    assert lines[1].endswith(", in sad")
    assert lines[2].strip() == 'raise ValueError("bad value")'


def test_a_crash_in_native_code_shows_where_python_was(stage):
    """A segmentation fault names its signal, and its detail names the Python function."""
    stage.start(stage.node("segfault"))
    failure = stage.master.outcome(NODE).failure
    assert failure.summary == "killed by SIGSEGV (segmentation fault)"
    assert "programs.py" in failure.detail
    assert "in segfault" in failure.detail


def test_an_entrypoint_that_cannot_be_imported_is_an_exception_like_any_other(stage, tmp_path):
    """The traceback of a failing import begins in the module that fails."""
    (tmp_path / "broken_script.py").write_text("import no_such_module_at_all\ndef main(ctx): pass\n")
    stage.start(stage.node_running(PythonRunner("broken_script:main", python_path=(str(tmp_path),))))
    failure = stage.master.outcome(NODE).failure
    assert failure.summary == "ModuleNotFoundError: No module named 'no_such_module_at_all'"
    assert failure.detail.split("\n")[1].endswith('broken_script.py", line 1, in <module>')


def test_an_interpreter_that_does_not_exist_is_told_of(stage):
    """A process that cannot be started is a failure of the attempt, with the reason."""
    node = stage.node("happy", fields={"python": "/no/such/python"})
    address = stage.registered(node).address
    stage.master.tell(wire.Start(stage.cluster(address)))
    failure = stage.master.outcome(NODE).failure
    assert failure.summary.startswith("the process could not be started: FileNotFoundError")
    assert "/no/such/python" in failure.summary


# What the AM can ask for


def test_abort_ends_a_running_process_and_passes_the_cause_on(stage):
    """The agent stops its process and says the cause that it was given."""
    node = stage.node("forever")
    pid = stage.start(node)
    stage.master.tell(wire.Abort("worker[1] attempt 0: ValueError: bad value"))
    assert node.farewell(timeout_s=30) == {
        "event": "failed",
        "cause": "worker[1] attempt 0: ValueError: bad value",
    }
    assert gone(pid)
    assert node.wait(30) == 1


def test_a_server_that_looks_at_stopping_ends_by_itself(stage):
    """Code that waits for `ctx.stopping` is not interrupted: it finishes what it does."""
    node = stage.node("serve")
    stage.start(node)
    eventually(lambda: "serving" in stage.log())
    stage.master.tell(wire.StopNode())
    assert stage.master.outcome(NODE).outcome is wire.Outcome.STOPPED
    assert stage.log() == "serving\ngoodbye\n"
    stage.master.tell(wire.Finish())
    assert node.farewell(timeout_s=30) == {"event": "stopped"}


def test_a_loop_that_never_looks_is_unwound(stage, tmp_path):
    """Code that does not look at `ctx.stopping` is interrupted, and its ``finally`` blocks run."""
    file = tmp_path / "trace"
    stage.start(stage.node("cleans_up", {"file": str(file)}))
    eventually(lambda: "for ever" in stage.log())
    stage.master.tell(wire.StopNode())
    assert stage.master.outcome(NODE).outcome is wire.Outcome.STOPPED
    assert file.read_text() == "cleaned up"


def test_a_process_that_ignores_the_wish_is_killed_after_the_grace(stage):
    """SIGKILL comes after `stop_grace`, not before."""
    node = stage.node("ignores_sigterm", timeouts=stage.timeouts(stop_grace=timedelta(seconds=1)))
    pid = stage.start(node)
    eventually(lambda: "deaf" in stage.log())
    before_s = time.monotonic()
    stage.master.tell(wire.StopNode())
    assert stage.master.outcome(NODE).outcome is wire.Outcome.STOPPED
    assert 0.9 < time.monotonic() - before_s < 15
    assert gone(pid)


def test_a_registered_node_can_be_stopped_before_it_ran(stage):
    """Stopping a node that was never started needs no process."""
    node = stage.node("happy")
    stage.registered(node)
    stage.master.tell(wire.StopNode())
    assert stage.master.outcome(NODE).outcome is wire.Outcome.STOPPED
    stage.master.tell(wire.Finish())
    assert node.farewell(timeout_s=30) == {"event": "stopped"}


def test_restart_stops_what_runs_and_registers_anew(stage):
    """The next attempt has the token's number, another process and an address of its own."""
    node = stage.node("forever")
    first = stage.start(node)
    stage.master.tell(wire.Restart(Token(0, 1)))
    again = stage.registered(node, count=2)
    assert again.token == Token(0, 1)
    assert gone(first)
    second = stage.start(node, count=2)
    assert stage.master.wait_for(wire.Started, count=2).token == Token(0, 1)
    node.wait_for("started", timeout_s=10, count=2)
    assert [event for event in node.events if event["event"] != "measured"] == [
        {"event": "started", "attempt": 0, "pid": first},
        {"event": "started", "attempt": 1, "pid": second},
    ]
    assert not [event for event in stage.master.events if isinstance(event, wire.Ended)]


def test_the_address_of_a_process_that_binds_it_is_kept(stage):
    """It is nobody else's, the same over restarts, and connections reach whoever listens there."""

    def listen(ctx):
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            host, port = ctx.addresses["worker"][0].split(":")
            server.bind((host, int(port)))
            server.listen()
            connection, _ = server.accept()
            with connection:
                connection.sendall(f"attempt {ctx.attempt}".encode())

    class Server(PythonRunner):
        binds_address = True

    node = stage.node_running(Server(listen))
    for attempt in range(2):
        address = stage.registered(node, count=attempt + 1).address
        host, port = address.split(":")
        with pytest.raises(OSError, match="in use"):
            socket.create_server((host, int(port)))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)))
        stage.master.tell(wire.Start(stage.cluster(address)))
        assert eventually(lambda: _received(host, int(port))) == f"attempt {attempt}"  # noqa: B023
        assert stage.master.wait_for(wire.Ended, count=attempt + 1).outcome is wire.Outcome.SUCCEEDED
        stage.master.tell(wire.Restart(Token(0, attempt + 1)))
    assert stage.registered(node, count=3).address == address


def _received(host, port):
    try:
        with socket.create_connection((host, port)) as connection:
            return connection.makefile().read()
    except ConnectionRefusedError:
        return None


def test_a_failed_attempt_can_be_restarted(stage):
    """After its failure was reported a node goes on with the next attempt."""
    node = stage.node("die_on_attempt", {"attempts": [0]})
    stage.start(node)
    stage.master.outcome(NODE)
    stage.master.tell(wire.Restart(Token(0, 1)))
    stage.start(node, count=2)
    assert stage.master.wait_for(wire.Ended, count=2).outcome is wire.Outcome.SUCCEEDED
    assert stage.log(attempt=1) == "attempt 1\n"


def test_attempts_count_flinks_and_our_own(stage):
    """What users see as attempt is Flink's execution attempt plus the restarts in place."""
    node = stage.node("happy", execution_attempt=2)
    stage.start(node)
    assert stage.master.outcome(NODE).token == Token(2, 0)
    assert stage.log(attempt=2) == "worker[0] of 1, attempt 2\n"


def test_a_refused_node_fails_with_the_reason(stage):
    """A stale node is told why, and harms nobody but itself."""
    node = stage.node("happy")
    stage.registered(node)
    stage.master.tell(wire.Refuse("token 0.0 is stale"))
    assert node.farewell(timeout_s=30) == {
        "event": "failed",
        "cause": "worker[0] attempt 0: refused by the application master: token 0.0 is stale",
    }


# Numbers and heartbeats


def test_numbers_reach_the_am(stage):
    """What user code logs is in the next heartbeat, and heartbeats go on."""
    stage.start(stage.node("happy"))
    stage.master.outcome(NODE)
    beats = eventually(
        lambda: [
            event for event in stage.master.events if isinstance(event, wire.Heartbeat) and event.numbers
        ]
    )
    assert beats[0].numbers["attempt"] == 0
    stage.master.wait_for(wire.Heartbeat, count=len(beats) + 3)


def test_heartbeats_behind_the_end_measure_nothing(stage):
    """They go on until everybody has ended; what was measured of the process at its end is the last."""
    stage.start(stage.node("happy"))
    stage.master.outcome(NODE)

    def halves():
        events = list(stage.master.events)
        end = next(index for index, event in enumerate(events) if isinstance(event, wire.Ended))
        return (events[:end], events[end + 1 :]) if len(events) > end + 3 else None

    before, behind = eventually(halves)
    assert before[-1].measured["attempt"] == 0
    assert [event.measured for event in behind] == [{}] * len(behind)


# The parent


@pytest.mark.parametrize("program", ["forever", "forks_children", "ignores_sigterm"])
def test_the_parents_end_ends_everything(stage, program):
    """When its standard input ends, the agent ends its process, a deaf one and children too, and goes."""
    node = stage.node(program, {"forever": True})
    pid = stage.start(node)
    eventually(stage.log)
    node.hang_up()
    assert node.wait(30) == 0
    assert gone(pid)
    stage.assert_nothing_left()


def test_the_parent_can_stop_a_node(stage):
    """The wish to stop ends the process in good order, and to the AM that is no failure."""
    node = stage.node("serve")
    stage.start(node)
    eventually(lambda: "serving" in stage.log())
    node.send({"stop": True})
    assert node.farewell(timeout_s=30) == {"event": "stopped"}
    assert stage.log() == "serving\ngoodbye\n"
    assert stage.master.outcome(NODE).outcome is wire.Outcome.STOPPED


def test_sigterm_fails_an_agent(stage):
    """It is nobody's wish whose node this is: taken for a stop in good order, it would lose rows unheard."""
    node = stage.node("forever")
    pid = stage.start(node)
    node.process.terminate()
    cause = "worker[0] attempt 0: its agent was sent SIGTERM"
    assert node.farewell(timeout_s=30) == {"event": "failed", "cause": cause}
    assert gone(pid)


def test_a_parent_that_goes_before_it_has_said_anything():
    """An agent without an assignment ends with its standard input."""
    with Child((sys.executable, "-m", "ml_framework.node")) as agent:
        agent.hang_up()
        assert agent.wait(10) == 0
    assert agent.events == []


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ({"role": "worker"}, "the assignment is not usable: KeyError: 'job_id'"),
        ([], "the parent sent a line that is no JSON object"),
    ],
)
def test_a_bad_assignment_is_told_of(line, cause):
    """The cause says what is wrong."""
    with Child((sys.executable, "-m", "ml_framework.node")) as agent:
        agent.send(line)
        assert agent.wait(10) == 1
    assert agent.events == [{"event": "failed", "cause": cause}]


def test_an_unknown_message_fails_the_node(stage):
    """A parent that is not understood is told so, and nothing is left."""
    node = stage.node("forever")
    pid = stage.start(node)
    node.send({"dance": True})
    cause = node.farewell(timeout_s=30)["cause"]
    assert cause == "the parent sent an unknown message with the keys ['dance']"
    assert gone(pid)


# Sudden deaths


def test_an_agent_that_is_killed_takes_its_process_and_the_children_along(stage):
    """Nobody cleans up after a killed agent, so its process sees the end of the control socket."""
    node = stage.node("forks_children", {"forever": True})
    pid = stage.start(node)
    eventually(lambda: "children" in stage.log())
    children = json.loads(stage.log().split("\n")[0])["children"]
    node.process.kill()
    eventually(lambda: gone(pid) and all(map(gone, children)))


def test_children_do_not_outlive_a_process_that_has_ended(stage):
    """What a process leaves running in its group is killed when it ends."""
    stage.start(stage.node("forks_children"))
    assert stage.master.outcome(NODE).outcome is wire.Outcome.SUCCEEDED
    children = json.loads(stage.log().split("\n")[0])["children"]
    eventually(lambda: all(map(gone, children)))


def test_a_process_killed_from_outside_is_a_failure(stage):
    """Only the agent's own signal counts as stopping."""
    node = stage.node("forever")
    pid = stage.start(node)
    eventually(lambda: "for ever" in stage.log())
    os.kill(pid, signal.SIGTERM)
    ended = stage.master.outcome(NODE)
    assert ended.failure.summary == "exit code 143 (SIGTERM)"


# The AM's absence


def test_an_am_that_does_not_answer_is_named(stage):
    """The cause names the node, the address and the time waited."""
    node = stage.node("happy", timeouts=stage.timeouts(connect=timedelta(seconds=0.5)))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        node.attend(address, "token")
        last = node.farewell(timeout_s=30)
        assert last["event"] == "failed"
        told = f"worker[0]: the application master at {address} did not answer within 0.5 s: "
        assert last["cause"].startswith(told)
        assert "mlonflink.advertised-host" in last["cause"]


def test_an_am_that_goes_away_ends_the_node(stage):
    """Without an AM a process would run unsupervised: it is stopped, and the cause says so."""
    node = stage.node("forever")
    pid = stage.start(node)
    stage.master.go_away()
    cause = node.farewell(timeout_s=30)["cause"]
    assert cause.startswith(f"worker[0] attempt 0: the application master at {stage.master.address} ")
    assert gone(pid)


def test_the_wrong_job_token_is_not_let_in(stage):
    """The AM's answer is passed on as the cause."""
    node = stage.node("happy")
    node.attend(stage.master.address, "wrong")
    cause = node.farewell(timeout_s=30)["cause"]
    assert cause.startswith("worker[0]")
    assert "UNAUTHENTICATED" in cause


# Output


def test_output_is_shown_with_its_origin(stage, tmp_path):
    """Every line goes to the agent's standard error, behind role and index, and as it is to the log."""
    with (tmp_path / "stderr").open("wb") as stderr:
        node = stage.node("says", {"lines": ["one", "zwölf", ""]}, stderr=stderr)
        stage.start(node)
        stage.master.outcome(NODE)
        stage.master.tell(wire.Finish())
        node.farewell(timeout_s=30)
    shown = (tmp_path / "stderr").read_text().splitlines()
    assert [line for line in shown if "|" in line] == ["worker[0] | one", "worker[0] | zwölf", "worker[0] | "]
    assert stage.log() == "one\nzwölf\n\n"


@pytest.mark.parametrize("line_bytes", [100, 10_000_000])
def test_a_flood_of_output_harms_nobody(stage, line_bytes):
    """50 MB that nobody reads pass, the end into the log, without blocking anybody or filling memory."""
    read_end, write_end = os.pipe()
    node = stage.node(
        "flood", {"bytes": 50_000_000, "line_bytes": line_bytes}, stderr=write_end, log_bytes=16 << 20
    )
    os.close(write_end)
    stage.start(node)
    assert stage.master.wait_for(wire.Ended, timeout_s=30).outcome is wire.Outcome.SUCCEEDED
    assert psutil.Process(node.pid).memory_info().rss < 150_000_000
    parts = sorted((stage.log_dir / "attempt_0").iterdir(), reverse=True)
    assert [part.name for part in parts] == [
        *(f"worker-0.log.{number}" for number in (3, 2, 1)),
        "worker-0.log",
    ]
    log = b"".join(part.read_bytes() for part in parts)
    assert 12 << 20 <= len(log) <= 16 << 20
    assert log.splitlines(keepends=True)[-1] == b"x" * (line_bytes - 1) + b"\n"
    stage.master.tell(wire.Finish())
    assert node.farewell(timeout_s=30) == {"event": "succeeded"}
    os.close(read_end)


# What the process finds


def test_the_process_inherits_what_it_needs_and_no_more(stage):
    """Standard streams, control and listening socket; no module that it did not ask for; the environment."""
    node = stage.node("dumps_environment", env={"FROM_JOB": "yes"})
    stage.start(node)
    stage.master.outcome(NODE)
    seen = json.loads(stage.log())
    assert seen["modules"] == []
    assert len(seen["descriptors"]) == 7  # 0, 1, 2, control, listen, counters, and the listing's own
    assert seen["environment"]["FROM_JOB"] == "yes"
    assert seen["addresses"] == {"worker": [stage.master.wait_for(wire.Registered).address]}
    assert seen["python"] == sys.executable


def test_another_interpreter_gets_our_packages_and_nothing_of_ours_besides(stage, tmp_path, monkeypatch):
    """`python=` runs an interpreter that has numpy alone, and finds our code."""
    monkeypatch.chdir(tmp_path)  # our sources are not to be found by chance
    python = bare_environment(tmp_path / "venv")
    node = stage.node("dumps_environment", fields={"python": str(python)})
    stage.start(node)
    assert stage.master.outcome(NODE).outcome is wire.Outcome.SUCCEEDED, stage.log()
    seen = json.loads(stage.log())
    assert seen["python"] == str(python)
    assert seen["modules"] == []
    assert seen["context"] == str(node.directory / "packages" / "ml_framework" / "context" / "__init__.py")


# Checkpoints


def test_aborted_checkpoints_reach_the_process_that_runs(stage):
    """Each id that the parent names is in `ControlSocket.aborted`; while no process runs it is dropped."""

    def entrypoint(ctx):
        print("ready", flush=True)
        eventually(lambda: {8, 1 << 40} <= ctx._control.aborted)
        print(sorted(ctx._control.aborted))

    node = stage.node_running(PythonRunner(entrypoint))
    node.send({"aborted": 7})
    stage.start(node)
    eventually(stage.log)
    node.send({"aborted": 8})
    node.send({"aborted": 1 << 40})
    assert stage.master.outcome(NODE).outcome is wire.Outcome.SUCCEEDED, stage.log()
    assert stage.log() == f"ready\n[8, {1 << 40}]\n"
    node.send({"aborted": 9})
    stage.master.tell(wire.Finish())
    assert node.farewell(timeout_s=30) == {"event": "succeeded"}


BARE = """
class Context:
    returned = False

    def __init__(self, launch, control):
        self.launch = launch

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
"""
"""A context that leaves the queues alone."""


@pytest.fixture
def restored_node(stage, tmp_path):
    """Makes a node with input that gets pieces of state, and runs a function of its bare context."""

    def make(entrypoint, restored):
        (tmp_path / "bare.py").write_text(BARE)
        runner = PythonRunner(entrypoint, context="bare:Context", python_path=(str(tmp_path),))
        fields = {"input_layout": plan_layout(Schema.parse([("x", "BIGINT NOT NULL")])).to_json()}
        return stage.node_running(runner, fields=fields, queue_bytes=1 << 12, restored=restored)

    return make


def test_what_a_checkpoint_holds_reaches_the_process_first(stage, restored_node):
    """The launch tells the number of pieces; they lie in the queue before any row, whatever their size."""

    def entrypoint(ctx):
        fds = ctx.launch.descriptors
        consumer = Consumer(MappedQueue.open(fds.input), Doorbell(socket.socket(fileno=fds.bell)))

        def receive():
            frame = consumer.receive(10)
            content = bytes(frame.payload)
            frame.release()
            return frame.kind, content

        for _ in range(ctx.launch.restored):
            kind, length = receive()
            missing = int.from_bytes(length, "little")
            while missing:
                kind, piece = receive()
                missing -= len(piece)
            print(kind.name, int.from_bytes(length, "little"), missing, set(piece))
        print(receive()[0].name)

    node = restored_node(entrypoint, [b"a" * 100_000, b"", b"b"])
    stage.start(node)
    node.flink.feed(x=[1])
    assert stage.master.outcome(NODE).outcome is wire.Outcome.SUCCEEDED, stage.log()
    assert stage.log() == "STATE 100000 0 {97}\nSTATE 0 0 {97}\nSTATE 1 0 {98}\nBATCH\n"


def test_a_node_whose_state_was_restored_is_not_restarted_in_place(stage, restored_node):
    """Its state has been read out of the queue; only Flink can bring it there again."""
    node = restored_node(lambda _: signal.pause(), [b"state"])
    pid = stage.start(node)
    stage.master.tell(wire.Restart(Token(0, 1)))
    assert node.farewell(timeout_s=30) == {
        "event": "failed",
        "cause": "worker[0] attempt 0: its state came out of a checkpoint, "
        "which only a restart by Flink restores",
    }
    assert gone(pid)


def test_restored_state_needs_a_queue_to_come_through(stage):
    """An assignment that contradicts itself is told of."""
    assert stage.node("happy", restored=[b"state"]).farewell(timeout_s=30) == {
        "event": "failed",
        "cause": "worker[0]: 1 pieces of restored state cannot come to it",
    }
