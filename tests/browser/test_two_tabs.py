# SPDX-License-Identifier: Apache-2.0
"""Two tabs of one browser, at one replica or at two, whose store tells what was saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import pytest
from browser_harness.desk import Desk, agree
from browser_harness.farm import Farm, MovableProxy
from browser_harness.visitors import Visitor
from playwright.sync_api import Route, expect
from session_harness import valkeys
from session_harness.processes import needed

SETTINGS: Final = """
storage = "redis"
[storages.redis]
url = "redis://127.0.0.1:{port}/0"
notify = true
[persistence]
debounce_ms = 100
watch = true
[security]
secret_key = "the key of the browser tests, as long as a key should be"
"""
LABELS: Final = {"name": "Name", "city": "City"}
TICKET: Final = "/_sessionkit/ticket?"
TICKETS: Final = f"**{TICKET}*"
NOTICE: Final = "Changed in another tab"


@pytest.fixture(scope="module")
def replicas(shared_farm: Farm) -> Iterator[MovableProxy]:
    """Start two replicas over one store, behind one address, once for this module."""
    with needed(), valkeys.alone(valkeys.valkey_binary()) as store:
        settings = SETTINGS.format(port=store.port)
        first = shared_farm.start("app", "two_tabs.py", settings=settings)
        second = shared_farm.start("app", "two_tabs.py", beside=first)
        yield shared_farm.proxy(first, second)


@pytest.fixture(params=[0, 1], ids=["one replica", "two replicas"])
def tabs(
    replicas: MovableProxy, visitor: Visitor, request: pytest.FixtureRequest
) -> tuple[Desk, Desk]:
    """Open two tabs of one browser, at one replica or each at its own."""
    replicas.order("up 0")
    one = visitor.open(replicas.url)
    one.shows("runs=1")
    replicas.order(f"up {request.param}")
    two = visitor.open(replicas.url)
    two.shows("runs=1", f"session={one.value('session')}")
    return one, two


def both_show(tabs: tuple[Desk, Desk], **fields: str) -> None:
    """Wait until both tabs show the fields, the session's values and the widgets'."""
    for tab in tabs:
        for key, value in fields.items():
            tab.shows(f"{key}={value}")
            tab.holds(LABELS[key], value)


def test_different_fields(tabs: tuple[Desk, Desk]) -> None:
    """Both are kept, and the tab that nobody touches shows them by itself; then there is quiet."""
    one, two = tabs
    one.enter("Name", "Ada")
    both_show(tabs, name="Ada")
    two.enter("City", "Ghent")
    both_show(tabs, name="Ada", city="Ghent")
    # Nothing more is to come: only time can show that.
    one.page.wait_for_timeout(1500)
    runs = [int(tab.value("runs")) for tab in tabs]
    assert [3, 3] == runs
    assert [0, 0] == [tab.page.get_by_text(NOTICE).count() for tab in tabs]


@pytest.mark.parametrize(("choice", "left"), [("Take theirs", "Ghent"), ("Keep mine", "Antwerp")])
def test_the_same_field(tabs: tuple[Desk, Desk], choice: str, left: str) -> None:
    """What is half typed stays and wins; its user is told, and takes the other's, or keeps it."""
    one, two = tabs
    two.field("City").fill("Antwerp")
    one.enter("City", "Ghent")
    two.shows("city=Ghent")
    two.holds("City", "Antwerp")
    two.field("City").press("Enter")
    both_show(tabs, city="Antwerp")
    expect(two.page.get_by_text(f"{NOTICE}: city")).to_be_visible()
    expect(two.page.get_by_text("The other tab has")).to_contain_text("Ghent")
    two.click(choice)
    expect(two.page.get_by_text(NOTICE)).to_have_count(0)
    both_show(tabs, city=left)
    assert 0 == one.page.get_by_text(NOTICE).count()


def test_a_notice_in_the_header_moves_nothing(
    replicas: MovableProxy, new_visitor: Callable[..., Visitor]
) -> None:
    """On a phone: it comes and goes beside the status, and what it says is one tap away."""
    replicas.order("up 0")
    visitor = new_visitor(viewport={"width": 390, "height": 800})
    one, two = (visitor.open(f"{replicas.url}?header=yes") for _ in range(2))
    notice = two.page.get_by_role("button", name="1 changed")
    for tab in (one, two):
        tab.shows("city=")
        expect(tab.page.get_by_text("Saved").filter(visible=True)).to_have_count(1)
    expect(notice).to_have_count(0)
    before = top_of(two, "City")
    two.field("City").fill("Antwerp")
    one.enter("City", "Ghent")
    two.shows("city=Ghent")
    two.field("City").press("Enter")

    expect(notice).to_be_visible()
    assert before == top_of(two, "City")
    notice.click()
    two.click("Take theirs")
    both_show((one, two), city="Ghent")
    expect(notice).to_have_count(0)
    assert before == top_of(two, "City")


def top_of(tab: Desk, label: str) -> float:
    """Return how far a field is from the top of the page."""
    box = tab.field(label).bounding_box()
    assert box is not None
    return box["y"]


def test_logout(tabs: tuple[Desk, Desk], visitor: Visitor) -> None:
    """
    Who logs out in one tab is logged out in the other, without touching it; both begin the same anew.

    Both begin at once, each at its server; that they agree rests on their asking for the cookie in turn.
    """
    one, two = tabs
    one.enter("Name", "Ada")
    both_show(tabs, name="Ada")
    old = one.value("session")
    asking: list[Route] = []

    def hold_the_first(route: Route) -> None:
        asking.append(route)
        if len(asking) > 1:
            route.continue_()

    visitor.context.route(TICKETS, hold_the_first)
    with visitor.context.expect_event("request", lambda asked: TICKET in asked.url):
        one.click("End")
    for tab in tabs:
        tab.loses(f"session={old}")
        tab.holds("Name", "")
    one.page.wait_for_timeout(500)
    assert 1 == len(asking)
    asking[0].continue_()
    agree(*tabs)
    two.enter("Name", "Grace")
    both_show(tabs, name="Grace")
