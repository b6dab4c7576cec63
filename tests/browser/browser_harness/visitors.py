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
        """Open a tab that was prepared; returns at once, the page may still load."""
        tab = Desk(self.context.new_page())
        prepare(tab.page)
        tab.page.goto(url, wait_until="commit")
        return tab

    def cookies(self) -> list[Any]:
        """Return the cookies that are ours."""
        return [c for c in self.context.cookies() if c["name"].startswith("sessionkit")]
