# SPDX-License-Identifier: Apache-2.0
"""Pages with addresses: links, back and forward, the bare address, and who may open what."""

from __future__ import annotations

import re
from signal import SIGTERM

import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.servers import Server, wait_for
from browser_harness.visitors import Visitor
from playwright.sync_api import expect

WAYS = pytest.mark.parametrize("way", ["app", "plain"])


@pytest.fixture(scope="module")
def server(shared_farm: Farm) -> Server:
    """One server for this module; each test has a browser of its own."""
    return shared_farm.start("run", "routes.py")


def is_at(page: Desk, title: str, path: str) -> None:
    """Wait until a page is shown, under its address."""
    expect(page.page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(page.page).to_have_url(re.compile(rf"^http://[^/]+/{re.escape(path)}$"))


def go(page: Desk, link: str) -> None:
    """Click a link."""
    page.page.get_by_role("link", name=link, exact=True).first.click()


def _has_stored(server: Server, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in server.folder.glob("sessions.db*"))


def test_a_user_goes_through_the_app(server: Server, visitor: Visitor) -> None:
    """By links and back, by the menu and the browser's own button; over F5."""
    page = visitor.open(server.url)
    is_at(page, "Orders", "")
    page.enter("Search", "tea")
    go(page, "Open 7")
    is_at(page, "Order 7", "order?number=7")
    page.enter("Note", "warm")
    page.click("Back")
    is_at(page, "Orders", "")
    page.holds("Search", "tea")
    page.click("Forward")
    is_at(page, "Order 7", "order?number=7")
    page.holds("Note", "warm")
    page.reload()
    is_at(page, "Order 7", "order?number=7")
    page.shows("visits=4")
    page.holds("Note", "warm")
    go(page, "orders")  # in the menu, and among the breadcrumbs
    is_at(page, "Orders", "")
    go(page, "Open 8")
    is_at(page, "Order 8", "order?number=8")
    page.page.go_back()
    is_at(page, "Orders", "")
    page.page.go_forward()
    is_at(page, "Order 8", "order?number=8")


@WAYS
def test_who_comes_back_goes_on_where_they_were(farm: Farm, visitor: Visitor, way: str) -> None:
    """After a restart, at the bare address; another address is what was asked for."""
    server = farm.start(way, "routes.py")
    page = visitor.open(f"{server.url}order?number=8")
    is_at(page, "Order 8", "order?number=8")
    page.enter("Note", "cold")
    wait_for(lambda: _has_stored(server, b"cold"), lambda: True, "a note in the store")
    server.restart(SIGTERM)
    page = visitor.open(server.url)
    is_at(page, "Order 8", "order?number=8")
    page.holds("Note", "cold")
    is_at(visitor.open(f"{server.url}order?number=7"), "Order 7", "order?number=7")


def test_a_page_is_for_whom_it_is(server: Server, visitor: Visitor) -> None:
    """It is not in the menu of others, who are told so at its address."""
    page = visitor.open(f"{server.url}staff")
    page.shows("You may not open this page.")
    menu = page.page.get_by_role("link", name="Staff", exact=True)
    expect(menu).to_have_count(0)
    page.click("Log in")
    expect(menu).to_be_visible()
    is_at(page, "Staff only", "staff")
    page.click("Log out")
    page.shows("You may not open this page.")
    expect(menu).to_have_count(0)


def test_an_address_that_is_not_right(server: Server, visitor: Visitor) -> None:
    """The page says what would be right."""
    page = visitor.open(f"{server.url}order?number=x")
    expect(page.page.get_by_text("This address is not right")).to_be_visible()
    page = visitor.open(f"{server.url}order")
    expect(page.page.get_by_text("This address is not complete")).to_be_visible()
