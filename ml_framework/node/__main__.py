"""``python -m ml_framework.node``: the agent of one node; docs/design.md says what it reads and writes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback

from ml_framework.errors import ProtocolError
from ml_framework.node.agent import Agent, Farewell
from ml_framework.node.assignment import Assignment
from ml_framework.node.parent import Parent, StopAsked
from ml_framework.runner.output import Console

_LAST_OUTPUT_S = 1.0


async def main() -> int:
    """Supervise one node; returns the exit code, 0 unless the node failed."""
    parent = await Parent.connect()
    console = Console(sys.stderr.fileno())
    try:
        farewell = await _supervise(parent, console)
    except ProtocolError as error:
        farewell = Farewell("failed", str(error))
    except Exception as error:  # noqa: BLE001 - the parent hears of it, whatever it is
        traceback.print_exc()
        farewell = Farewell("failed", f"the agent itself failed: {type(error).__name__}: {error}")
    await console.drain(_LAST_OUTPUT_S)
    parent.tell(farewell.event, **farewell.details)
    return 1 if farewell.event == "failed" else 0


async def _supervise(parent: Parent, console: Console) -> Farewell:
    first = await parent.first_line()
    if first is None:
        return Farewell("stopped")
    agent = Agent(Assignment.from_json(first), parent, console)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, agent.post, StopAsked())
    return await agent.run()


def _lead_a_session() -> None:
    """Leave the terminal's foreground group, so that Ctrl-C reaches this process through its parent only."""
    if os.getpgrp() != os.getpid():
        os.setsid()


if __name__ == "__main__":
    _lead_a_session()
    sys.exit(asyncio.run(main()))
