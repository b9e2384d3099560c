"""Chromium without a window, and what it finds wrong with a page."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.async_api import async_playwright, expect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH")

PICTURES = Path(__file__).parents[2] / "out" / "page"
"""Where screenshots are kept, for people."""

PHONE_PX = 360

expect.set_options(timeout=30_000)

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_OPTIONS))
        yield browser
        await browser.close()


@asynccontextmanager
async def tab(
    browser: Browser, *, width: int = 1200, scheme: Literal["light", "dark"] = "light"
) -> AsyncIterator[Page]:
    """A page in a profile of its own; nothing may go wrong in it, and it may not be wider than its window.

    Requests that are not answered are nothing wrong: the AM may have gone, a node may have no log yet.
    """
    context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    wrong: list[str] = []
    page = await context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    yield page
    assert [line for line in wrong if not line.startswith("Failed to load resource")] == []
    assert await page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    await context.close()


async def picture(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
