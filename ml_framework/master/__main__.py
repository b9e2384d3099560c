"""The application master's process: ``python -m ml_framework.master``.

Standard input brings JSON lines and its end means that the parent is gone; standard output carries the
protocol and nothing else; standard error is the log. Exit status 0 says finished or stopped, 1 anything else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from ml_framework.errors import MLOnFlinkError
from ml_framework.master.server import MasterConfig, MasterServer
from ml_framework.master.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger("ml_framework.master")

_MAX_LINE_BYTES = 64 * 1024 * 1024
"""A configuration may carry a pickled state machine."""


def main() -> int:
    """Run the AM of one job; returns the exit status."""
    with suppress(PermissionError):  # we lead a session already
        os.setsid()
    _open_many_files()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    with _protocol_on_stdout() as protocol:
        return asyncio.run(_run(protocol))


def _open_many_files() -> None:
    """Let nodes be attended beside connections of strangers, a thousand of which use the usual limit up."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # an unlimited hard limit, which no soft one may be
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _protocol_on_stdout() -> TextIO:
    """The real standard output; whatever else prints, a pickled machine for one, prints to the log."""
    protocol = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return protocol


async def _run(protocol: TextIO) -> int:
    def announce(message: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):  # the end of standard input tells the same
            protocol.write(json.dumps(message) + "\n")
            protocol.flush()

    lines = await _stdin()
    try:
        config = MasterConfig.from_json(json.loads(await lines.readline()))
        async with MasterServer(config, announce) as server:
            return await _serve(server, lines)
    except (MLOnFlinkError, RuntimeError, ValueError) as error:  # RuntimeError: the address cannot be bound
        _log.exception("the application master cannot go on")
        announce({"event": "failed", "cause": f"application master: {error}"})
        return 1


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def _serve(server: MasterServer, lines: asyncio.StreamReader) -> int:
    """Until the job has ended and its nodes have taken leave, or the parent has gone before that."""
    running = asyncio.create_task(server.run())
    listening = asyncio.create_task(_obey(server, lines))
    await asyncio.wait({running, listening}, return_when=asyncio.FIRST_COMPLETED)
    if listening.done():
        await listening  # raises what was wrong with the input
        if not server.has_concluded:
            _log.warning("the parent has gone")
            running.cancel()
            return 1
    listening.cancel()
    return 0 if await running in {State.FINISHED, State.STOPPED} else 1


async def _obey(server: MasterServer, lines: asyncio.StreamReader) -> None:
    """Do what standard input says, until it ends."""
    async for line in lines:
        if json.loads(line).get("stop"):
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
