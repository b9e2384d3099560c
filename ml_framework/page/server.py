"""`PageServer`: the page, listening."""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.server import ServerState

from ml_framework.host import Host, family_of
from ml_framework.page.access import LOOPBACK, ByToken, Gate, OnLoopback
from ml_framework.page.api import application
from ml_framework.page.connection import Connection

if TYPE_CHECKING:
    from ml_framework.config import PageAccess
    from ml_framework.page.access import Access
    from ml_framework.page.view import View

_ONLY_ITS_OWN = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    ("Content-Security-Policy", _ONLY_ITS_OWN),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]

_LARGEST_HEADER_BYTES = 16 * 1024
_LAST_ANSWERS_S = 0.2


class PageServer:
    """Serves the page of one cluster on the running asyncio loop.

    Args:
        view: of the cluster.
        host: where to listen, and where the page is reached.
        port: 0 takes a free one.
        access: who may look.

    Attributes:
        address: the page's URL, once it is open; no secret.
        url: the same with what it takes to open it.
    """

    def __init__(self, view: View, host: Host, port: int, access: Access) -> None:
        self._host = host
        self._port = port
        self._access = access
        self._config = uvicorn.Config(
            Gate(application(view), access),
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,  # else everybody's nonsense would be in the log
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            headers=_HEADERS,
            h11_max_incomplete_event_size=_LARGEST_HEADER_BYTES,
        )
        self._state = ServerState()
        self._listener: asyncio.Server | None = None
        self.address = ""

    @property
    def url(self) -> str:
        """The page's URL with what it takes to open it."""
        return self.address + self._access.query

    async def open(self) -> None:
        """Listen; raises `OSError` where that is not possible."""
        self._config.load()
        self._state.default_headers = self._config.encoded_headers
        connection = partial(Connection, config=self._config, server_state=self._state, app_state={})
        bound = self._host.bound
        listening = socket.create_server((bound, self._port), family=family_of(bound))
        self._listener = await asyncio.get_running_loop().create_server(connection, sock=listening)
        self.address = f"http://{self._host.reached_at(listening.getsockname()[1])}/"

    async def close(self) -> None:
        """Stop listening, and end every connection; answers that are on their way have a moment to arrive."""
        assert self._listener is not None
        self._listener.close()
        for connection in tuple(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=_LAST_ANSWERS_S)
        for connection in tuple(self._state.connections):
            connection.transport.abort()


async def open_page(view: View, host: Host, access: PageAccess, port: int) -> PageServer:
    """The page of `view`, listening as `access` says.

    Raises:
        OSError: it cannot listen there.
    """
    if access == "advertised":
        page = PageServer(view, host, port, ByToken())
    else:
        page = PageServer(view, Host(LOOPBACK), port, OnLoopback())
    await page.open()
    return page
