# SPDX-License-Identifier: Apache-2.0
"""The demo, as a user meets it: ``sessionkit demo`` in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path
from signal import SIGKILL

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.tracker import TITLE, Tracker
from browser_harness.visitors import Visitor
from playwright.sync_api import Page, expect

from sessionkit_streamlit import demo

RESTORED = re.compile(
    r"^The server was killed \d+ s ago\. "
    r"Restored: 2 votes, the draft of an issue, the search and this page\.$"
)
SCRIPT = Path(demo.__file__).with_name("app.py")


@pytest.fixture
def server(farm: Farm) -> Server:
    """Start the demo in an empty folder: no configuration at all."""
    return farm.start("demo", "")


def _undo_and_redo(tracker: Tracker) -> None:
    tracker.press("Undo")
    tracker.holds("Details", "")
    tracker.holds("Title", TITLE)
    tracker.press("Redo")
    tracker.has_the_draft()


def _file(tracker: Tracker) -> None:
    tracker.click("File issue")
    tracker.holds("Title", "")
    tracker.goes_to("Issues")
    tracker.holds("Search", "offline")
    tracker.page.get_by_text(f"#4 {TITLE}").wait_for()
    tracker.enter("Search", "")
    tracker.shows("Vote · 2")


def _visited(page: Page, *pages: str) -> None:
    expect(page.locator("table tbody tr td:first-child")).to_have_text(pages)


def test_the_demo_survives(server: Server, visitor: Visitor) -> None:
    """Reload, a closed tab and SIGKILL: inputs, draft, undo, page, history and counters are kept."""
    first = Tracker(visitor.open(server.url).page)
    first.use()
    first.reload()
    first.has_the_draft()
    session = first.says("restored")
    first.page.close()
    tracker = Tracker(visitor.open(server.url).page)
    tracker.has_the_draft()
    assert session == tracker.says("restored")
    with tracker.reconnected():
        server.restart(SIGKILL)
    _undo_and_redo(tracker)
    assert session == tracker.says("restored")
    _file(tracker)
    tracker.goes_to("Journal")
    _visited(tracker.page, "Journal", "Issues", "New issue", "Issues")


def test_its_buttons_kill_the_server_and_cut_off_the_store(
    server: Server, visitor: Visitor
) -> None:
    """The page comes back by itself and says what was restored; a second tab follows; an outage loses nothing."""
    tracker = Tracker(visitor.open(server.url).page)
    tracker.use()
    session = tracker.says("new")
    server_since = tracker.page.get_by_text(f"process {server.process.pid}, since").inner_text()
    tracker.click("Kill the server")
    tracker.page.get_by_text(server_since).wait_for(state="detached")
    tracker.page.get_by_text(RESTORED).wait_for()
    tracker.at_rest()
    tracker.has_the_draft()
    assert session == tracker.says("restored")

    with visitor.context.expect_page() as opened:
        tracker.page.get_by_role("link", name="Second tab").click()
    second = Tracker(opened.value)
    second.has_the_draft()
    second.enter("Title", "The lamp flickers")
    tracker.holds("Title", "The lamp flickers")

    tracker.click("Switch the store off")
    tracker.shows("out of reach")
    tracker.enter("Details", "Since noon.")
    tracker.page.get_by_text("Offline since").wait_for()
    tracker.click("Switch the store on")
    assert session == tracker.says("restored")


@pytest.mark.parametrize("way", ["run", "plain"])
def test_its_script_runs_in_other_ways(farm: Farm, visitor: Visitor, way: str) -> None:
    """``sessionkit run`` and ``streamlit run`` take the demo's script as any other."""
    tracker = Tracker(visitor.open(farm.start(way, str(SCRIPT)).url).page)
    tracker.click("Vote · 0")
    tracker.shows("Vote · 1")
    tracker.reload()
    tracker.shows("Vote · 1")
    tracker.says("restored")


def test_ending_the_session(server: Server, visitor: Visitor) -> None:
    """The button on the last page brings a new session, without what was there."""
    tracker = Tracker(visitor.open(server.url).page)
    tracker.use()
    tracker.goes_to("Journal")
    session = tracker.says("new")
    tracker.click("End this session")
    tracker.page.get_by_text(f"Session {session}").wait_for(state="detached")
    tracker.at_rest()
    assert session != tracker.says("new")
    _visited(tracker.page, "Journal")
    tracker.goes_to("New issue")
    tracker.holds("Title", "")
    tracker.goes_to("Issues")
    tracker.holds("Search", "")
