# SPDX-License-Identifier: Apache-2.0
"""
Take the picture of ``docs/getting-started.md``: type, kill, come back.

``nox -s pictures`` runs the page that the document shows, in a real browser, and kills its server.
"""

from __future__ import annotations

import base64
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, expect, sync_playwright

DOCS: Final = Path(__file__).parent
SIZE: Final = {"width": 460, "height": 520}
STRIP: Final = """
<style>
  body { margin: 0; padding: 20px; background: #eef1f6; font: 18px system-ui, sans-serif; color: #1d2433; }
  div.row { display: flex; gap: 20px }
  figure { margin: 0; flex: 1 }
  figcaption { margin: 0 0 10px; font-weight: 600 }
  img { width: 100%; border-radius: 8px; box-shadow: 0 1px 6px #0003; display: block }
</style>
"""


@contextmanager
def served(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the page of a folder; kill the server at the end, as a crash would."""
    command = [
        str(Path(sys.executable).with_name("sessionkit")),
        "run",
        "page.py",
        "--server.port",
        str(port),
    ]
    command += ["--server.headless", "true", "--client.toolbarMode", "viewer"]
    server = subprocess.Popen(command, cwd=folder)  # noqa: S603 - our own command
    try:
        while True:
            try:
                urlopen(f"http://localhost:{port}/_stcore/health", timeout=1)
                break
            except (URLError, OSError):
                if server.poll() is not None:
                    raise
        yield server
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def shot(page: Page, caption: str) -> str:
    """Return a figure of what the page shows."""
    data = base64.b64encode(page.screenshot(animations="disabled")).decode()
    return f'<figure><figcaption>{caption}</figcaption><img src="data:image/png;base64,{data}"></figure>'


def take(browser: Browser, folder: Path) -> bytes:
    """Type, kill and come back; return the three pictures as one."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port: int = free.getsockname()[1]
    page = browser.new_page(viewport=SIZE, device_scale_factor=2, color_scheme="light")
    with served(folder, port):
        page.goto(f"http://localhost:{port}")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Name").press("Enter")
        page.get_by_role("combobox").click()
        page.get_by_role("option", name="cocoa").click()
        slider = page.get_by_role("slider")
        for _ in range(3):
            slider.press("ArrowRight")
        filled = page.get_by_text("cocoa for Ada")
        expect(filled).to_be_visible()
        expect(page.get_by_text(re.compile(r"Saved$"))).to_be_visible()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        figures = [shot(page, "1. Type")]
    expect(page.get_by_text("Connection error").first).to_be_visible(timeout=30_000)
    figures.append(shot(page, "2. Kill the server"))
    with served(folder, port):
        page.reload()
        expect(filled).to_be_visible(timeout=30_000)
        expect(page.get_by_text(re.compile(r"Saved$"))).to_be_visible()
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        figures.append(shot(page, "3. Start it again"))
    strip = browser.new_page(viewport={"width": 1200, "height": 300}, device_scale_factor=1)
    strip.set_content(f'{STRIP}<div class="row">{"".join(figures)}</div>')
    return strip.screenshot(full_page=True)


def main() -> None:
    """Write the picture."""
    text = (DOCS / "getting-started.md").read_text(encoding="utf-8")
    block = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    if block is None:
        sys.exit("getting-started.md shows no page")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        (Path(folder) / "page.py").write_text(block[1], encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        (DOCS / "images" / "type-kill-back.png").write_bytes(take(browser, Path(folder)))


if __name__ == "__main__":
    main()
