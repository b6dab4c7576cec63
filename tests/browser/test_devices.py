# SPDX-License-Identifier: Apache-2.0
"""Two browsers of one user: one signs the other out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.visitors import Visitor
from playwright.sync_api import expect

NewVisitor = Callable[..., Visitor]

SETTINGS: Final = """
storage = "sqlite"
[storages.sqlite]
url = "sqlite:///sessions.db"
[persistence]
debounce_ms = 100
watch = true
[security]
secret_key = "the key of the browser tests, as long as a key should be"
"""
PHONE: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def log_in(visitor: Visitor, url: str, origin: str) -> Desk:
    """Open the page and log in; one click is enough."""
    page = visitor.open(url)
    page.shows("owner=None", f"origin={origin}")
    page.click("Log in")
    page.shows("owner=ada")
    return page


def listed(page: Desk) -> list[str]:
    """Return the two devices that a page shows, once it does."""
    lines = page.page.get_by_text(re.compile(r"\w+ on \w+$"))
    expect(lines).to_have_count(2)
    return [re.sub(r"^\w+ (?=\w+ on )", "", text) for text in lines.all_inner_texts()]


@pytest.mark.parametrize("way", ["run", "plain"])
def test_one_browser_signs_the_other_out(farm: Farm, new_visitor: NewVisitor, way: str) -> None:
    """It is known by name; its open tab begins anew, at once where tabs are told, and so does a new one."""
    server = farm.start(way, "devices.py", settings=SETTINGS)
    desktop, phone = new_visitor(), new_visitor(user_agent=PHONE)
    # Where no server has set a cookie, a browser that sends none may keep its token by script.
    first = "provisional" if way == "plain" else "new"
    own = log_in(desktop, server.url, first)
    own.shows("origin=new")
    own.enter("Note", "tea")
    other = log_in(phone, server.url, first)
    other.shows("origin=restored")
    other.holds("Note", "tea")
    assert ["Safari on iPhone", "Chrome on Linux"] == listed(other)

    own.reload()
    own.shows("owner=ada", "origin=restored")
    assert ["Chrome on Linux", "Safari on iPhone"] == listed(own)
    expect(own.page.get_by_role("button", name="Sign out")).to_have_count(1)
    own.click("Sign out")
    expect(own.page.get_by_text("Safari on iPhone")).to_have_count(0)
    own.shows("owner=ada")
    own.holds("Note", "tea")

    other.shows("owner=None", "origin=refused")
    other.holds("Note", "")
    other.reload()
    other.shows("owner=None")
    phone.open(server.url).shows("owner=None")
    own.reload()
    own.shows("owner=ada")
    own.holds("Note", "tea")
    expect(own.page.get_by_role("button", name="Sign out")).to_have_count(0)
