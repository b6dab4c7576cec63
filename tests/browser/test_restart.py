# SPDX-License-Identifier: Apache-2.0
"""The server ends, softly or hard, and is started again."""

from __future__ import annotations

from collections.abc import Callable
from signal import SIGKILL, SIGTERM, Signals

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.slow_network import SlowNetwork
from browser_harness.visitors import Visitor

OPEN_TABS = [("app", SIGTERM), ("app", SIGKILL), ("run", SIGKILL), ("plain", SIGKILL)]


@pytest.fixture(scope="module")
def server_of(shared_farm: Farm) -> Callable[[str], Server]:
    """Return the server that was started in some way; one a way for the whole module."""
    servers: dict[str, Server] = {}

    def get(way: str) -> Server:
        if way not in servers:
            servers[way] = shared_farm.start(way, "desk.py")
        return servers[way]

    return get


@pytest.mark.parametrize(("way", "how"), OPEN_TABS)
def test_restart_under_an_open_tab(
    server_of: Callable[[str], Server], visitor: Visitor, way: str, how: Signals
) -> None:
    """The tab rebuilds by itself, nothing is lost, and the next click's callback is called."""
    server = server_of(way)
    desk = visitor.open(server.url)
    desk.fill()
    session = desk.value("session")
    with desk.rebuilt():
        server.restart(how)
    desk.is_full()
    assert session == desk.value("session")
    desk.count_to(2)


@pytest.mark.parametrize("requests", [0, 3], ids=["at_once", "slowly"])
def test_a_tab_that_shows_old_values(
    server_of: Callable[[str], Server], visitor: Visitor, requests: int
) -> None:
    """
    A tab that was left open, not rerun since another one typed, brings nothing old back after a restart.

    However slow its page comes: it asks for one several times, and says each time what it shows.
    """
    server = server_of("run")
    first = visitor.open(server.url)
    first.enter("Age", "36")
    first.stored(age="36")
    network = SlowNetwork()
    second = visitor.open(server.url, network.lie_before)
    second.shows("age=36")
    network.until = requests
    first.enter("Name", "Ada")
    first.enter("Age", "37")
    first.stored(name="Ada", age="37")
    first.page.close()
    with second.rebuilt():
        server.restart(SIGKILL)
    second.shows("age=37", "name=Ada")
    second.holds("Age", "37")
    second.holds("Name", "Ada")
    second.stored(name="Ada", age="37")
    assert network.asked >= requests


def test_kill_while_no_tab_is_open(server_of: Callable[[str], Server], visitor: Visitor) -> None:
    """Who comes back after the restart finds everything."""
    server = server_of("run")
    desk = visitor.open(server.url)
    desk.fill()
    desk.page.close()
    server.restart(SIGKILL)
    visitor.open(server.url).is_full()


@pytest.mark.parametrize("way", ["app", "run", "plain"])
def test_soft_end_writes_what_is_pending(
    server_of: Callable[[str], Server], visitor: Visitor, way: str
) -> None:
    """SIGTERM right after typing loses nothing, though the debounce time was not over."""
    server = server_of(way)
    desk = visitor.open(server.url)
    desk.enter("Name", "Ada")
    desk.shows("name=Ada")
    server.stop(SIGTERM)
    desk.page.close()
    server.start()
    visitor.open(server.url).shows("name=Ada")
