"""A server that answers one record per request, and `served`, which starts and ends it.

``python -m benchmarks.scoring.server MODEL`` prints its port, and ends when its standard input does: nothing
that happens to the benchmark leaves it behind.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from benchmarks.scoring.models import Alone, encode_row

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOST = "127.0.0.1"
_END_S = 10
"""How long the server may take to end."""


@contextmanager
def served(model: str) -> Iterator[str]:
    """The address at which a process of its own serves one of `MODELS`.

    Raises:
        RuntimeError: it does not start.
    """
    command = [sys.executable, "-m", "benchmarks.scoring.server", model]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not (port := process.stdout.readline().strip()):
                raise RuntimeError(f"the server of the {model} does not start, see above")
            yield f"http://{_HOST}:{port}/"
        finally:
            process.stdin.close()
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()


async def serve(model: str) -> None:
    """Serve until standard input ends."""
    scores = Alone(model)

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"score": scores(*encode_row(await request.json())).item()})

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
