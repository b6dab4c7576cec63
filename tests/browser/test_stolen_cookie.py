# SPDX-License-Identifier: Apache-2.0
"""
A tab with a stolen cookie, in what AppTest can't show: a loop that goes on, half-typed text, an open notice.

``tests/streamlit/test_stolen_cookie.py`` has each state against all that takes the session away.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

import attrs
import pytest
from browser_harness.desk import LOOK_MS, Desk
from browser_harness.farm import CONFIG, Farm
from browser_harness.servers import PATIENCE_S, Server
from browser_harness.visitors import Visitor
from playwright.sync_api import expect

NewVisitor = Callable[[], Visitor]

NOTICE: Final = "Changed in another tab"
# Each rerun is to look what has become of its session, however soon after another look.
SETTINGS: Final = CONFIG.format(folder=".").replace(
    "[persistence]", "[persistence]\nrefresh_interval_ms = 0"
)


@pytest.fixture(scope="module")
def here(shared_farm: Farm) -> Server:
    """Start the replica that the user is at."""
    return shared_farm.start("app", "stolen.py", settings=SETTINGS)


@pytest.fixture(scope="module")
def there(shared_farm: Farm, here: Server) -> Server:
    """Start another one over the same store."""
    return shared_farm.start("app", "stolen.py", beside=here)


@attrs.define
class Tabs:
    """The user's tab, and the thief's, which shows the same session."""

    user: Desk
    thief: Desk
    name: str

    def is_nobodys(self) -> None:
        """Check that the thief's tab has a session of its own, and nothing of the user's."""
        thief = self.thief
        thief.shows("owner=None", "note=", "typed=None", "attack=None")
        for field in ("Note", "Typed"):
            thief.holds(field, "")
        assert self.user.value("session") != thief.value("session")
        assert "secret" not in thief.page.inner_text("body")


@pytest.fixture(params=["one replica", "two replicas"])
def tabs(
    here: Server, there: Server, new_visitor: NewVisitor, request: pytest.FixtureRequest
) -> Tabs:
    """Log a user in, who notes something, and copy their cookie."""
    visitor, robber = new_visitor(), new_visitor()
    name = secrets.token_hex(4)
    user = visitor.open(at(here, name))
    with user.renewed():
        user.click("Log in")
    user.shows(f"owner={name}")
    user.enter("Note", "tea")
    user.shows("note=tea")
    user.reload()
    user.shows(f"owner={name}", "note=tea")
    robber.context.add_cookies(visitor.cookies())
    thief = robber.open(at(here if request.param == "one replica" else there, name))
    thief.shows(f"owner={name}", "note=tea")
    assert user.value("session") == thief.value("session")
    return Tabs(user, thief, name)


def at(server: Server, name: str) -> str:
    """Return where the page is whose button logs a user of this name in."""
    return f"{server.url}?user={name}"


def click_until(tab: Desk, button: str, line: str) -> None:
    """Click until the page shows a line that rests on what is stored by now."""
    ends = time.monotonic() + PATIENCE_S
    while not tab.line(line).is_visible():
        assert time.monotonic() < ends, line
        tab.click(button)
        tab.page.wait_for_timeout(LOOK_MS)
    tab.at_rest()


def test_a_loop_goes_on_with_nothing(tabs: Tabs) -> None:
    """The user logs out and in again: it reads nothing of what they note then, and what it writes is stored nowhere."""
    tabs.thief.click("Loop")
    tabs.thief.shows("loop: False, tea")
    tabs.user.click("Log out")
    tabs.user.shows("owner=None")
    with tabs.user.renewed():
        tabs.user.click("Log in")
    tabs.user.shows(f"owner={tabs.name}")
    tabs.user.enter("Note", "secret")
    tabs.user.shows("note=secret")

    tabs.thief.shows("loop: True, None")
    tabs.user.reload()
    tabs.user.shows(f"owner={tabs.name}", "note=secret")
    wrote = tabs.user.value("attack")
    tabs.user.click("Again")
    tabs.user.shows(f"attack={wrote}")
    assert "secret" not in tabs.thief.page.inner_text("body")


def test_half_typed_text_and_an_open_notice(tabs: Tabs) -> None:
    """The user rotates the session: the next click in the notice begins anew, and settles nothing."""
    user, thief = tabs.user, tabs.thief
    thief.field("Note").fill("mine")
    user.enter("Note", "milk")
    # Who stores second is told of the conflict: that is to be the thief.
    click_until(user, "Look", "stored note=milk")
    thief.field("Note").press("Enter")
    expect(thief.page.get_by_text(NOTICE)).to_be_visible()
    thief.field("Typed").fill("half typed")
    click_until(user, "Again", "note=mine")
    before = user.value("session")
    with user.renewed():
        user.click("Rotate")
    user.loses(f"session={before}")
    user.enter("Note", "secret")
    user.shows("note=secret")

    thief.at_rest()
    thief.click("Take theirs")
    thief.loses(f"session={before}")
    expect(thief.page.get_by_text(NOTICE)).to_have_count(0)
    tabs.is_nobodys()
    user.reload()
    user.shows(f"owner={tabs.name}", "note=secret", "attack=None")


@pytest.mark.parametrize("way", ["app", "plain"])
def test_other_tabs_of_the_browser_after_a_login(
    shared_farm: Farm, here: Server, new_visitor: NewVisitor, way: str
) -> None:
    """One that was left open shows no more than the old token; loading it again brings the user, and logs nobody out."""
    url = at(here if way == "app" else shared_farm.start(way, "stolen.py"), "ada")
    visitor = new_visitor()
    user = visitor.open(url)
    user.shows("owner=None")
    left_open = visitor.open(url)
    left_open.shows(f"session={user.value('session')}")
    user.enter("Note", "tea")
    user.shows("note=tea")
    with user.renewed():
        user.click("Log in")
    user.shows("owner=ada", "note=tea")
    session = user.value("session")

    left_open.click("Again")
    left_open.shows("owner=ada", f"session={session}", "note=tea")
    for tab in (left_open, user):
        tab.reload()
        tab.shows("owner=ada", f"session={session}", "note=tea")
