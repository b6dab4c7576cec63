# SPDX-License-Identifier: Apache-2.0
"""Two replicas over one database, and users who are moved between them."""

from __future__ import annotations

import attrs
import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm, MovableProxy
from browser_harness.servers import Server
from browser_harness.visitors import Visitor

NO_RESYNC = "window.PerformanceObserver = class { observe() {} disconnect() {} }"


@attrs.define
class Replicas:
    """Two servers and the proxy before them; users go to the first."""

    first: Server
    second: Server
    proxy: MovableProxy

    def move(self, desk: Desk) -> None:
        """Cut the tab's connection; it rebuilds on the second replica."""
        with desk.rebuilt():
            self.proxy.move_to(1)

    def move_in_silence(self, desk: Desk) -> None:
        """The same for a tab that is kept from rebuilding: its user is quicker."""
        before = desk.value("connection")
        self.proxy.move_to(1)
        # The page finds the other replica in silence: there is nothing to wait for.
        desk.page.wait_for_timeout(4000)
        assert before == desk.value("connection")


@pytest.fixture(scope="module")
def both(shared_farm: Farm) -> Replicas:
    """Start them once for this module."""
    first = shared_farm.start("app", "desk.py")
    second = shared_farm.start("app", "desk.py", beside=first)
    return Replicas(first, second, shared_farm.proxy(first, second))


@pytest.fixture
def replicas(both: Replicas) -> Replicas:
    """Users go to the first again."""
    both.proxy.order("up 0")
    return both


def test_a_moved_user_keeps_everything(replicas: Replicas, visitor: Visitor) -> None:
    """The tab rebuilds on the other replica, by itself, with all its state."""
    desk = visitor.open(replicas.proxy.url)
    desk.fill()
    session = desk.value("session")
    replicas.move(desk)
    desk.is_full()
    assert session == desk.value("session")


def test_the_first_click_after_a_failover(replicas: Replicas, visitor: Visitor) -> None:
    """Its callback is called, on the state as it was."""
    desk = visitor.open(replicas.proxy.url)
    desk.count_to(1)
    desk.stored(count="1")
    replicas.move(desk)
    desk.count_to(2)
    desk.stored(count="2")


def test_a_lost_connection(replicas: Replicas, visitor: Visitor) -> None:
    """A tab that finds the same server again goes on as if nothing had been."""
    desk = visitor.open(replicas.proxy.url)
    desk.count_to(1)
    connection = desk.value("connection")
    with desk.reconnected():
        replicas.proxy.order("cut")
    desk.count_to(2)
    assert connection == desk.value("connection")


def test_half_typed_text_survives(replicas: Replicas, visitor: Visitor) -> None:
    """What stands in a field, not yet sent, is still there after the move and can be sent."""
    desk = visitor.open(replicas.proxy.url)
    desk.enter("Name", "Ada")
    desk.stored(name="Ada")
    desk.field("Name").fill("Ada Lovelace")
    replicas.move(desk)
    desk.holds("Name", "Ada Lovelace")
    desk.field("Name").press("Enter")
    desk.shows("name=Ada Lovelace")
    desk.stored(name="Ada Lovelace")


def test_a_click_that_is_quicker_than_the_rebuild(replicas: Replicas, visitor: Visitor) -> None:
    """The first thing that the new replica hears of is a click: its callback is called, once, on the state as it was."""
    visitor.context.add_init_script(NO_RESYNC)
    desk = visitor.open(replicas.proxy.url)
    desk.count_to(1)
    visitor.open(replicas.first.url).stored(count="1")
    replicas.move_in_silence(desk)
    desk.click("Count")
    desk.shows("count=2", "runs=2")
    desk.stored(count="2")


def test_a_form_handed_in_before_the_rebuild(replicas: Replicas, visitor: Visitor) -> None:
    """What was filled in arrives with the press of its button, though the browser clears the form."""
    visitor.context.add_init_script(NO_RESYNC)
    desk = visitor.open(replicas.proxy.url)
    desk.count_to(1)
    visitor.open(replicas.first.url).stored(count="1")
    replicas.move_in_silence(desk)
    desk.field("Remark").fill("in time")
    desk.click("Hand in")
    desk.shows("remark=in time", "runs=2")
    desk.holds("Remark", "")
    desk.stored(remark="in time", count="1")


def test_what_the_user_just_typed_wins(replicas: Replicas, visitor: Visitor) -> None:
    """
    The first thing that the new replica hears of is an edit: it is not overwritten by the restore.

    The tab is kept from rebuilding first, as it happens when the user is quicker.
    """
    visitor.context.add_init_script(NO_RESYNC)
    desk = visitor.open(replicas.proxy.url)
    desk.enter("Age", "36")
    desk.shows("age=36")
    desk.enter("Name", "Ada")
    desk.shows("name=Ada")
    visitor.open(replicas.first.url).stored(name="Ada", age="36")
    replicas.move_in_silence(desk)
    with desk.rebuilt():
        desk.enter("Name", "Grace")
    desk.shows("name=Grace", "age=36")
    visitor.open(replicas.second.url).stored(name="Grace", age="36")


def test_two_tabs_on_two_replicas(replicas: Replicas, visitor: Visitor) -> None:
    """Both write to one session; neither loses what the other wrote."""
    one, two = visitor.open(replicas.first.url), visitor.open(replicas.second.url)
    one.enter("Name", "Ada")
    one.stored(name="Ada")
    two.enter("Age", "36")
    two.stored(age="36")
    one.enter("Note", "a draft")
    one.stored(note="a draft")
    for tab in (one, two):
        tab.reload()
        tab.shows("name=Ada", "age=36", "note=a draft")
