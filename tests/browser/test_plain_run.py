# SPDX-License-Identifier: Apache-2.0
"""Plain ``streamlit run``: the browser is known by a handshake."""

from __future__ import annotations

from collections.abc import Callable
from signal import SIGKILL

import pytest
from browser_harness.desk import agree
from browser_harness.farm import Farm, MovableProxy
from browser_harness.servers import Server
from browser_harness.visitors import Visitor


@pytest.fixture(scope="module")
def server(shared_farm: Farm) -> Server:
    """One server for this module; each test has a browser of its own."""
    return shared_farm.start("plain", "desk.py")


def test_f5_keeps_everything(server: Server, visitor: Visitor) -> None:
    """A reload, and a second tab, have the session, without an extra run."""
    desk = visitor.open(server.url)
    desk.fill()
    session = desk.value("session")
    desk.reload()
    desk.is_full()
    desk.stored(run="1")
    assert session == desk.value("session")
    visitor.open(server.url).is_full()


def test_another_browser_sees_nothing(server: Server, new_visitor: Callable[[], Visitor]) -> None:
    """Without the token there is nothing to see."""
    new_visitor().open(server.url).fill()
    new_visitor().open(server.url).is_empty()


def test_tabs_opened_at_once_converge(server: Server, visitor: Visitor) -> None:
    """Neither knew of the other when it began; they end with one session, also after F5."""
    one, two = visitor.open_at_once(server.url, 2)
    one.stored(count="0")
    two.stored(count="0")
    for tab in (one, two):
        tab.click("Nothing")
        tab.stored(count="0")
    agree(one, two)
    one.count_to(1)
    two.count_to(2)
    for tab in (one, two):
        tab.reload()
        tab.shows("count=2")


def test_ending_a_session(server: Server, visitor: Visitor) -> None:
    """The browser gets a new session, which F5 keeps."""
    desk = visitor.open(server.url)
    desk.count_to(1)
    old = desk.value("session")
    with desk.renewed():
        desk.click("End")
    desk.loses(f"session={old}")
    desk.shows("count=0")
    desk.count_to(1)
    desk.stored(count="1")
    new = desk.value("session")
    desk.reload()
    desk.shows("count=1", f"session={new}")


@pytest.fixture
def proxy(farm: Farm, server: Server) -> MovableProxy:
    """Start a proxy that takes the cookies away, as some hosting does."""
    proxy = farm.proxy(server)
    proxy.order("strip")
    return proxy


def test_without_cookies(proxy: MovableProxy, visitor: Visitor) -> None:
    """Where cookies don't arrive, the browser's local storage does."""
    desk = visitor.open(proxy.url)
    desk.fill()
    session = desk.value("session")
    desk.reload()
    desk.is_full()
    desk.shows(f"session={session}")
    # The server learns who it is from the page: that takes one more run, and no more.
    desk.stored(run="2")
    visitor.open(proxy.url).is_full()


def test_restart_without_cookies(proxy: MovableProxy, server: Server, visitor: Visitor) -> None:
    """A tab that is left open through a restart finds its session without a cookie, too."""
    desk = visitor.open(proxy.url)
    desk.fill()
    session = desk.value("session")
    with desk.rebuilt():
        server.restart(SIGKILL)
    desk.shows(f"session={session}")
    desk.is_full()
