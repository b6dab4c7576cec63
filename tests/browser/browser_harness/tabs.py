# SPDX-License-Identifier: Apache-2.0
"""A browser tab, in the words of the tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs
from browser_harness.servers import PATIENCE_S, wait_for
from playwright.sync_api import Locator, Page, expect

expect.set_options(timeout=PATIENCE_S * 1000)

_LEAVE: Final = "dispatchEvent(new Event('beforeunload', { cancelable: true }))"
_AT_REST: Final = (
    "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
)
_DRAWN_SINCE: Final = """
(since) => {
  const page = window.__sessionkit; // what the part of sessionkit in the browser knows
  return page.found > since && page.drawn > page.found;
}
"""
LOOKS_MS: Final = 50
"""Milliseconds between two looks: a page behind another draws hardly any frame to look at."""


@attrs.define
class Tab:
    """A browser tab with one of our test pages in it."""

    page: Page

    def load(self, url: str) -> None:
        """Go to an address, and wait until its page is drawn."""
        self.page.goto(url, wait_until="commit")
        self.at_rest()

    def reload(self) -> None:
        """Press F5, and wait until the page is drawn."""
        self.page.reload()
        self.at_rest()

    def at_rest(self) -> None:
        """
        Wait until the page is connected and no run draws it.

        A button that a server has not drawn yet, as it stands there from another server or for another
        session, does nothing. The first lines of a page are there before its buttons.
        """
        expect(self.page.locator(_AT_REST)).to_be_attached()

    def loses(self, text: str) -> None:
        """Wait until the page says *text* no more, and the run that took it away is over."""
        self.line(text).wait_for(state="detached")
        self.at_rest()

    @contextmanager
    def reconnected(self) -> Iterator[None]:
        """Wait, after the block, until the tab has found a server again, and that has drawn the page."""
        since = self.page.evaluate("performance.now()")
        yield
        self.page.wait_for_function(_DRAWN_SINCE, arg=since, polling=LOOKS_MS)
        self.at_rest()

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Wait, after the block, until the browser has another id: F5 before that brings the one that counts no more."""
        before = self._ids()
        yield
        wait_for(lambda: before != self._ids(), lambda: True, "another id in the browser")

    def _ids(self) -> list[str]:
        cookies = map(dict, self.page.context.cookies(self.page.url))
        return [str(one["value"]) for one in cookies if str(one["name"]).startswith("sessionkit")]

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
        line = self.page.get_by_text(re.compile(f"^{name}=")).filter(visible=True)
        expect(line).to_have_count(1)  # as above
        return line.first.inner_text().partition("=")[2]

    def field(self, label: str) -> Locator:
        """Return the field called *label*; while a run lasts, a former one may stand behind it."""
        return self.page.get_by_label(label, exact=True).first

    def enter(self, label: str, text: str) -> None:
        """Type into the field called *label*, and leave it."""
        self.in_front()
        self.field(label).fill(text)
        self.field(label).blur()

    def holds(self, label: str, text: str) -> None:
        """Wait until the field called *label* has *text* in it."""
        expect(self.field(label)).to_have_value(text)

    def tick(self, label: str) -> None:
        """Click the checkbox called *label*."""
        self.in_front().get_by_text(label, exact=True).click()

    def click(self, name: str) -> None:
        """Click the button called *name*; of several, the first."""
        self.in_front().get_by_role("button", name=name, exact=True).first.click()

    def press(self, name: str) -> None:
        """Click the button that begins with *name*: a shortcut stands behind it."""
        self.in_front().get_by_role("button", name=re.compile(rf"^{name}\b")).click()

    def asks_to_stay(self) -> None:
        """Wait until the browser would ask before the page goes."""
        self.page.wait_for_function(f"!{_LEAVE}", polling=LOOKS_MS)

    def lets_go(self) -> None:
        """Wait until it would not."""
        self.page.wait_for_function(_LEAVE, polling=LOOKS_MS)
