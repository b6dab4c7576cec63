# SPDX-License-Identifier: Apache-2.0
"""
Take the pictures of examples/ that docs/examples.md shows, into docs/images/examples/.

    nox -s pictures

Each is taken of a real server in a real browser, after somebody has used the page a little.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

DOCS: Final = Path(__file__).parent
EXAMPLES: Final = DOCS.parent / "examples"
INTO: Final = DOCS / "images" / "examples"
SESSIONKIT: Final = str(Path(sys.executable).with_name("sessionkit"))
OPTIONS: Final = (
    "--server.headless=true",
    "--server.address=127.0.0.1",
    "--client.toolbarMode=viewer",
    "--browser.gatherUsageStats=false",
)
PORT: Final = 8591
GAP: Final = 12
QUALITY: Final = 82
PATIENCE_S: Final = 60


def order_form(page: Page) -> None:
    """Hand in an order with a wrong address."""
    fill(page, "Your name", "Ada")
    fill(page, "E-mail", "ada.example.org")
    fill(page, "Amount", "3")
    page.get_by_role("button", name="Order for €12").click()
    page.get_by_text("An address has an @.").wait_for()


def survey(page: Page) -> None:
    """Answer some questions."""
    fill(page, "Where do you live?", "Ghent")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Coffee").click()
    page.get_by_text("Page 2 of 3").wait_for()


def board(page: Page) -> None:
    """Write three notes, and move one."""
    for text in ("Water the plants", "Buy tea", "Call Grace"):
        fill(page, "New note", text)
        page.get_by_text(text).wait_for()
    page.get_by_role("button", name="Doing").first.click()
    page.get_by_role("button", name="To do").wait_for()


def budget(page: Page) -> None:
    """Let two writers meet."""
    page.get_by_role("button", name="Buy a chair").click()
    page.get_by_text("Taken back").wait_for()


def diary(page: Page) -> None:
    """Write a sentence."""
    fill(page, "Today", "It rained, and nothing was lost.")


def replica(page: Page) -> None:
    """Click twice."""
    fill(page, "Your name", "Ada")
    for clicks in "12":
        page.get_by_role("button", name="Click").click()
        page.get_by_test_id("stMetricValue").get_by_text(clicks, exact=True).wait_for()


def fill(page: Page, label: str, text: str) -> None:
    """Type into a field, and leave it."""
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).blur()
    page.wait_for_timeout(500)


def run(script: str) -> Sequence[str]:
    """Return the command that starts a page."""
    return [SESSIONKIT, "run", str(EXAMPLES / script), f"--server.port={PORT}", *OPTIONS]


@contextmanager
def served(command: Sequence[str], ports: Sequence[int], **environment: str) -> Iterator[None]:
    """Start servers in an empty folder, and end them."""
    with TemporaryDirectory() as folder:
        settings = {"CLIENT_TOOLBAR_MODE": "viewer", "BROWSER_GATHER_USAGE_STATS": "false"}
        known = {f"STREAMLIT_{name}": value for name, value in settings.items()}
        server = subprocess.Popen(  # noqa: S603 - our own commands
            command, cwd=folder, env={**os.environ, **known, **environment}
        )
        try:
            for port in ports:
                wait_for(f"http://127.0.0.1:{port}/_stcore/health")
            yield
        finally:
            server.terminate()
            server.wait()


def chromium() -> str | None:
    """Return the browser that CHROMIUM names or that is on the PATH; None for Playwright's own."""
    names = (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, filter(None, names))), None)


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def take(  # noqa: PLR0913 - all that pictures differ in
    browser: Browser,
    name: str,
    use: Callable[[Page], None],
    *,
    size: tuple[int, int],
    ports: Sequence[int] = (PORT,),
    tabs: int = 1,
) -> None:
    """Use a page, and store how it looks; of several tabs or servers all, side by side."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    pages = [context.new_page() for _ in range(max(tabs, len(ports)))]
    for number, page in enumerate(pages):
        page.goto(f"http://127.0.0.1:{ports[number % len(ports)]}/")
        page.get_by_text("Saved").or_(page.get_by_role("button")).first.wait_for()
        if number == 0:
            use(page)
            page.wait_for_timeout(1500)  # until it is saved, and says so
    whole = Image.new("RGB", ((size[0] + GAP) * len(pages) - GAP, size[1]), "#d0d3da")
    for number, page in enumerate(pages):
        page.locator('[data-test-script-state="notRunning"]').wait_for()
        page.wait_for_timeout(1000)
        seen = DOCS / f".{name}.png"
        page.screenshot(path=seen)
        whole.paste(Image.open(seen), ((size[0] + GAP) * number, 0))
        seen.unlink()
    INTO.mkdir(parents=True, exist_ok=True)
    whole.save(INTO / f"{name}.webp", quality=QUALITY, method=6)
    context.close()


def main() -> None:
    """Take all of them."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for use, height in ((order_form, 790), (survey, 620), (budget, 480)):
            with served(run(f"{use.__name__}.py"), [PORT]):
                take(browser, use.__name__, use, size=(900, height))
        with served(run("board.py"), [PORT]):
            take(browser, "board", board, size=(680, 600), tabs=2)
        own = {"SESSIONKIT_CONFIG": str(EXAMPLES / "storage" / "sessionkit.toml")}
        with served(run("storage/diary.py"), [PORT], **own):
            take(browser, "storage", diary, size=(900, 620))
        ports = (PORT, PORT + 1)
        script = [sys.executable, str(EXAMPLES / "replicas" / "replicas.py")]
        command = [*script, "sqlite:///sessions.db", "--ports", *map(str, ports)]
        with served(command, ports):
            take(browser, "replicas", replica, size=(560, 620), ports=ports)


if __name__ == "__main__":
    main()
