# SPDX-License-Identifier: Apache-2.0
"""
Film the demo for the README: type, kill the server, back. ``nox -s pictures`` runs it.

A real server and a real browser; what nothing changes in is shown for a moment only.
"""

from __future__ import annotations

import io
from typing import Final

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Locator, Page, sync_playwright
from take_pictures import DOCS, OPTIONS, PORT, SESSIONKIT, chromium, served

SIZE: Final = (960, 730)
BAR: Final = 46
QUALITY: Final = 80
LONGEST_MS: Final = 1200
WAITING: Final = 9
"""How many frames show the page without its server, at most."""

POINTER: Final = ((0, 0), (0, 20), (5, 15), (9, 23), (12, 22), (8, 14), (15, 14))
TITLE: Final = "Coffee machine is offline"
DETAILS: Final = "Since this morning. The tea is fine."


class Film:
    """Frames of one page, each with a caption and a time."""

    def __init__(self, page: Page) -> None:
        """Begin with none."""
        self._page = page
        self._frames: list[Image.Image] = []
        self._times: list[int] = []
        self._font = ImageFont.load_default(size=22)

    def take(
        self, caption: str, milliseconds: int, pointer: tuple[float, float] | None = None
    ) -> None:
        """Add what the page shows; what it showed before is shown for longer instead."""
        seen = Image.open(io.BytesIO(self._page.screenshot())).convert("RGB")
        frame = Image.new("RGB", (SIZE[0], SIZE[1] + BAR), "#1d2433")
        frame.paste(seen, (0, BAR))
        draw = ImageDraw.Draw(frame)
        draw.text((24, 10), caption, fill="white", font=self._font)
        if pointer:
            points = [(x + pointer[0], y + pointer[1] + BAR) for x, y in POINTER]
            draw.polygon(points, fill="black", outline="white")
        if self._frames and self._frames[-1].tobytes() == frame.tobytes():
            self._times[-1] = min(self._times[-1] + milliseconds, LONGEST_MS)
            return
        self._frames.append(frame)
        self._times.append(milliseconds)

    def save(self, name: str) -> None:
        """Write it, to be shown again and again."""
        self._frames[0].save(
            DOCS / "images" / name,
            save_all=True,
            append_images=self._frames[1:],
            duration=self._times,
            loop=0,
            quality=QUALITY,
            method=6,
        )


def middle(target: Locator) -> tuple[float, float]:
    """Return the middle of something on the page."""
    box = target.bounding_box()
    if box is None:
        msg = f"{target} is not on the page"
        raise RuntimeError(msg)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def type_into(film: Film, field: Locator, text: str) -> None:
    """Type as a person does, a few letters a frame."""
    field.click()
    for begin in range(0, len(text), 3):
        field.press_sequentially(text[begin : begin + 3])
        film.take("1.  Type", 110)
    field.blur()


def play(page: Page) -> Film:
    """Use the demo."""
    film = Film(page)
    page.get_by_role("button", name="Vote").first.click()
    page.get_by_role("button", name="Vote · 1").wait_for()
    page.get_by_role("link", name="New issue").click()
    page.get_by_role("heading", name="New issue").wait_for()
    page.wait_for_timeout(2500)
    film.take("1.  Type", 900)
    type_into(film, page.get_by_label("Title", exact=True), TITLE)
    type_into(film, page.get_by_label("Details", exact=True), DETAILS)
    page.wait_for_timeout(3000)
    button = page.get_by_role("button", name="Kill the server")
    film.take("1.  Type", 900)
    x, y = middle(button)
    film.take("2.  Kill the server", 1100, (x, y))
    button.click()
    page.mouse.move(SIZE[0] - 5, SIZE[1] - 5)
    back = page.get_by_text("The server was killed")
    for _ in range(WAITING):
        if not back.is_visible():
            film.take("2.  Kill the server", 300)
            page.wait_for_timeout(300)
    back.wait_for()
    page.wait_for_timeout(2500)
    film.take("3.  It is all there again", 4500)
    return film


def main() -> None:
    """Film it."""
    command = [SESSIONKIT, "demo", f"--server.port={PORT}", *OPTIONS]
    with sync_playwright() as playwright, served(command, [PORT]):
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light"
        )
        page.goto(f"http://127.0.0.1:{PORT}/")
        play(page).save("demo.webp")
        browser.close()


if __name__ == "__main__":
    main()
