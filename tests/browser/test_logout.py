# SPDX-License-Identifier: Apache-2.0
"""What a page shows belongs to the session that it was shown for: the next one gets nothing of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.visitors import Visitor

FIELDS = ("Named", "Given", "Keyless", "Handed")


@pytest.fixture(scope="module", params=["run", "app", "plain"])
def server(shared_farm: Farm, request: pytest.FixtureRequest) -> Server:
    """One server a way to run; each test has a browser of its own."""
    return shared_farm.start(request.param, "logout.py")


def _fill(tab: Desk) -> None:
    tab.shows("kept=")
    tab.enter("Named", "secret")
    tab.shows("kept=named:secret")
    tab.enter("Given", "secret")
    tab.shows("kept=given:secret,named:secret")
    tab.enter("Keyless", "secret")
    tab.shows("kept=given:secret,keyless:secret,named:secret")
    tab.enter("Handed", "secret")
    tab.click("Hand in")
    tab.shows("kept=given:secret,handed:secret,keyless:secret,named:secret")
    for field in ("Named", "Keyless", "Handed"):
        tab.field(field).fill("secret, half typed")
    tab.field("Chat").fill("secret, half typed")


def _is_nobodys(tab: Desk, before: str) -> None:
    """Check that the page has another session, and nothing of the one before in any field, also after a click."""
    for _ in range(2):
        tab.click("Again")
        tab.loses(f"began={before}")
        tab.shows("kept=")
        for field in FIELDS:
            tab.holds(field, "")
        tab.holds("Chat", "")
    assert "secret" not in tab.page.inner_text("body")


@pytest.mark.parametrize("way", ["End", "End, clear", "Clear, end, rerun", "By callback"])
def test_a_logout_leaves_nothing_in_the_browser(server: Server, visitor: Visitor, way: str) -> None:
    """Neither what was typed nor what was half typed; what the next one types is kept, also after F5."""
    tab = visitor.open(server.url)
    _fill(tab)
    before = tab.value("began")
    tab.click(way)
    # A click that comes before the end of the run would stop that, as in any page of Streamlit's.
    if way.startswith("End"):
        tab.shows("gone")
        tab.at_rest()
    else:
        tab.loses(f"began={before}")
    _is_nobodys(tab, before)
    tab.enter("Given", "mine")
    tab.shows("kept=given:mine")
    tab.reload()
    tab.shows("kept=given:mine")
    tab.holds("Given", "mine")


def test_a_logout_in_another_tab(server: Server, new_visitor: Callable[[], Visitor]) -> None:
    """A tab left open shows the ended session until it is used; its next click brings nothing along."""
    visitor = new_visitor()
    tab = visitor.open(server.url)
    _fill(tab)
    before = tab.value("began")
    other = visitor.open(server.url)
    other.click("By callback")
    other.loses(f"began={before}")
    _is_nobodys(tab, before)
