# SPDX-License-Identifier: Apache-2.0
"""session.cached in a browser: what a tab has invalidated no tab of its user goes on showing, on no replica."""

from __future__ import annotations

from collections.abc import Callable

from browser_harness.farm import Farm
from browser_harness.tabs import Tab
from browser_harness.visitors import Visitor


def rerun(tab: Tab) -> None:
    """Have a tab run once more."""
    runs = int(tab.value("runs"))
    tab.click("Nothing")
    tab.shows(f"runs={runs + 1}")


def rerun_until(tab: Tab, orders: str) -> None:
    """Have a tab run until it has heard of what another replica has stored."""
    for _ in range(40):
        if tab.value("orders") == orders:
            break
        rerun(tab)
    tab.shows(f"orders={orders}")


def test_what_one_tab_changes_all_of_its_user_show(
    farm: Farm, new_visitor: Callable[[], Visitor]
) -> None:
    """At once in the tab itself; others after a rerun, after F5 and on another replica; another user when it is old."""
    first = farm.start("app", "cached.py")
    second = farm.start("app", "cached.py", beside=first)
    replicas = farm.proxy(first, second)
    replicas.order("up 0")
    visitor, other_visitor = new_visitor(), new_visitor()

    def opened(who: Visitor, replica: int = 0) -> Tab:
        replicas.order(f"up {replica}")
        tab = who.open(replicas.url)
        tab.shows("runs=1", "orders=.")
        return tab

    one, beside, other = opened(visitor), opened(visitor), opened(other_visitor)
    elsewhere = opened(visitor, 1)

    one.click("Order")
    one.shows("runs=2", "orders=o.")
    rerun_until(beside, "o.")
    rerun_until(elsewhere, "o.")
    elsewhere.click("Order")
    elsewhere.shows("orders=oo.")
    for tab in (one, beside):
        rerun_until(tab, "oo.")
    rerun(other)
    other.shows("orders=.")
    elsewhere.reload()
    elsewhere.shows("runs=1", "orders=oo.")
