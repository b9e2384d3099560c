"""The page in a browser, with nodes that are played by the test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect
from support.browser import PHONE_PX, chromium, needs_chromium, picture, tab
from support.played import PlayedCluster

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from playwright.async_api import Browser

pytestmark = needs_chromium

LIMIT_S = 60
MARKUP = "<script>alert('in')</script><img src=x onerror=alert(1)>"

COUNT_NEW_ELEMENTS = """
window.made = 0;
const count = (changes) => changes.forEach(({ addedNodes }) => addedNodes.forEach((node) => {
  if (node.nodeType === Node.ELEMENT_NODE) window.made += 1;
}));
new MutationObserver(count).observe(document.body, { childList: true, subtree: true });
"""


def tell(story: Callable[[PlayedCluster, str, Browser], Awaitable[None]], **options: Any) -> None:
    """Play `story` with a cluster, the URL of its page and a browser."""

    async def run() -> None:
        async with (
            asyncio.timeout(LIMIT_S),
            chromium() as browser,
            PlayedCluster.running(**options) as cluster,
        ):
            await story(cluster, (await cluster.status()).page, browser)

    asyncio.run(run())


def measured(index: int) -> dict[str, float]:
    """What a busy node's agent measures."""
    rows = {"rows_in": 1e6, "rows_out": 9e5, "rows_in_per_second": 12_345.0, "rows_out_per_second": 11_000.0}
    times = {"wait": 150.0, "compute": 700.0, "blocked": 20.0, "decode": 80.0, "encode": 50.0}
    queues = {"queue_in_fill": (index % 10) / 10, "queue_out_fill": 0.05}
    own = {"cpu_cores": 0.97, "memory_bytes": 3.1e8, "step_ms": 4.2, "batch_rows": 512.0}
    return {**rows, **{f"{name}_ms_per_second": ms for name, ms in times.items()}, **queues, **own}


def test_what_users_write_is_text() -> None:
    """A cause, the name of a number and a line of a log that are markup are read, not run."""

    async def story(cluster: PlayedCluster, page: str, browser: Browser) -> None:
        first, second = cluster.nodes
        first.log = f"before\n{MARKUP}\nbehind\n".encode()
        await second.fail(f"ValueError: {MARKUP}")
        await cluster.until(lambda status: all(node.token.attempt == 1 and node.pid for node in status.nodes))
        await first.beat({MARKUP: 3.0})
        async with tab(browser) as tabbed:
            await tabbed.goto(page)
            await expect(tabbed.locator("#ends")).to_contain_text(f"ValueError: {MARKUP}")
            await expect(tabbed.locator("#transitions")).to_contain_text(MARKUP)
            await expect(tabbed.locator("#numbers")).to_contain_text(MARKUP)
            await expect(tabbed.locator("figcaption").filter(has_text=MARKUP)).to_have_count(1)
            await expect(tabbed.locator("#log")).to_have_text(f"before\n{MARKUP}\nbehind\n")
            assert await tabbed.evaluate("document.scripts.length") == 1
            assert await tabbed.evaluate("document.images.length") == 0

    tell(story)


def test_the_first_cause_of_a_failed_job_stays_when_the_master_has_gone() -> None:
    """And the page says that it has."""

    async def run() -> None:
        async with asyncio.timeout(LIMIT_S), chromium() as browser, tab(browser) as tabbed:
            async with PlayedCluster.running(budget=0) as cluster:
                await tabbed.goto((await cluster.status()).page)
                await expect(tabbed.locator("#state")).to_have_text("RUNNING")
                await cluster.nodes[0].fail(f"MemoryError: {MARKUP}")
                await expect(tabbed.locator("#state")).to_have_text("FAILED")
            await expect(tabbed.locator("#gone")).to_contain_text(
                "The job has ended, and its application master"
            )
            await expect(tabbed.locator("#cause")).to_contain_text(
                f"worker[0] attempt 0: MemoryError: {MARKUP}"
            )
            await expect(tabbed.locator('[data-node="worker/0"] .said')).to_have_text("FAILED · attempt 0")
            await picture(tabbed, "gone")

    asyncio.run(run())


@pytest.mark.parametrize("width", [1200, PHONE_PX])
@pytest.mark.parametrize("workers", [1, 64])
def test_clusters_of_all_sizes_fit(workers: int, width: int) -> None:
    """On a screen and on a phone; what is picked is kept in the address."""

    async def story(cluster: PlayedCluster, page: str, browser: Browser) -> None:
        for index, node in enumerate(cluster.nodes):
            await node.beat({"loss": 0.25}, measured(index))
        last = f"worker/{workers - 1}"
        async with tab(browser, width=width) as tabbed:
            await tabbed.goto(page)
            await expect(tabbed.locator(".tile")).to_have_count(workers)
            await tabbed.locator(f'[data-node="{last}"]').click()
            await expect(tabbed.locator("#node-name")).to_have_text(f"worker[{workers - 1}]")
            await expect(tabbed.locator("#charts figure:visible")).to_have_count(7)
            await expect(tabbed.locator("#numbers div").filter(has_text="rows/s in")).to_contain_text("12.")
            await picture(tabbed, f"{workers}-at-{width}")
            await tabbed.reload()
            await expect(tabbed.locator("#node-name")).to_have_text(f"worker[{workers - 1}]")
            assert tabbed.url == f"{page}#{last}"

    tell(story, workers=workers)


def test_nothing_is_made_anew_while_nothing_happens() -> None:
    """No flicker: the same elements show the next numbers."""

    async def story(cluster: PlayedCluster, page: str, browser: Browser) -> None:
        await cluster.nodes[0].beat({"loss": 0.25}, measured(0))
        async with tab(browser) as tabbed:
            await tabbed.goto(page)
            await expect(tabbed.locator("#charts figure:visible")).to_have_count(7)
            await tabbed.evaluate(COUNT_NEW_ELEMENTS)
            await cluster.nodes[0].beat({"loss": 0.125}, measured(3))
            await expect(tabbed.locator("#numbers div").filter(has_text="loss")).to_contain_text("0.125")
            await expect(tabbed.locator("#numbers div").filter(has_text="queue in")).to_contain_text("30 %")
            assert await tabbed.evaluate("window.made") == 0

    tell(story)


def test_the_url_with_the_token_opens_the_page_and_forgets_it() -> None:
    """The address bar shows none."""

    async def story(_cluster: PlayedCluster, page: str, browser: Browser) -> None:
        async with tab(browser) as tabbed:
            await tabbed.goto(page)
            await expect(tabbed.locator("#state")).to_have_text("RUNNING")
            assert tabbed.url == page.partition("?")[0]

    tell(story, page="advertised")


def test_a_node_that_is_slow_to_answer_keeps_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster is shown on, while its log is waited for."""

    async def never(*_arguments: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("ml_framework.master.executor.Executor.read_log", never)

    async def story(cluster: PlayedCluster, page: str, browser: Browser) -> None:
        async with tab(browser) as tabbed:
            await tabbed.goto(page)
            for queue in (30, 70):
                await cluster.nodes[0].beat({}, measured(queue // 10))
                await expect(tabbed.locator("#numbers div").filter(has_text="queue in")).to_contain_text(
                    f"{queue} %"
                )

    tell(story)
