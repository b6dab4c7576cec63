# SPDX-License-Identifier: Apache-2.0
"""What a user chose from a table is there again after a restart."""

from __future__ import annotations

import re
from signal import SIGTERM
from typing import Final

from browser_harness.farm import Farm
from browser_harness.visitors import Visitor
from playwright.sync_api import expect

ROW: Final = 35
"""Pixels: the height of a row of a table, its head included."""


def test_choices_and_selected_rows_come_back(farm: Farm, visitor: Visitor) -> None:
    """NumPy's options and a dataframe's rows outlive a restart, and the page calls nothing what can't be kept."""
    server = farm.start("run", "kept_choices.py")
    tab = visitor.open(server.url)
    tab.page.locator('[data-testid="stSelectbox"] input').first.click()
    tab.page.get_by_role("option", name="2022").click()
    tab.shows("year=2022")
    tab.page.locator('[data-testid="stRadio"] label').filter(has_text="2.5").last.click()
    tab.shows("price=2.5")
    box = tab.page.locator('[data-testid="stDataFrame"] canvas').first.bounding_box()
    assert box is not None
    tab.page.mouse.click(box["x"] + ROW / 2, box["y"] + ROW * 2.5)
    tab.shows("rows=[1]")
    expect(tab.page.get_by_text(re.compile("Saved$"))).to_be_visible()
    tab.page.close()
    server.restart(SIGTERM)
    again = visitor.open(server.url)
    again.shows("year=2022", "price=2.5", "rows=[1]")
    again.reload()
    again.shows("year=2022", "price=2.5", "rows=[1]")
    assert "ValueDropped" not in server.log()
