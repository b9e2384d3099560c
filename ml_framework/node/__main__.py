"""``python -m ml_framework.node``: the agent of a node; docs/design.md says what it reads and writes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback

from ml_framework.errors import ProtocolError
from ml_framework.node.agent import Agent, Farewell, Terminated
from ml_framework.node.assignment import Assignment
from ml_framework.node.parent import Parent
from ml_framework.node.standby import Processes
from ml_framework.runner.console import Console

_LAST_OUTPUT_S = 1.0


async def main() -> int:
    """Supervise a node, or one after the other; returns the exit code, 0 unless the last one failed."""
    parent = await Parent.connect()
    processes = Processes()
    try:
        while True:
            farewell, stays = await _supervise(parent, processes)
            if farewell is None:
                return 0
            parent.tell(farewell.event, **farewell.details)
            if not stays:
                return 1 if farewell.event == "failed" else 0
    finally:
        processes.close()


async def _supervise(parent: Parent, processes: Processes) -> tuple[Farewell | None, bool]:
    """The last word on the next node, None if there is none, and whether this agent stays for another one."""
    console = Console(sys.stderr.fileno())
    loop = asyncio.get_running_loop()
    try:
        data = await parent.assignment()
        if data is None:
            return None, False
        assignment = Assignment.from_json(data)
        agent = Agent(assignment, parent, console, processes)
        loop.add_signal_handler(signal.SIGTERM, agent.post, Terminated())
        return await agent.run(), assignment.standby
    except ProtocolError as error:
        return Farewell("failed", str(error)), False
    except Exception as error:  # noqa: BLE001 - the parent hears of it, whatever it is
        traceback.print_exc()
        return Farewell("failed", f"the agent itself failed: {type(error).__name__}: {error}"), False
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        await console.drain(_LAST_OUTPUT_S)


def _lead_a_session() -> None:
    """Leave the terminal's foreground group, so that Ctrl-C reaches this process through its parent only."""
    if os.getpgrp() != os.getpid():
        os.setsid()


if __name__ == "__main__":
    _lead_a_session()
    sys.exit(asyncio.run(main()))
