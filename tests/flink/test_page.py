"""The cluster's page during a job, in a browser."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest
from playwright.async_api import expect
from support.browser import PHONE_PX, chromium, needs_chromium, picture, tab
from support.flink import make_flink, program
from support.ports import free_ports

from ml_framework.testing.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.async_api import Locator, Page

pytestmark = [pytest.mark.flink, needs_chromium]

ROWS = 10**9
SEEN_WITHIN_MS = 20_000


def get(url: str) -> Any:
    with urlopen(url, timeout=5) as answer:
        return json.load(answer)


@pytest.fixture
def flinks_rest() -> Iterator[str]:
    """Of a cluster that runs a job of two workers, which may be restarted in place."""
    port = free_ports(1)[0]
    flink = make_flink(rest__port=str(port), rest__bind_port=str(port), heartbeat__interval="500 ms")
    flink.job.add_role(
        "worker", runner=program("says_what_it_does"), input=flink.sequence(ROWS), parallelism=2
    )
    client = flink.submit()
    yield f"http://127.0.0.1:{port}"
    client.cancel().result()


def page_of(rest: str) -> str:
    """The address that Flink shows with the application master's operator; empty before it has one."""
    try:
        [job] = [job["id"] for job in get(f"{rest}/jobs")["jobs"] if job["status"] == "RUNNING"]
        vertices = get(f"{rest}/jobs/{job}")["vertices"]
        [master] = [vertex["id"] for vertex in vertices if "application master" in vertex["name"]]
        told = get(f"{rest}/jobs/{job}/vertices/{master}/accumulators")["user-accumulators"]
    except (OSError, ValueError):  # nobody listens, or nothing runs yet
        return ""
    pages = [accumulator["value"] for accumulator in told if accumulator["name"] == "page"]
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


def test_a_worker_that_is_killed_is_seen(flinks_rest: str) -> None:
    """Its attempt rises, and the page says of what it died; its address is where Flink says."""
    url = eventually(lambda: page_of(flinks_rest), timeout_s=60)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url)
    asyncio.run(look(url))
