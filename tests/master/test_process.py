"""The real process, over standard input and output."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import cloudpickle
import httpx
import pytest

from ml_framework.config import RestartPolicy, Timeouts, to_json
from ml_framework.master import Snapshot, TableMachine
from ml_framework.rpc.channel import fetch_status
from ml_framework.spec import JobSpec, RoleSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 60
CONFIG = {
    "job": JobSpec("job", (RoleSpec("worker", 2),)).to_json(),
    "timeouts": to_json(Timeouts()),
    "restart": to_json(RestartPolicy()),
    "host": "127.0.0.1",
    "bind_host": "127.0.0.1",
    "port": 0,
    "page": "off",
    "page_port": 0,
    "token": "the-secret",
    "machine": None,
}


@contextmanager
def master(config: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_framework.master"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        tell(process, config)
        yield process
    finally:
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen[str], message: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message) + "\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def test_it_listens_answers_and_stops_when_asked() -> None:
    """Listening is announced with an address that answers; a stop ends the process with status 0."""
    timeouts = {**CONFIG["timeouts"], "stop_grace": 0.1, "heartbeat_interval": 0.1}
    with master({**CONFIG, "timeouts": timeouts}) as process:
        listening = heard(process)
        assert listening["event"] == "listening"
        status = fetch_status(listening["address"], "the-secret", LIMIT_S)
        assert (status.job, status.state, len(status.nodes)) == ("job", "INIT", 2)
        tell(process, {"stop": True})
        assert heard(process) == {"event": "stopped", "status": ANY}
        process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0


def test_its_page_goes_with_it_and_says_nothing() -> None:
    """Whoever looks at it then is answered, and the log is of the AM alone."""
    timeouts = {**CONFIG["timeouts"], "stop_grace": 2.0, "heartbeat_interval": 0.1}
    with master({**CONFIG, "timeouts": timeouts, "page": "advertised"}) as process, httpx.Client() as browser:
        listening = heard(process)
        page = fetch_status(listening["address"], "the-secret", LIMIT_S).page
        assert page.startswith(f"{listening['page']}?token=")
        browser.get(page, follow_redirects=True).raise_for_status()
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(browser.get, f"{listening['page']}api/status?state=INIT")
            tell(process, {"stop": True})
            assert answer.result(LIMIT_S).json()["state"] in {"INIT", "STOPPING", "STOPPED"}
        assert heard(process) == {"event": "stopped", "status": ANY}
        said = process.communicate(timeout=LIMIT_S)[1]
        assert process.returncode == 0
        assert "Traceback" not in said
        assert page.partition("=")[2] not in said


def test_an_incomplete_gang_fails_with_names_and_numbers() -> None:
    """Status 1, and the one cause on standard output."""
    with master({**CONFIG, "timeouts": {**CONFIG["timeouts"], "gang": 0.1}}) as process:
        heard(process)
        cause = "worker[0] and 1 more of 2 nodes had not registered after 0.1 s"
        assert heard(process) == {"event": "failed", "cause": cause}
        assert process.wait(LIMIT_S) == 1


def test_it_goes_with_its_parent_and_keeps_its_secret() -> None:
    """The end of standard input ends the process; the token is in no log."""
    with master(CONFIG) as process:
        heard(process)
        output, log = process.communicate(timeout=LIMIT_S)
        assert (process.returncode, output) == (1, "")
        assert "the parent has gone" in log
        assert "the-secret" not in log


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"job": {}}, "configuration is not usable"),
        ({"timeouts": {"gang": -1}}, "Timeouts.gang is"),
        ({"host": "0.0.0.0"}, "announces '0.0.0.0', to which nobody can connect: set taskmanager.host"),
        (
            {"host": "192.0.2.7", "bind_host": "192.0.2.7"},
            "set taskmanager.host or mlonflink.advertised-host",
        ),
        ({"bind_host": "192.0.2.7"}, "That is mlonflink.bind-host: set it to an address of this host"),
    ],
)
def test_an_unusable_configuration_is_a_failure_with_a_reason(change: dict[str, Any], cause: str) -> None:
    """The parent hears why on standard output, not only in the log."""
    with master({**CONFIG, **change}) as process:
        failed = heard(process)
        assert failed["event"] == "failed"
        assert cause in failed["cause"]
        assert process.wait(LIMIT_S) == 1


def test_it_leads_a_session_of_its_own() -> None:
    """A Ctrl-C in the terminal reaches it only through its parent."""
    with master(CONFIG) as process:
        heard(process)
        assert os.getsid(process.pid) == process.pid


def test_a_framework_brings_its_own_machine_and_cannot_spoil_the_protocol() -> None:
    """The pickled machine decides; what it prints goes to the log."""
    machine = base64.b64encode(cloudpickle.dumps(_loud_machine())).decode()
    with master({**CONFIG, "machine": machine}) as process:
        assert heard(process)["event"] == "listening"
        tell(process, {"stop": True})
        assert heard(process) == {"event": "failed", "cause": "application master: I do not stop"}
        assert process.wait(LIMIT_S) == 1


def _loud_machine() -> TableMachine:
    class LoudMachine(TableMachine):
        def step(self, snapshot: Snapshot, event: Any) -> Any:
            print("hello from the machine")
            raise ValueError("I do not stop")

    return LoudMachine()
