# SPDX-License-Identifier: Apache-2.0
"""What a user sees of the store: saved, offline, saved again, and nothing lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import attrs
import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm, MovableProxy
from browser_harness.servers import Server
from browser_harness.visitors import Visitor
from playwright.sync_api import Locator, Page, expect
from session_harness import valkeys
from session_harness.processes import needed
from session_harness.valkeys import Node

from sessionkit import SessionManager, UserSession
from sessionkit.settings import load_settings

SECRET: Final = "the key of the browser tests, as long as a key should be"  # noqa: S105 - signs the tokens of tests
SETTINGS: Final = """
storage = "redis"
[storages.redis]
url = "redis://127.0.0.1:{port}/0"
[persistence]
debounce_ms = 100
[security]
secret_key = "{secret}"
"""
ZONE: Final = "Asia/Kolkata"
SETTLED_MS: Final = 500
QUIET_MS: Final = 2500
# Before the words stands the name of the icon, which a font shows as a picture.
SAVED: Final = re.compile("Saved$")


@attrs.define
class ServerAndStore:
    """A server whose store can go away."""

    server: Server
    store: Node
    wire: MovableProxy

    def store_goes(self) -> None:
        """Cut the wire between server and store."""
        self.wire.order("block")
        self.wire.order("cut")

    def store_returns(self) -> None:
        """Mend it."""
        self.wire.order("unblock")

    def stored(self, session_id: str) -> UserSession:
        """Read a session as another process would."""
        url = f"redis://127.0.0.1:{self.store.port}/0"
        settings = load_settings(
            storage="redis", storages={"redis": {"url": url}}, security={"secret_key": SECRET}
        )
        with SessionManager(settings) as other:
            found = other.recover(session_id)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def served(shared_farm: Farm) -> Iterator[ServerAndStore]:
    """Start a server, its store and a wire between them."""
    with needed(), valkeys.alone(valkeys.valkey_binary()) as store:
        wire = shared_farm.proxy(store)  # type: ignore[arg-type] # anything with a port
        settings = SETTINGS.format(port=wire.port, secret=SECRET)
        yield ServerAndStore(
            shared_farm.start("app", "save_status.py", settings=settings), store, wire
        )


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    """Someone who lives where nobody's server stands."""
    return new_visitor(timezone_id=ZONE)


def says_saved(page: Page) -> None:
    """Wait for the line."""
    expect(page.get_by_text(SAVED)).to_be_visible()


def offline(page: Page) -> Locator:
    """Return the line that an outage brings."""
    return page.get_by_text(re.compile("Offline since "))


def test_saved_offline_saved(served: ServerAndStore, visitor: Visitor) -> None:
    """The line follows the store by itself, and so does the question at its end; what was typed is stored when it is back."""
    desk = visitor.open(served.server.url)
    says_saved(desk.page)
    desk.enter("City", "Ghent")
    desk.shows("city=Ghent")
    says_saved(desk.page)
    _store_away(served, desk)
    desk.enter("Street", "Meir")
    expect(offline(desk.page)).to_be_visible()
    desk.asks_to_stay()
    served.store_returns()
    says_saved(desk.page)
    expect(offline(desk.page)).to_have_count(0)
    desk.lets_go()
    stored = served.stored(desk.value("session"))
    assert {"city": "Antwerp", "street": "Meir"} == stored.inputs


def _store_away(served: ServerAndStore, desk: Desk) -> None:
    before = _clock()
    served.store_goes()
    desk.enter("City", "Antwerp")
    line = offline(desk.page)
    expect(line).to_contain_text("changes are kept and saved when the store is back")
    said = line.inner_text().removeprefix("Offline since ")[:5]
    # The clock may have moved on meanwhile.
    assert said in {before, _clock()}


def _clock() -> str:
    return f"{datetime.now(ZoneInfo(ZONE)):%H:%M}"


def test_an_edit_in_a_fragment(served: ServerAndStore, visitor: Visitor) -> None:
    """The line stands in a run that is long over: it is drawn anew, and again when the store answers."""
    desk = visitor.open(served.server.url)
    says_saved(desk.page)
    served.store.pause()
    try:
        desk.enter("Street", "Meir")
        expect(desk.page.get_by_text(re.compile("Saving…$"))).to_be_visible()
    finally:
        served.store.resume()
    says_saved(desk.page)
    assert {"street": "Meir", "city": ""} == served.stored(desk.value("session")).inputs


def test_then_there_is_quiet(served: ServerAndStore, visitor: Visitor) -> None:
    """When all is saved neither the page nor the store hears of it any more."""
    tab = visitor.context.new_page()
    heard: list[object] = []
    tab.on("websocket", lambda one: one.on("framereceived", lambda frame: heard.append(frame)))  # noqa: PLW0108 - Playwright marks the function
    tab.goto(served.server.url, wait_until="commit")
    desk = Desk(tab)
    desk.enter("City", "Ghent")
    desk.shows("city=Ghent")
    says_saved(tab)
    desk.at_rest()
    # Nothing is to come any more but the end of the run that drew it: only time can show that.
    tab.wait_for_timeout(SETTLED_MS)
    frames, commands = len(heard), served.store.client.info("stats")["total_commands_processed"]
    tab.wait_for_timeout(QUIET_MS)
    assert frames == len(heard)
    # Its own question is one.
    assert commands + 1 == served.store.client.info("stats")["total_commands_processed"]
