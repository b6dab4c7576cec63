# SPDX-License-Identifier: Apache-2.0
"""A stranger's script, unchanged, keeps every widget that has a key: by one line of the config file."""

from __future__ import annotations

from signal import SIGTERM
from typing import Final

import pytest
from browser_harness.farm import CONFIG, Farm
from browser_harness.servers import PATIENCE_S, Server, wait_for
from browser_harness.tabs import Tab
from browser_harness.visitors import Visitor
from playwright.sync_api import expect

NAMED: Final = '[hosts.streamlit]\npersist = ["*"]\nnever = ["card.*"]\n'
LINES: Final = (
    "plan=3 to Leiden, 4 nights",
    "pace=brisk eco=True",
    "interests=museums,bells",
    "rated=5",
    "The plan of Ada",
)


def fill(tab: Tab) -> None:
    """Use the script as its user does, all kinds of widgets."""
    page = tab.page
    tab.enter("Your name", "Ada")
    tab.shows("The plan of Ada")
    tab.tick("Netherlands")
    tab.shows("plan=2 to Delft, 3 nights")
    tab.tick("By night train")
    tab.shows("pace=normal eco=True")
    page.get_by_label("Pace", exact=True).locator("input").last.press("ArrowRight")
    tab.shows("pace=brisk eco=True")
    tab.enter("Travellers", "3")
    tab.shows("plan=3 to Delft, 3 nights")
    page.get_by_label("Nights", exact=True).locator("input").last.press("ArrowRight")
    tab.shows("plan=3 to Delft, 4 nights")
    page.get_by_label("City", exact=True).first.click()
    page.get_by_role("option", name="Leiden", exact=True).click()
    tab.shows(LINES[0])
    tab.click("museums")
    tab.shows("interests=museums")
    tab.click("bells")
    tab.shows(LINES[2])
    tab.tick("A museum card for everybody")
    tab.field("Remarks").fill("a room to the canal")
    tab.click("Note it")
    expect(page.get_by_test_id("stAlert").get_by_text("a room to the canal")).to_be_visible()
    page.get_by_role("tab", name="Packing").click()
    tab.tick("umbrella")
    expect(page.get_by_text("1 of 3 packed")).to_be_visible()
    tab.enter("Voucher", "canary-4711")
    page.get_by_label("5 out of 5 stars").click()
    tab.shows(LINES[3])


def holds_all(tab: Tab) -> None:
    """See all of it on the page."""
    tab.shows(*LINES)
    tab.holds("Your name", "Ada")
    tab.holds("Remarks", "a room to the canal")
    tab.holds("Voucher", "")
    expect(tab.page.get_by_label("A museum card for everybody")).to_be_checked()
    tab.page.get_by_role("tab", name="Packing").click()
    expect(tab.page.get_by_text("1 of 3 packed")).to_be_visible()
    expect(tab.page.get_by_label("umbrella", exact=True)).to_be_checked()


def stored(server: Server) -> bytes:
    """Return all that the store's files hold."""
    files = server.database.parent.glob(f"{server.database.name}*")
    return b"".join(file.read_bytes() for file in files)


@pytest.mark.parametrize("way", ["run", "app"])
def test_an_unchanged_script_is_durable(farm: Farm, visitor: Visitor, way: str) -> None:
    """Its values outlive F5, a visit to another page and a restart, in the tab that was open and in a new one; no password does."""
    settings = CONFIG.format(folder=farm.new_folder()) + NAMED
    server = farm.start(way, "stranger.py", settings=settings)
    tab = visitor.open(server.url)
    fill(tab)
    tab.reload()
    holds_all(tab)
    tab.page.get_by_role("link", name="About").click()
    tab.shows("about this planner")
    tab.page.get_by_role("link", name="Plan").click()
    holds_all(tab)
    wait_for(lambda: b"Ada" in stored(server), lambda: True, f"no save in {PATIENCE_S} s")
    with tab.reconnected():
        server.restart(SIGTERM)
    again = visitor.open(server.url)
    holds_all(again)
    tab.enter("Your name", "Bea")
    tab.shows("The plan of Bea", *LINES[:-1])
    again.reload()
    again.shows("The plan of Bea", *LINES[:-1])
    assert b"canary-4711" not in stored(server)
    assert "Traceback" not in server.log()
