# SPDX-License-Identifier: Apache-2.0
"""What was stored and its page can't show, and what the page shows that its URL should."""

from __future__ import annotations

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import wait_for
from browser_harness.visitors import Visitor
from playwright.sync_api import expect


@pytest.mark.parametrize("way", ["run", "plain"])
def test_the_author_and_the_url_are_told(farm: Farm, visitor: Visitor, way: str) -> None:
    """A key that no widget has is told on the page at localhost; what was put back stands in the URL."""
    server = farm.start(way, "no_key.py")
    tab = visitor.open(server.url)
    tab.enter("Query", "tea")
    tab.shows("q=tea")
    tab.enter("Name", "Ada")
    tab.shows("name=Ada")
    expect(tab.page.get_by_test_id("stAlert")).to_have_count(0)

    again = visitor.open(server.url)
    again.shows("q=tea", "name=")
    again.holds("Query", "tea")
    expect(again.page.get_by_test_id("stAlert")).to_contain_text("no widget before it has the key")
    wait_for(lambda: "q=tea" in again.page.url, lambda: True, "the URL")
