"""A real browser without a window, and what it has to say of a page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser() -> str:
    """Path of Chromium; a test skips without it, unless FAIRSER_BROWSER says that it is there."""
    wanted = os.environ.get("FAIRSER_BROWSER")
    found = next(filter(None, map(shutil.which, [wanted] if wanted else NAMES)), None)
    if found is None:
        message = f"no browser: none of {', '.join([wanted] if wanted else NAMES)} is installed"
        pytest.fail(message) if wanted else pytest.skip(message)
    return found


@contextmanager
def opened_browser() -> Iterator[Any]:
    path = find_browser()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium's sandbox does not start for root.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, path: Path, width: int = 1280, height: int = 860) -> Iterator[Any]:
    """A page that must say nothing in the console and ask for nothing but its own file."""
    heard: list[str] = []
    asked: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(10_000)
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("requestfailed", lambda request: heard.append(f"failed: {request.url[:200]}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    yield page
    page.close()
    assert heard == []
    outside = [url for url in asked if not url.startswith("data:") and url != path.as_uri()]
    assert outside == []
