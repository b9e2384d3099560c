"""Strangers at the page's port: what they cost the application master is bounded, in number and time."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from support.played import PlayedCluster

from ml_framework.page import connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIMIT_S = 60
LIFE_S = 0.5
LAST_ANSWER_S = 1.5
"""Longer than the answer to a question that waits."""
NONSENSE = (
    b"",
    b"GET / HT",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n" + bytes(100_000),
    bytes(100_000),
    b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500,
)
"""Silence, half a line, half a head, a large body, noise, and many questions whose answers are not read."""


@pytest.fixture(autouse=True)
def _short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LIFE_S", LIFE_S)
    monkeypatch.setattr(connection, "LAST_ANSWER_S", LAST_ANSWER_S)


def open_sockets() -> int:
    """How many sockets this process has: both ends of each connection of these tests."""
    links = list(Path("/proc/self/fd").iterdir())
    return sum(link.is_symlink() and str(link.readlink()).startswith("socket:") for link in links)


async def until(limit: int) -> None:
    async with asyncio.timeout(LIMIT_S):
        while open_sockets() > limit:
            await asyncio.sleep(0.02)  # the other end's closing has no event here


@asynccontextmanager
async def page() -> AsyncIterator[httpx.AsyncClient]:
    """The page of a cluster, to be asked by connections that are closed after the answer."""
    limits = httpx.Limits(max_keepalive_connections=0)
    async with PlayedCluster.running() as cluster:
        url = (await cluster.status()).page
        async with httpx.AsyncClient(base_url=url, trust_env=False, limits=limits) as client:
            yield client


async def stranger(client: httpx.AsyncClient, says: bytes) -> socket.socket:
    """A connection to the same page that has said something and reads nothing."""
    connected = socket.socket()
    connected.setblocking(False)  # noqa: FBT003 - the standard library's
    loop = asyncio.get_running_loop()
    url = urlsplit(str(client.base_url))
    await loop.sock_connect(connected, (url.hostname, url.port))
    with suppress(TimeoutError, OSError):  # it takes no more of it, or has had enough
        async with asyncio.timeout(0.2):
            await loop.sock_sendall(connected, says)
    return connected


def test_strangers_are_closed_and_leave_nothing() -> None:
    """Whatever they send; the page is there for others meanwhile, and afterwards."""

    async def run() -> None:
        async with page() as client:
            before = open_sockets()
            for says in NONSENSE:
                with ExitStack() as held:
                    strangers = [held.enter_context(await stranger(client, says)) for _ in range(10)]
                    assert (await client.get("/")).status_code == 200
                    await until(before + len(strangers))  # the AM has closed its ends, ours are open
                await until(before)

    asyncio.run(run())


def test_there_are_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further ones are closed at once; there is room again when the others have had their time."""
    monkeypatch.setattr(connection, "LIFE_S", 4.0)  # longer than it takes to open all of them
    strangers = connection.MOST + 50

    async def run() -> None:
        async with page() as client:
            before = open_sockets()
            with ExitStack() as held:
                for _ in range(strangers):
                    held.enter_context(await stranger(client, b""))
                with pytest.raises(httpx.TransportError):
                    await client.get("/")
                assert open_sockets() <= before + strangers + connection.MOST
                await until(before + strangers)
                assert (await client.get("/")).status_code == 200

    asyncio.run(run())


def test_headers_are_bounded() -> None:
    """Somewhat beyond 16 KiB nobody is listened to."""

    async def run() -> None:
        async with page() as client:
            assert (await client.get("/", headers={"x": "y" * 8_000})).status_code == 200
            with suppress(httpx.TransportError):  # it may be cut off before it has read the answer
                assert (await client.get("/", headers={"x": "y" * 1_000_000})).status_code == 400

    asyncio.run(run())


def test_an_answer_that_is_under_way_is_given() -> None:
    """The time of the connection is over while something is waited for."""

    async def run() -> None:
        async with page() as client:
            answer = await client.get("/api/status", params={"state": "RUNNING"})  # takes a second
            assert answer.json()["state"] == "RUNNING"

    asyncio.run(run())
