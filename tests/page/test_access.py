"""Who may look at the page."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from support.played import SECRET, PlayedCluster

from ml_framework.master import MasterConfig, MasterServer
from ml_framework.spec import JobSpec, RoleSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LIMIT_S = 60
PATHS = ("/", "/page.js", "/api/status", "/api/history?node=worker/0", "/api/log?node=worker/0", "/nothing")


def tell(story: Callable[[PlayedCluster, str], Awaitable[None]], page: str) -> None:
    async def run() -> None:
        async with asyncio.timeout(LIMIT_S), PlayedCluster.running(page=page) as cluster:
            await story(cluster, (await cluster.status()).page)

    asyncio.run(run())


def client_of(url: str, **options: Any) -> httpx.AsyncClient:
    parts = urlsplit(url)
    return httpx.AsyncClient(base_url=f"{parts.scheme}://{parts.netloc}", trust_env=False, **options)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "localhost:9000", "[::1]:1", "LOCALHOST"])
def test_on_loopback_everybody_may_look_by_its_names(host: str) -> None:
    """Whatever the port, which may be forwarded."""

    async def story(_cluster: PlayedCluster, page: str) -> None:
        assert urlsplit(page).hostname == "127.0.0.1"
        async with client_of(page) as client:
            assert (await client.get("/api/status", headers={"host": host})).status_code == 200

    tell(story, "loopback")


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example:1", "10.0.0.1", "", "[", "a@localhost.x"]
)
def test_on_loopback_nobody_looks_by_another_name(host: str) -> None:
    """A name that somebody has made to mean this machine is not one of its own."""

    async def story(_cluster: PlayedCluster, page: str) -> None:
        async with client_of(page) as client:
            for path in PATHS:
                answer = await client.get(path, headers={"host": host})
                assert (answer.status_code, answer.text) == (403, "Open this page by the name localhost.\n")

    tell(story, "loopback")


def test_advertised_takes_the_token_of_the_url_once() -> None:
    """From then on the browser's cookie is enough, which no script and no other site gets at."""

    async def story(_cluster: PlayedCluster, page: str) -> None:
        async with client_of(page) as browser:
            first = await browser.get(page)
            assert (first.status_code, first.headers["location"]) == (303, "/")
            cookie = first.headers["set-cookie"]
            assert cookie.startswith(f"mlflink-{urlsplit(page).port}=")
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
            assert (await browser.get("/")).status_code == 200
            assert (await browser.get("/api/status")).json()["state"] == "RUNNING"

    tell(story, "advertised")


def test_advertised_tells_nothing_without_the_token() -> None:
    """Nor with another one, nor with the job's own."""

    async def story(_cluster: PlayedCluster, page: str) -> None:
        [token] = parse_qs(urlsplit(page).query)["token"]
        assert len(token) >= 43
        name = f"mlflink-{urlsplit(page).port}"
        for wrong in ("", "x", SECRET, token[:-1], token + "x", "ä"):
            async with client_of(page, cookies={name: wrong} if wrong.isascii() else {}) as stranger:
                for path in PATHS:
                    answer = await stranger.get(path, params={"token": wrong})
                    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
                    assert answer.text == "Open this page by the URL that the job's terminal shows.\n"

    tell(story, "advertised")


def test_the_token_is_told_to_those_alone_who_have_the_jobs(caplog: pytest.LogCaptureFixture) -> None:
    """It is in the status, and neither in the log, nor in what Flink is told, nor in the page's own JSON."""
    caplog.set_level(logging.DEBUG)

    async def story(cluster: PlayedCluster, page: str) -> None:
        [token] = parse_qs(urlsplit(page).query)["token"]
        async with client_of(page) as browser:
            await browser.get(page)
            said = [(await browser.get(path)).text for path in PATHS]
        assert token not in str(cluster.announced) + str(said)
        ours = [
            record.getMessage()
            for record in caplog.records
            if not record.name.startswith(("httpx", "httpcore"))
        ]
        assert token not in str(ours)
        assert cluster.announced[0]["page"] == page.partition("?")[0]

    tell(story, "advertised")


def test_two_masters_have_two_tokens() -> None:
    async def page() -> str:
        async with PlayedCluster.running(1, page="advertised") as cluster:
            return (await cluster.status()).page.partition("?")[2]

    assert asyncio.run(page()) != asyncio.run(page())


def test_no_page_no_port() -> None:
    """And the status has no address of one."""

    async def story(cluster: PlayedCluster, page: str) -> None:
        assert (page, cluster.announced[0]["page"]) == ("", "")

    tell(story, "off")


def test_a_port_that_is_taken_costs_the_page_and_not_the_job(caplog: pytest.LogCaptureFixture) -> None:
    """The AM goes on, and its log says why there is no page."""

    async def run() -> None:
        config = MasterConfig(JobSpec("job", (RoleSpec("worker"),)), SECRET, page="loopback")
        announced: list[Any] = []
        async with MasterServer(config, announced.append):
            port = urlsplit(announced[0]["page"]).port
            assert port is not None
            async with MasterServer(replace(config, page_port=port), announced.append):
                assert announced[1]["page"] == ""
        assert f"there is no page of the cluster, at port {port}: [Errno 98]" in caplog.text

    asyncio.run(run())


def test_an_environment_without_a_web_server_costs_the_page_and_not_the_job(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that travels with a job may hold what its nodes need alone."""
    monkeypatch.setitem(sys.modules, "ml_framework.page.server", None)

    async def story(cluster: PlayedCluster, page: str) -> None:
        assert (page, cluster.announced[0]["page"]) == ("", "")
        assert "there is no page of the cluster, at port 0: " in caplog.text

    tell(story, "loopback")
