# SPDX-License-Identifier: Apache-2.0
"""A browser tab, in the words of the tests."""

from __future__ import annotations

import re
from typing import Final

import attrs
from browser_harness.servers import PATIENCE_S
from playwright.sync_api import Locator, Page, expect

expect.set_options(timeout=PATIENCE_S * 1000)

_LEAVE: Final = "dispatchEvent(new Event('beforeunload', { cancelable: true }))"


@attrs.define
class Tab:
    """A browser tab with one of our test pages in it."""

    page: Page

    def in_front(self) -> Page:
        """Return the page, before all others: one behind them is hardly drawn, and a click waits for that, up to two seconds."""
        self.page.bring_to_front()
        return self.page

    def line(self, text: str) -> Locator:
        """Return the place where the page says *text*, and nothing but that."""
        return self.page.get_by_text(text, exact=True)

    def shows(self, *lines: str) -> None:
        """Wait until the page says each of *lines*."""
        for text in lines:
            # While a run replaces the page, Streamlit shows what was there and what is new: one is left in the end.
            expect(self.line(text).filter(visible=True)).to_have_count(1)

    def value(self, name: str) -> str:
        """Return what follows ``name=`` on the page."""
        self.page.get_by_text(re.compile(f"^{name}=")).wait_for()
        return self.page.get_by_text(re.compile(f"^{name}=")).inner_text().partition("=")[2]

    def field(self, label: str) -> Locator:
        """Return the field called *label*; while a run lasts, a former one may stand behind it."""
        return self.page.get_by_label(label, exact=True).first

    def enter(self, label: str, text: str) -> None:
        """Type into the field called *label*, and leave it."""
        self.field(label).fill(text)
        self.field(label).blur()

    def holds(self, label: str, text: str) -> None:
        """Wait until the field called *label* has *text* in it."""
        expect(self.field(label)).to_have_value(text)

    def tick(self, label: str) -> None:
        """Click the checkbox called *label*."""
        self.page.get_by_text(label, exact=True).click()

    def click(self, name: str) -> None:
        """Click the button called *name*; of several, the first."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def press(self, name: str) -> None:
        """Click the button that begins with *name*: a shortcut stands behind it."""
        self.page.get_by_role("button", name=re.compile(rf"^{name}\b")).click()

    def asks_to_stay(self) -> None:
        """Wait until the browser would ask before the page goes."""
        self.page.wait_for_function(f"!{_LEAVE}")

    def lets_go(self) -> None:
        """Wait until it would not."""
        self.page.wait_for_function(_LEAVE)

    def reload(self) -> None:
        """Press F5."""
        self.page.reload()
