# SPDX-License-Identifier: Apache-2.0
"""What a user sees who reloads, opens and closes tabs, while the server stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.visitors import Visitor


@pytest.fixture(scope="module")
def server(shared_farm: Farm) -> Server:
    """One server for this module; each test has a browser of its own."""
    return shared_farm.start("run", "desk.py")


def test_f5_keeps_everything(server: Server, visitor: Visitor) -> None:
    """Inputs, form, draft, counter and history are there after a reload, in the session and in the widgets."""
    desk = visitor.open(server.url)
    desk.fill()
    before = desk.value("session")
    desk.reload()
    desk.is_full()
    assert before == desk.value("session")


def test_f5_after_a_form_that_clears(server: Server, visitor: Visitor) -> None:
    """Its fields are empty and the session has what was handed in, until something else is: nothing, too."""
    desk = visitor.open(server.url)
    desk.field("Remark").fill("late")
    desk.click("Hand in")
    desk.shows("remark=late")
    desk.holds("Remark", "")
    desk.reload()
    for runs in (1, 2, 3):
        desk.shows(f"runs={runs}", "remark=late")
        desk.holds("Remark", "")
        desk.click("Nothing")
    desk.shows("runs=4")
    desk.click("Hand in")
    desk.shows("runs=5", "remark=")
    desk.stored(remark="")


def test_f5_right_after_typing(server: Server, visitor: Visitor) -> None:
    """What is not written to the store yet is there after a reload all the same."""
    desk = visitor.open(server.url)
    desk.enter("Name", "Ada")
    desk.shows("name=Ada")
    desk.reload()
    desk.shows("runs=1", "name=Ada")
    desk.holds("Name", "Ada")


def test_every_tab_sees_the_session(server: Server, visitor: Visitor) -> None:
    """A second tab of the browser has everything, and its changes reach the first."""
    first = visitor.open(server.url)
    first.fill()
    second = visitor.open(server.url)
    second.is_full()
    second.count_to(2)
    first.count_to(3)


def test_closing_and_reopening(server: Server, visitor: Visitor) -> None:
    """Who closes the tab finds everything when opening it again."""
    desk = visitor.open(server.url)
    desk.fill()
    desk.page.close()
    visitor.open(server.url).is_full()


def test_another_browser_sees_nothing(server: Server, new_visitor: Callable[[], Visitor]) -> None:
    """Without the cookie there is nothing to see."""
    desk = new_visitor().open(server.url)
    desk.fill()
    other = new_visitor().open(server.url)
    other.is_empty()
    assert desk.value("session") != other.value("session")


def test_fragment_runs_are_kept(server: Server, visitor: Visitor) -> None:
    """What a run of nothing but a fragment changed is stored, without another run of the script."""
    desk = visitor.open(server.url)
    desk.shows("box=False")
    desk.tick("Boxed")
    desk.stored(boxed="True")
    assert "1" == desk.value("runs")
    desk.reload()
    desk.shows("boxed=True", "box=True")


def test_a_rerun_without_changes_writes_nothing(server: Server, visitor: Visitor) -> None:
    """Neither the version nor the database moves."""
    desk = visitor.open(server.url)
    desk.fill()
    runs, version = int(desk.value("runs")), desk.value("stored version")
    desk.stored(run=str(runs))
    with server.watched() as commits:
        before = commits()
        for run in (1, 2, 3):
            desk.click("Nothing")
            desk.stored(run=str(runs + run))
        assert version == desk.value("stored version")
        assert before == commits()
        desk.count_to(2)
        desk.stored(count="2", version=str(int(version) + 1))
        assert before != commits()
