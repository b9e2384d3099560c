"""The cluster's page during a job, in a browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest
from playwright.async_api import expect
from support.browser import PHONE_PX, chromium, needs_chromium, picture, tab
from support.flink import Flink, cancel, make_flink, program
from support.ports import free_ports

from ml_framework.runner import PythonRunner
from ml_framework.testing.waiting import eventually
from ml_operator import AMConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.async_api import Locator, Page

    from ml_framework.rpc.wire import ClusterStatus

pytestmark = pytest.mark.flink

ROWS = 10**9
SEEN_WITHIN_MS = 20_000


def get(url: str) -> Any:
    with urlopen(url, timeout=5) as answer:
        return json.load(answer)


def flink_at(port: int, **options: Any) -> Flink:
    """A job whose cluster has its REST at `port`, where accumulators are half a second old at most."""
    return make_flink(
        rest__port=str(port), rest__bind_port=str(port), heartbeat__interval="500 ms", **options
    )


@pytest.fixture
def flinks_rest() -> Iterator[str]:
    """Of a cluster that runs a job of two workers, which may be restarted in place."""
    port = free_ports(1)[0]
    flink = flink_at(port)
    flink.job.add_role(
        "worker", runner=program("says_what_it_does"), input=flink.sequence(ROWS), parallelism=2
    )
    client = flink.submit()
    yield f"http://127.0.0.1:{port}"
    cancel(client)


def page_of(rest: str) -> str:
    """The address that Flink shows with the application master's operator; empty before it has one."""
    try:
        [job] = [job["id"] for job in get(f"{rest}/jobs")["jobs"] if job["status"] == "RUNNING"]
        vertices = get(f"{rest}/jobs/{job}")["vertices"]
        [master] = [vertex["id"] for vertex in vertices if "application master" in vertex["name"]]
        told = get(f"{rest}/jobs/{job}/vertices/{master}/accumulators")["user-accumulators"]
    except (OSError, ValueError):  # nobody listens, or nothing runs yet
        return ""
    pages = [accumulator["value"] for accumulator in told if accumulator["name"] == "test/page"]
    return pages[0] if pages else ""


def said(page: Page, node: str) -> Locator:
    """What the tile of a node says of its state."""
    return page.locator(f'[data-node="{node}"] .said')


async def look(url: str) -> None:
    """See two workers, kill one, see what comes of it."""
    async with chromium() as browser:
        async with tab(browser) as page:
            await page.goto(f"{url}#worker/1")
            for node in ("worker/0", "worker/1"):
                await expect(said(page, node)).to_have_text("RUNNING · attempt 0", timeout=SEEN_WITHIN_MS)
            await expect(page.locator("#node-name")).to_have_text("worker[1]")
            await expect(page.locator("#log")).to_contain_text("worker[1] attempt 0: step 3, 100 rows")
            os.kill(get(f"{url}api/status")["nodes"][1]["pid"], signal.SIGKILL)
            await expect(said(page, "worker/1")).to_have_text("RUNNING · attempt 1", timeout=SEEN_WITHIN_MS)
            end = page.locator("#ends li").filter(has_text="worker[1] attempt 0")
            await expect(end).to_contain_text("killed by SIGKILL")
            await expect(page.locator("#state")).to_have_text("RUNNING")
            await expect(page.locator("#restarts")).to_have_text("restarts 1")
            failover = page.locator("#transitions li").filter(has_text="RUNNING -> FAILOVER")
            await expect(failover).to_contain_text("worker[1] attempt 0 failed: killed by SIGKILL")
            await expect(page.locator("#log")).to_contain_text("worker[1] attempt 1: step 60, 100 rows")
            await expect(page.locator("figure").filter(has_text="loss")).to_be_visible()
            await picture(page, "killed")
        for name, options in (("phone", {"width": PHONE_PX}), ("dark", {"scheme": "dark"})):
            async with tab(browser, **options) as page:
                await page.goto(url)
                await expect(said(page, "worker/0")).to_contain_text("RUNNING", timeout=SEEN_WITHIN_MS)
                await expect(page.locator("figure").filter(has_text="loss")).to_be_visible()
                await picture(page, name)


@needs_chromium
def test_a_worker_that_is_killed_is_seen(flinks_rest: str) -> None:
    """Its attempt rises, and the page says of what it died; its address is where Flink says."""
    url = eventually(lambda: page_of(flinks_rest), timeout_s=60)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
    asyncio.run(look(url))


def test_the_token_of_an_advertised_page_is_in_the_status_alone(tmp_path: Path) -> None:
    """Flink shows the address, which answers nothing without the token."""
    port = free_ports(1)[0]
    flink = flink_at(port, master=AMConfig(page="advertised"))
    go = tmp_path / "go"
    runner = PythonRunner("ml_framework.testing.programs:awaits_file", {"file": str(go)})
    flink.job.add_role("worker", runner=runner)
    seen: dict[str, str] = {}

    def look(status: ClusterStatus) -> None:
        if (address := page_of(f"http://127.0.0.1:{port}")) and not seen:
            seen.update(address=address, url=status.page)
            with pytest.raises(HTTPError, match="401"):
                get(f"{address}api/status")
            with build_opener(HTTPCookieProcessor()).open(status.page, timeout=5) as answer:
                seen["page"] = answer.read().decode()
            go.touch()

    flink.job.wait(flink.submit(), on_status=look, every=timedelta(milliseconds=100))
    assert re.fullmatch(re.escape(seen["address"]) + r"\?token=[\w-]{43}", seen["url"])
    assert "<title>ml-on-flink</title>" in seen["page"]
