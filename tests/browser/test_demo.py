# SPDX-License-Identifier: Apache-2.0
"""The demo, as a user meets it: ``sessionkit demo`` in an empty folder."""

from __future__ import annotations

import re
from pathlib import Path
from signal import SIGKILL

import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.tracker import TITLE, Tracker
from browser_harness.visitors import Visitor
from playwright.sync_api import Page, expect

from sessionkit_streamlit import demo

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
    former = tracker.page.get_by_text(f"kill -9 {server.process.pid}")
    expect(former).to_have_count(1)
    with Desk(tracker.page).reconnected():
        server.restart(SIGKILL)
    # Until the page was drawn anew it asks for a run by itself, and Streamlit stops the run of a click for that one.
    former.wait_for(state="detached")
    _undo_and_redo(tracker)
    assert session == tracker.says("restored")
    _file(tracker)
    tracker.goes_to("Journal")
    _visited(tracker.page, "Journal", "Issues", "New issue", "Issues")


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
    session = tracker.page.get_by_text(re.compile("^Session ")).inner_text().split()[1]
    tracker.click("End this session")
    tracker.page.get_by_text(f"Session {session}").wait_for(state="detached")
    assert session != tracker.says("new")
    _visited(tracker.page, "Journal")
    tracker.goes_to("New issue")
    tracker.holds("Title", "")
    tracker.goes_to("Issues")
    tracker.holds("Search", "")
