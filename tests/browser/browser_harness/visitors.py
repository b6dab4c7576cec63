# SPDX-License-Identifier: Apache-2.0
"""Browsers of their own, in the words of the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from browser_harness.desk import Desk
from playwright.sync_api import BrowserContext, Page


@attrs.define
class Visitor:
    """A browser of its own: its cookies are shared by its tabs, and by nobody else."""

    context: BrowserContext

    def open(self, url: str, prepare: Callable[[Page], None] = lambda _: None) -> Desk:
        """Open a tab that was prepared, and wait until its page is drawn."""
        tab = Desk(self.context.new_page())
        prepare(tab.page)
        tab.load(url)
        return tab

    def open_at_once(self, url: str, tabs: int) -> list[Desk]:
        """Open several tabs, none of which waits for another."""
        opened = [Desk(self.context.new_page()) for _ in range(tabs)]
        for tab in opened:
            tab.page.goto(url, wait_until="commit")
        for tab in opened:
            tab.at_rest()
        return opened

    def cookies(self) -> list[Any]:
        """Return the cookies that are ours."""
        return [c for c in self.context.cookies() if c["name"].startswith("sessionkit")]
