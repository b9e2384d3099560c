"""What is said of an address at which something else than Flink answers."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ml_framework.errors import CommandFailed
from ml_operator.cli.app import app
from ml_operator.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Iterator

SSH = b"SSH-2.0-OpenSSH_9.6\r\n"


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address at which every request gets these bytes, and then the end of the connection."""

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                if not connection.recv(1 << 16):
                    return
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield "{}:{}".format(*server.getsockname())
        finally:
            socket.create_connection(server.getsockname()).close()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (SSH, "no Flink answers at .* no HTTP, or stops halfway: 'SSH-2.0-OpenSSH_9.6'"),
        (b"", "no Flink answers at .* stops halfway: 'Remote end closed connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "no Flink answers at .* 7 more expected"),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", "no Flink answers at .*Expecting value"),
        (b"HTTP/1.1 500 no\r\nContent-Length: 9\r\n\r\n{}", "refused: HTTP 500"),
        (b"HTTP/1.1 403 no\r\n\r\n[]", "refused: HTTP 403"),
    ],
    ids=["ssh", "nothing", "half an answer", "another page", "half a refusal", "another refusal"],
)
def test_what_is_no_flink_is_told(answer: bytes, told: str) -> None:
    with answering(answer) as address, pytest.raises(CommandFailed, match=told):
        Rest(address).get("overview")


def test_a_command_says_it_in_a_sentence() -> None:
    with answering(SSH) as address:
        done = CliRunner().invoke(app, ["list", "-c", address])
    assert done.exit_code == 1
    assert re.fullmatch(r"mlflink: no Flink answers at [\d.:]+ \(.*\): is the cluster up, .*\n", done.stderr)
