# SPDX-License-Identifier: Apache-2.0
"""What is typed into a data editor that keeps its edits outlives F5, another page and a restart, in a real browser."""

from __future__ import annotations

import time
from signal import SIGTERM
from typing import Final

from browser_harness.desk import LOOK_MS
from browser_harness.farm import Farm
from browser_harness.servers import PATIENCE_S
from browser_harness.tabs import Tab
from browser_harness.visitors import Visitor
from playwright.sync_api import TimeoutError  # noqa: A004 - the browser's own

ROW: Final = 35
"""Pixels: the height of a row of a table, its head included."""


def enter_pieces(tab: Tab, row: int, number: int, then: str) -> None:
    """Type a number into the first column until the page says what it makes of it: a table takes nothing while it is drawn."""
    table = tab.in_front().locator(".stDataFrameGlideDataEditor").first
    ends = time.monotonic() + PATIENCE_S
    while True:
        table.click(position={"x": 100, "y": ROW * (row + 1.5)})
        tab.page.keyboard.type(str(number), delay=LOOK_MS / 10)
        tab.page.keyboard.press("Enter")
        try:
            tab.line(then).wait_for(timeout=5 * LOOK_MS)
        except TimeoutError:
            assert time.monotonic() < ends, f"not taken: {number} in row {row}"
            tab.page.keyboard.press("Escape")
        else:
            return


def test_edits_of_a_table_come_back(farm: Farm, visitor: Visitor) -> None:
    """Cells that were edited before and after each of them are there, in the tab that was open, too."""
    server = farm.start("run", "kept_editor.py")
    tab = visitor.open(server.url)
    tab.shows("pieces=[1, 2, 3]")
    enter_pieces(tab, 0, 7, then="pieces=[7, 2, 3]")
    tab.reload()
    tab.shows("pieces=[7, 2, 3]")
    enter_pieces(tab, 1, 8, then="pieces=[7, 8, 3]")
    tab.page.get_by_role("link", name="Other").click()
    tab.shows("nothing here")
    tab.page.get_by_role("link", name="Editor").click()
    tab.shows("pieces=[7, 8, 3]")
    enter_pieces(tab, 2, 9, then="pieces=[7, 8, 9]")
    server.restart(SIGTERM)
    visitor.open(server.url).shows("pieces=[7, 8, 9]")
    tab.reload()
    tab.shows("pieces=[7, 8, 9]")
    enter_pieces(tab, 0, 1, then="pieces=[1, 8, 9]")
    assert "Traceback" not in server.log()
