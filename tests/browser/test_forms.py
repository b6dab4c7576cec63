# SPDX-License-Identifier: Apache-2.0
"""A form in a browser: its draft, its messages, and undo and redo by buttons and keys."""

from __future__ import annotations

from signal import SIGKILL

from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.servers import Server, wait_for
from browser_harness.visitors import Visitor
from playwright.sync_api import expect


def _has_stored(server: Server, text: bytes) -> bool:
    return any(text in file.read_bytes() for file in server.folder.glob("sessions.db*"))


def test_a_draft_from_the_first_letter_to_the_last_button(farm: Farm, visitor: Visitor) -> None:
    """F5, what is wrong, undo by button and by keys, a server that was killed, and handing it in."""
    server = farm.start("run", "contact.py")
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
    former = page.line(f"process={page.value('process')}")
    with Desk(page.page).reconnected():
        server.restart(SIGKILL)
    former.wait_for(state="detached")  # drawn anew
    page.press("Undo")
    page.holds("Email", "")
    page.holds("Name", "Ada")
    page.enter("Email", "a@b")
    page.click("Send")
    page.shows("sent=Contact(name='Ada', email='a@b')")
    page.holds("Name", "")
    page.holds("Email", "")


def test_each_tab_takes_back_what_its_own_user_did(farm: Farm, visitor: Visitor) -> None:
    """What was typed in the other one stays, and is shown."""
    server = farm.start("run", "contact.py")
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
