# SPDX-License-Identifier: Apache-2.0
"""Each widget that keeps itself shows the same after F5, and after its page was left, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from signal import SIGTERM
from typing import Final

import pytest
from browser_harness.farm import Farm
from browser_harness.tabs import Tab
from playwright.sync_api import Browser, Locator

from sessionkit_streamlit.widgets.kept import value_widgets


def _type(text: str) -> Callable[[Locator], None]:
    def change(box: Locator) -> None:
        field = box.locator("input, textarea").first
        field.fill(text)
        field.blur()

    return change


def _press(button: str) -> Callable[[Locator], None]:
    return lambda box: box.get_by_role("button", name=button, exact=True).click()


def _push(*keys: str) -> Callable[[Locator], None]:
    def change(box: Locator) -> None:
        place = box.locator("input").last
        place.focus()
        for key in keys:
            place.press(key)
        place.blur()

    return change


def _raise(segment: str) -> Callable[[Locator], None]:
    def change(box: Locator) -> None:
        box.locator(f"[data-type={segment}]").click()
        for key in ("ArrowUp", "Escape", "Tab", "Tab"):
            box.page.keyboard.press(key)

    return change


def _tick(box: Locator) -> None:
    box.locator("label").first.click()


def _choose(box: Locator) -> None:
    box.locator("input").first.click()
    box.page.get_by_role("option", name="third", exact=True).click()
    box.page.keyboard.press("Escape")


def _pick_color(box: Locator) -> None:
    box.locator("button").click()
    field = box.page.get_by_test_id("stColorPickerPopover").locator("input")
    field.fill("#12ab34")
    field.press("Enter")
    box.page.keyboard.press("Escape")


CHANGES: Final[dict[str, tuple[Callable[[Locator], None], str]]] = {
    "checkbox": (_tick, "True"),
    "color_picker": (_pick_color, "#12ab34"),
    "date_input": (_raise("day"), "2026-01-02"),
    "datetime_input": (_raise("hour"), "2026-01-01 13:00:00"),
    "feedback": (lambda box: box.get_by_label("4 out of 5 stars").click(), "3"),
    "multiselect": (_choose, "['third']"),
    "number_input": (_type("42"), "42"),
    "pagination": (_press("Page 4"), "4"),
    "pills": (lambda box: box.get_by_text("second", exact=True).click(), "second"),
    "radio": (lambda box: box.get_by_text("second", exact=True).click(), "second"),
    "segmented_control": (lambda box: box.get_by_text("second", exact=True).click(), "second"),
    "select_slider": (_push("ArrowRight"), "second"),
    "selectbox": (_choose, "third"),
    "slider": (_push("ArrowRight", "ArrowRight"), "2"),
    "text_area": (_type("typed"), "typed"),
    "text_input": (_type("typed"), "typed"),
    "time_input": (_raise("hour"), "10:00:00"),
    "toggle": (_tick, "True"),
}
"""How a visitor changes each, and what it returns then."""

STAGES: Final = ("changed", "F5", "other page and back", "restart")

Shown = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def shown(shared_farm: Farm, chromium: Browser) -> Shown:
    """Change all of them on one page; return what each returned, stage by stage."""
    server = shared_farm.start("run", "kept_widgets.py")
    tab = Tab(chromium.new_page())
    tab.load(server.url)
    found: Shown = {}
    for name, (change, value) in CHANGES.items():
        if name in value_widgets():
            change(tab.page.locator(f".st-key-box_{name}"))
            tab.shows(f"{name}={value}")

    def note(stage: str) -> None:
        tab.at_rest()
        lines = tab.page.get_by_text(re.compile(r"^\w+=")).all_inner_texts()
        found[stage] = dict(line.split("=", 1) for line in lines)

    def settle() -> None:
        """Wait for the line that is drawn last."""
        tab.shows("toggle=True")

    note("changed")
    tab.reload()
    settle()
    note("F5")
    tab.page.get_by_role("link", name="Other").click()
    tab.shows("nothing here")
    tab.page.get_by_role("link", name="Widgets").click()
    settle()
    note("other page and back")
    server.restart(SIGTERM)
    tab.reload()
    settle()
    note("restart")
    return found


def test_each_widget_of_streamlit_is_tried() -> None:
    """A widget that a new Streamlit brings has to be added to the table."""
    assert set(value_widgets()) <= set(CHANGES)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", sorted(value_widgets()))
def test_shows_the_same(shown: Shown, name: str, stage: str) -> None:
    """Each returns what was chosen, at each stage."""
    assert CHANGES[name][1] == shown[stage][name]
