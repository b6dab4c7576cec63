# SPDX-License-Identifier: Apache-2.0
"""A form in a browser: its draft, its messages, and undo and redo by buttons and keys."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from signal import SIGKILL
from zoneinfo import ZoneInfo

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import Server, wait_for
from browser_harness.visitors import Visitor
from playwright.sync_api import Dialog, Page, expect


@pytest.fixture(scope="module")
def server(shared_farm: Farm) -> Server:
    """One server of the contact form for this module; each test has browsers of its own."""
    return shared_farm.start("run", "contact.py")


def _has_stored(server: Server, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in server.folder.glob("sessions.db*"))


def test_a_draft_from_the_first_letter_to_the_last_button(server: Server, visitor: Visitor) -> None:
    """F5, what is wrong, undo by button and by keys, a server that was killed, and handing it in."""
    page = visitor.open(server.url)
    page.enter("Name", "Ada")
    page.enter("Email", "nobody")
    page.click("Send")
    page.shows("An address has an @.")
    page.reload()
    page.holds("Name", "Ada")
    page.shows("An address has an @.")
    page.press("Undo")
    page.holds("Email", "")
    page.press("Redo")
    page.holds("Email", "nobody")
    page.page.mouse.click(5, 300)
    page.page.keyboard.press("Control+z")
    page.holds("Email", "")
    page.page.keyboard.press("Control+y")
    page.holds("Email", "nobody")
    wait_for(lambda: _has_stored(server, b"nobody"), lambda: True, "a draft in the store")
    with page.reconnected():
        server.restart(SIGKILL)
    page.press("Undo")
    page.holds("Email", "")
    page.holds("Name", "Ada")
    page.enter("Email", "a@b")
    page.click("Send")
    page.shows("sent=Contact(name='Ada', email='a@b')")
    page.holds("Name", "")
    page.holds("Email", "")


def test_each_tab_takes_back_what_its_own_user_did(server: Server, visitor: Visitor) -> None:
    """What was typed in the other one stays, and is shown."""
    one, other = visitor.open(server.url), visitor.open(server.url)
    one.enter("Name", "Ada")
    expect(one.page.get_by_role("button", name="Undo")).to_be_enabled()
    other.holds("Email", "")
    other.enter("Email", "a@b")
    other.holds("Name", "Ada")
    one.press("Undo")
    one.holds("Name", "")
    one.holds("Email", "a@b")
    other.press("Undo")
    other.holds("Email", "")


def test_a_draft_follows_its_user_to_another_device(
    server: Server, new_visitor: Callable[..., Visitor]
) -> None:
    """Who signs in where they had begun anew is asked, by the time of their own clock; what they choose can be undone."""
    phone = new_visitor().open(server.url)
    phone.click("Sign in")
    phone.enter("Name", "Grace")
    wait_for(lambda: _has_stored(server, b"Grace"), lambda: True, "a draft in the store")
    zone = ZoneInfo("Asia/Kolkata")
    laptop = new_visitor(timezone_id=zone.key).open(server.url)
    laptop.enter("Email", "a@b")
    expect(laptop.page.get_by_role("button", name="Undo")).to_be_enabled()
    laptop.click("Sign in")
    question = laptop.page.get_by_text("Recover your draft from")
    expect(question).to_be_visible()
    hours = {f"{datetime.now(zone) - timedelta(minutes=ago):%H:%M}?" for ago in range(5)}
    assert question.inner_text().split()[-1] in hours
    laptop.click("Recover")
    laptop.holds("Name", "Grace")
    laptop.holds("Email", "")
    expect(question).to_have_count(0)
    laptop.press("Undo")
    laptop.holds("Email", "a@b")
    laptop.holds("Name", "")
    laptop.reload()
    laptop.holds("Email", "a@b")
    expect(question).to_have_count(0)


def test_what_only_the_browser_holds_is_asked_for(farm: Farm, visitor: Visitor) -> None:
    """At F5 and on the way to another page: what was changed and not handed in, and what is being typed, but nothing else."""
    tab = visitor.open(farm.start("run", "trip.py").url)
    page = tab.page
    expect(page.get_by_test_id("stTextArea")).to_be_visible()
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    for name in ("stTextInput", "stNumberInput", "stSelectbox", "stMultiSelect", "stTextArea"):
        page.get_by_test_id(name).first.locator("input, textarea").first.click()
        page.keyboard.press("Escape")
    tab.lets_go()
    for change, back in (
        (lambda: tab.field("Where").fill("Oslo"), lambda: tab.field("Where").fill("")),
        (lambda: tab.tick("Insured"), lambda: tab.tick("Insured")),
        (lambda: tab.tick("second"), lambda: tab.tick("first")),
        (lambda: tab.tick("noon"), lambda: tab.tick("noon")),
        (lambda: _choose(page, "ship"), lambda: _choose(page, "train")),
        (lambda: tab.field("Note").fill("half a"), lambda: tab.field("Note").fill("")),
    ):
        change()
        tab.asks_to_stay()
        back()
        tab.lets_go()
    tab.field("Free").fill("half a word")
    tab.lets_go()
    tab.enter("Note", "a word")
    tab.shows("note={'note': 'a word'}")
    tab.lets_go()
    tab.field("Nights").press("ArrowUp")  # sent at once
    tab.shows("note={'note': 'a word', 'nights': 4}")
    tab.lets_go()
    tab.field("Nights").fill("7")
    tab.asks_to_stay()
    tab.field("Nights").press("Enter")
    tab.lets_go()

    tab.enter("Where", "Rome")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    def go(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.once("dialog", stay)
    page.get_by_role("link", name="Rest").click()
    tab.holds("Where", "Rome")
    page.once("dialog", go)
    page.get_by_role("link", name="Rest").click()
    tab.shows("nothing here")
    page.get_by_role("link", name="Trip").click()
    tab.enter("Where", "Bonn")
    page.once("dialog", go)
    page.reload()
    tab.enter("Where", "Bonn")
    tab.click("Book")
    expect(page.get_by_text("'where': 'Bonn'")).to_be_visible()
    page.get_by_role("link", name="Rest").click()
    tab.shows("nothing here")
    assert ["Not booked. Leave?", "confirm", "beforeunload"] == asked


def _choose(page: Page, option: str) -> None:
    page.get_by_test_id("stSelectbox").locator("input").click()
    page.get_by_role("option", name=option).click()
