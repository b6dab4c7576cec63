# SPDX-License-Identifier: Apache-2.0
"""The demo, in the words of the tests."""

from __future__ import annotations

import re
from typing import Final

import attrs
from browser_harness.tabs import Tab
from playwright.sync_api import expect

TITLE: Final = "Coffee machine is offline"
DETAILS: Final = "Since this morning."


@attrs.define
class Tracker(Tab):
    """A tab with the demo in it."""

    def goes_to(self, link: str) -> None:
        """Click in the navigation."""
        self.page.get_by_role("link", name=link, exact=True).click()
        self.is_on(link)

    def is_on(self, heading: str) -> None:
        """Wait until the page is there."""
        self.page.get_by_role("heading", name=heading, exact=True).wait_for()

    def says(self, origin: str) -> str:
        """Wait until everything is saved; return the session's short id."""
        expect(self.page.get_by_text(re.compile("Saved$"))).to_be_visible()
        status = self.page.get_by_text(re.compile("^Session "))
        expect(status).to_have_text(re.compile(rf"^Session \S{{8}} · {origin}$"))
        return status.inner_text().split()[1]

    def has_the_draft(self) -> None:
        """Wait for the form with all that was typed."""
        self.is_on("New issue")
        self.holds("Title", TITLE)
        self.holds("Details", DETAILS)
        self.shows("Draft, not filed yet · typed so far: title, details")

    def use(self) -> None:
        """Vote, search, and begin an issue."""
        self.is_on("Issues")
        self.click("Vote · 0")
        self.click("Vote · 1")
        self.shows("Vote · 2")
        self.enter("Search", "offline")
        self.shows("No issue passes the filters.")
        self.goes_to("New issue")
        self.enter("Title", TITLE)
        self.shows("Draft, not filed yet · typed so far: title")
        self.enter("Details", DETAILS)
        self.has_the_draft()
