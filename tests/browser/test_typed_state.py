# SPDX-License-Identifier: Apache-2.0
"""session.state in a browser: F5, two tabs, two replicas; the page itself defines the class."""

from __future__ import annotations

from signal import SIGTERM

import pytest
from browser_harness.farm import Farm, MovableProxy
from browser_harness.visitors import Visitor


@pytest.fixture(scope="module")
def replicas(shared_farm: Farm) -> MovableProxy:
    """Start two replicas over one store, behind one address, once for this module."""
    first = shared_farm.start("app", "typed_state.py")
    second = shared_farm.start("app", "typed_state.py", beside=first)
    return shared_farm.proxy(first, second)


def test_f5_keeps_it(replicas: MovableProxy, visitor: Visitor) -> None:
    """Also what was changed in place, in a line of a list."""
    replicas.order("up 0")
    page = visitor.open(replicas.url)
    page.shows("runs=1", "lines=")
    page.click("Add")
    page.shows("lines=tea 1")
    page.click("More")
    page.shows("lines=tea 2")
    page.reload()
    page.shows("runs=1", "lines=tea 2")


def test_without_a_server_of_ours_too(farm: Farm, visitor: Visitor) -> None:
    """Under plain `streamlit run` it is there after F5 and after a restart."""
    server = farm.start("plain", "typed_state.py")
    page = visitor.open(server.url)
    page.shows("runs=1", "lines=")
    page.click("Add")
    page.shows("lines=tea 1")
    page.reload()
    page.shows("runs=1", "lines=tea 1")
    page.click("More")
    page.shows("lines=tea 2")
    server.restart(SIGTERM)
    page.reload()
    page.shows("runs=1", "lines=tea 2")


@pytest.mark.parametrize("second", [0, 1], ids=["one replica", "two replicas"])
def test_two_tabs_change_different_fields(
    replicas: MovableProxy, visitor: Visitor, second: int
) -> None:
    """Both stay, of one object in the object: each tab shows them after its next run, and after F5."""
    replicas.order("up 0")
    one = visitor.open(replicas.url)
    one.shows("runs=1", "city=")
    one.click("Add")
    one.shows("lines=tea 1")
    replicas.order(f"up {second}")
    two = visitor.open(replicas.url)
    two.shows("runs=1", "street=")
    one.click("City")
    one.shows("city=Ghent")
    two.click("Street")
    two.shows("street=Veldstraat")
    for tab in (one, two):
        for _ in range(40):  # a click shows what the other replica has stored by then
            if tab.value("city") == "Ghent" and tab.value("street") == "Veldstraat":
                break
            runs = int(tab.value("runs"))
            tab.click("Nothing")
            tab.shows(f"runs={runs + 1}")
        tab.shows("city=Ghent", "street=Veldstraat", "lines=tea 1")
    two.reload()
    two.shows("runs=1", "city=Ghent", "street=Veldstraat", "lines=tea 1")
