"""The control socket: the wish to stop, and what happens when the agent is gone."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from ml_framework.context.control import ControlSocket
from ml_framework.errors import PeerLost

_PROGRAM = """
import subprocess, sys, threading
from ml_framework.context.control import ControlSocket
control = ControlSocket(int(sys.argv[1]))
child = subprocess.Popen(["sleep", "100"])
print(child.pid, flush=True)
threading.Event().wait()
"""


def test_the_wish_to_stop_sets_the_event(task: Any) -> None:
    """`ctx.stopping` is set by the agent's message, and by nothing else."""
    with task.context() as ctx:
        task.agent.sendall(b'{"unknown": 1}\n')
        assert not ctx.stopping.is_set()
        task.agent.sendall(b'{"stop": true}\n')
        assert ctx.stopping.wait(10)


def test_aborted_checkpoints_are_collected(task: Any) -> None:
    """Each id that the agent names is in the set, until whoever deals with it discards it."""
    control = task.control
    assert control.aborted == set()
    task.agent.sendall(b'{"aborted": 3}\n{"aborted": 12}\n{"stop": true}\n')
    assert control.stopping.wait(10)
    assert control.aborted == {3, 12}


def test_the_end_of_the_agent_is_noticed() -> None:
    """Reading tells at once, and sending fails with the reason."""
    agent, process = socket.socketpair()
    lost = threading.Event()
    control = ControlSocket(process.detach(), on_lost=lost.set)
    agent.close()
    assert lost.wait(10)
    with pytest.raises(PeerLost, match="agent"):
        control.send({"numbers": {}})
    control.close()


def test_closing_from_this_side_is_not_the_loss_of_the_agent() -> None:
    """Also when it is done twice."""
    agent, process = socket.socketpair()
    lost = threading.Event()
    control = ControlSocket(process.detach(), on_lost=lost.set)
    control.close()
    control.close()
    assert not lost.is_set()
    agent.close()


def test_a_process_without_agent_ends_with_all_that_it_started() -> None:
    """SIGKILL goes to its process group: a child that it has started is gone as well."""
    agent, process = socket.socketpair()
    with (
        process,
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(process.fileno())],
            pass_fds=[process.fileno()],
            stdout=subprocess.PIPE,
            start_new_session=True,
        ) as user,
    ):
        process.close()
        assert user.stdout is not None
        assert int(user.stdout.readline()) > 0
        agent.close()
        assert user.wait(10) == -signal.SIGKILL
        # The child inherited standard output: its end says that the child, too, has gone.
        assert user.stdout.read() == b""
