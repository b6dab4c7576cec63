# SPDX-License-Identifier: Apache-2.0
"""What the tests do on ``pages/desk.py``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs
from browser_harness.servers import PATIENCE_S
from browser_harness.tabs import Tab
from playwright.sync_api import TimeoutError, expect  # noqa: A004 - the browser's own

LOOK_MS: Final = 500
"""How long a look takes at most; after it one looks again."""

FACTS: Final = {
    "name": "Ada",
    "age": "36",
    "agreed": "True",
    "item": "lamp",
    "boxed": "True",
    "count": "1",
    "note": "a draft",
    "history": "shop",
}
"""What a desk knows after :meth:`Desk.fill`."""


@attrs.define
class Desk(Tab):
    """A tab with the desk in it."""

    def fill(self) -> None:
        """Use everything once, and wait until it is stored."""
        self.enter("Name", "Ada")
        self.shows("name=Ada")
        self.enter("Age", "36")
        self.shows("age=36")
        self.tick("Agreed")
        self.shows("agreed=True")
        self.field("Item").fill("lamp")
        self.click("Order")
        self.shows("item=lamp")
        self.enter("Note", "a draft")
        self.shows("note=a draft")
        self.tick("Boxed")
        self.shows("box=True")
        self.click("Visit")
        self.shows("history=shop")
        self.count_to(1)
        self.stored(**FACTS)

    def count_to(self, number: int) -> None:
        """Click once, and see the counter move."""
        self.click("Count")
        self.shows(f"count={number}")

    def stored(self, **facts: str) -> None:
        """Look until the store holds *facts*."""
        lines = [f"stored {name}={value}" for name, value in facts.items()]
        ends = time.monotonic() + PATIENCE_S
        while not self._sees(lines):
            shown = self.page.locator("body").inner_text()
            assert time.monotonic() < ends, f"not stored: {lines}, the page shows: {shown}"

    def _sees(self, lines: list[str]) -> bool:
        self.click("Look")
        try:
            for line in lines:
                self.line(line).wait_for(timeout=LOOK_MS)
        except TimeoutError:
            return False
        return True

    @contextmanager
    def rebuilt(self) -> Iterator[None]:
        """Wait, after the block, until the page was made anew by another connection, without a reload."""
        before = self.value("connection")
        yield
        self.loses(f"connection={before}")

    def is_full(self) -> None:
        """Wait until everything is as :meth:`fill` left it, in the session and in the widgets."""
        self.shows(*(f"{name}={value}" for name, value in FACTS.items()), "box=True")
        for label, value in {"Name": "Ada", "Age": "36", "Item": "lamp", "Note": "a draft"}.items():
            self.holds(label, value)
        for label in ("Agreed", "Boxed"):
            expect(self.page.get_by_role("checkbox", name=label)).to_be_checked()

    def is_empty(self) -> None:
        """Wait until the page is there and knows nothing of anybody."""
        self.shows("name=", "count=0", "note=None", "history=")


def agree(*tabs: Desk) -> None:
    """Wait until all show one session; of two that began anew at once, one tab loads its page again."""
    ends = time.monotonic() + PATIENCE_S
    while len({tab.value("session") for tab in tabs}) > 1:
        assert time.monotonic() < ends, "the tabs show several sessions"
    for tab in tabs:
        tab.at_rest()
