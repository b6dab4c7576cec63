# SPDX-License-Identifier: Apache-2.0
"""A server that is slow to send its pages: nothing of ours makes the browser lose one."""

from __future__ import annotations

import re

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.visitors import Visitor
from playwright.sync_api import expect


@pytest.fixture(scope="module", params=["run", "app", "plain"])
def server(request: pytest.FixtureRequest, shared_farm: Farm) -> Server:
    """A server for each way to run; each test has a browser of its own."""
    return shared_farm.start(request.param, "held.py")


@pytest.mark.parametrize(
    ("way", "then"), [("status", re.compile("Saved$")), ("refresh", re.compile("^runs=3$"))]
)
def test_a_fragment_runs_again_only_when_the_page_was_sent(
    server: Server, visitor: Visitor, way: str, then: re.Pattern[str]
) -> None:
    """The browser gets the whole page, then the fragment's newer one: no "Bad delta path", no white page."""
    tab = visitor.context.new_page()
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(f"{server.url}?with={way}")
    expect(tab.get_by_text("last", exact=True)).to_be_visible()
    expect(tab.get_by_text(then)).to_be_visible()
    expect(tab.get_by_label("Word")).to_be_visible()
    assert [] == [one for one in said if "delta path" in one]
