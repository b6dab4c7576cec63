# SPDX-License-Identifier: Apache-2.0
"""Logins of an app's own, by the recipe of docs/logins.md, in each way to start a script."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from signal import SIGTERM

import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.servers import Server, wait_for
from browser_harness.visitors import Visitor
from playwright.sync_api import expect
from session_harness.recipes import recipe

NewVisitor = Callable[[], Visitor]
Serve = Callable[[str], Server]
WAYS = pytest.mark.parametrize("way", ["app", "run", "plain"])

USERS = """
for name in ("ada", "bob"):
    if not are(name, "a password"):
        add(name, "a password")
"""


@pytest.fixture(scope="module")
def serve(shared_farm: Farm) -> Serve:
    """Give a function that returns the module's server of a way to run: the recipe, with two users."""
    table, page = recipe("A password table")
    files = {"users.py": table + USERS, "page.py": page}
    return cache(lambda way: shared_farm.start(way, "page.py", files=files))


def log_in(page: Desk, name: str = "ada") -> None:
    """Fill the form and send it: one click is enough."""
    page.field("User").fill(name)
    page.field("Password").fill("a password")
    with page.renewed():
        page.click("Log in")
    page.shows(f"Hello {name}")


def _has_stored(server: Server, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in server.folder.glob("sessions.db*"))


def is_login(page: Desk) -> None:
    """Wait until the page asks who is there, and shows nothing of anybody."""
    page.holds("User", "")
    expect(page.page.get_by_text("Hello")).to_have_count(0)


@WAYS
def test_a_user_leaves_and_comes_back(serve: Serve, new_visitor: NewVisitor, way: str) -> None:
    """With one click each; F5 and a restart change nothing, and nobody else sees anything of it."""
    server = serve(way)
    visitor = new_visitor()
    page = visitor.open(server.url)
    log_in(page)
    page.enter("Note", "tea")
    wait_for(lambda: _has_stored(server, b"tea"), lambda: True, "a note in the store")
    page.reload()
    page.shows("Hello ada")
    page.holds("Note", "tea")
    server.restart(SIGTERM)
    page.reload()
    page.shows("Hello ada")
    beside = visitor.open(server.url)
    beside.shows("Hello ada")
    beside.holds("Note", "tea")

    page.click("Log out")
    is_login(page)
    page.reload()
    is_login(page)
    beside.enter("Note", "rum")  # a tab that was left open
    is_login(beside)
    is_login(visitor.open(server.url))

    log_in(page, "bob")
    page.holds("Note", "")
    page.click("Log out")
    is_login(page)
    log_in(page)
    page.holds("Note", "tea")
    other = new_visitor().open(server.url)
    is_login(other)
    log_in(other)
    other.holds("Note", "tea")


@WAYS
def test_a_cookie_that_was_copied_opens_nothing_after_the_logout(
    serve: Serve, new_visitor: NewVisitor, way: str
) -> None:
    """At another browser, which shows it as it is."""
    server = serve(way)
    visitor, thief = new_visitor(), new_visitor()
    page = visitor.open(server.url)
    log_in(page)
    page.reload()
    page.shows("Hello ada")
    thief.context.add_cookies(visitor.cookies())
    page.click("Log out")
    is_login(page)

    is_login(thief.open(server.url))
