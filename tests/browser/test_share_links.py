# SPDX-License-Identifier: Apache-2.0
"""A link that opens a copy of what somebody has on their page, in somebody else's browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.servers import Server, wait_for
from browser_harness.visitors import Visitor
from playwright.sync_api import expect

ASKED = re.compile("Somebody shared a copy")
OPENED = re.compile("This is a copy of what somebody shared")
NOTHING = re.compile("opens nothing")


def _has_stored(server: Server, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in server.folder.glob("sessions.db*"))


def make_link(page: Desk) -> str:
    """Make a link on the page, and return what is to be copied."""
    page.click("Share")
    page.click("Make a link")
    code = page.page.get_by_text(re.compile("sk_share="))
    code.wait_for()
    link = code.inner_text().strip()
    page.page.keyboard.press("Escape")
    return link


def is_clean(page: Desk) -> None:
    """Wait until the address bar has no token."""
    expect(page.page).to_have_url(re.compile(r"^http://[^/]+/$"))


@pytest.mark.parametrize("way", ["app", "plain"])
def test_a_colleague_gets_a_copy(farm: Farm, new_visitor: Callable[..., Visitor], way: str) -> None:
    """It is theirs; neither sees the other's changes, F5 keeps it, and it asks before it replaces anything."""
    server = farm.start(way, "shared.py")
    ada, bob = new_visitor(), new_visitor()
    mine = ada.open(server.url)
    mine.enter("Customer", "Acme")
    mine.enter("Note", "call first")
    mine.enter("Password", "canary")
    mine.enter("Item", "tea")
    mine.click("Add")
    mine.shows("lines=tea")
    link = make_link(mine)
    assert not _has_stored(server, b"canary")

    theirs = bob.open(link)
    theirs.holds("Customer", "Acme")
    theirs.holds("Note", "call first")
    theirs.holds("Password", "")
    theirs.shows("lines=tea")
    expect(theirs.page.get_by_text(OPENED)).to_be_visible()
    is_clean(theirs)
    assert mine.value("session") != theirs.value("session")
    theirs.enter("Customer", "Globex")
    wait_for(lambda: _has_stored(server, b"Globex"), lambda: True, "what was changed in the store")
    theirs.reload()
    theirs.holds("Customer", "Globex")
    mine.reload()
    mine.holds("Customer", "Acme")

    again = bob.open(link)  # in another tab of the same browser
    expect(again.page.get_by_text(ASKED)).to_be_visible()
    again.holds("Customer", "Globex")
    again.click("Open the copy")
    again.holds("Customer", "Acme")
    is_clean(again)
    again.click("Go back to it")
    again.holds("Customer", "Globex")

    mine.click("Share")
    mine.click("Revoke")
    expect(mine.page.get_by_role("button", name="Revoke")).to_have_count(0)
    late = new_visitor().open(link)
    expect(late.page.get_by_text(NOTHING)).to_be_visible()
    late.holds("Customer", "")
    is_clean(late)
    late.page.go_back()  # the tab's history has no token either
    assert "sk_share" not in late.page.url
