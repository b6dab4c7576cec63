# SPDX-License-Identifier: Apache-2.0
"""Fields that were changed since their form was handed in are named, and have a mark."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

Page = Callable[..., Path]

PROFILE = """
with form("profile"{options}) as f:
    f.text_input("Name", "Ada", key="name")
    f.number_input("Size", 1, 9, 3, key="size")
    f.multiselect("Tags", ["a", "b"], key="tags")
    f.submit("Save")
f.undo()
st.text(f"{{f.changed}}")
"""


def profile(browser: Any, page: Page, options: str = "") -> AppTest:
    """Open the page."""
    return show(browser.open(page(PROFILE.format(options=options))))


def show(what: Any) -> AppTest:
    """Run the page, after what was done there."""
    tab: AppTest = what.run()
    assert not tab.exception, tab.exception
    return tab


def marked(tab: AppTest) -> list[str]:
    """Return the classes that have a mark; one element says so, however many there are."""
    styles = [one.proto.body for one in tab.get("html") if "<style>" in one.proto.body]
    assert len(styles) == 1
    return re.findall(r"[.]([\w-]+)::before", styles[0])


def test_a_field_is_changed_until_it_is_handed_in_or_changed_back(browser: Any, page: Page) -> None:
    """In the order of the page; also where undo or its user has changed it back."""
    tab = profile(browser, page)
    assert (tab.text[0].value, marked(tab)) == ("[]", [])
    tab.multiselect[0].set_value(["a"])
    show(tab)
    tab.text_input[0].set_value("Bea")
    show(tab)
    assert tab.text[0].value == "['name', 'tags']"
    assert marked(tab) == ["st-key-profile-name", "st-key-profile-tags"]
    tab.multiselect[0].set_value([])
    show(tab)
    assert (tab.text[0].value, marked(tab)) == ("['name']", ["st-key-profile-name"])
    show(tab.button(key="profile:undo").click())
    assert tab.text[0].value == "['name', 'tags']"
    show(tab.button(key="profile:submit").click())
    assert (tab.text[0].value, marked(tab)) == ("[]", [])
    tab.number_input[0].set_value(5)
    show(tab)
    assert (tab.text[0].value, marked(tab)) == ("['size']", ["st-key-profile-size"])
    tab.number_input[0].set_value(3)
    show(tab)
    assert (tab.text[0].value, marked(tab)) == ("[]", [])


def test_what_was_handed_in_is_known_after_a_restart(browser: Any, page: Page) -> None:
    """From the first run on."""
    tab = profile(browser, page)
    tab.text_input[0].set_value("Bea")
    show(tab)
    show(tab.button(key="profile:submit").click())
    tab.number_input[0].set_value(5)
    show(tab)
    browser.restart()
    assert marked(profile(browser, page)) == ["st-key-profile-size"]


def test_a_form_that_clears_has_nothing_left_to_mark(browser: Any, page: Page) -> None:
    """It begins anew."""
    tab = profile(browser, page, ", clear_on_submit=True")
    tab.text_input[0].set_value("Bea")
    show(tab)
    show(tab.button(key="profile:submit").click())
    assert (tab.text[0].value, marked(tab)) == ("[]", [])
    tab.number_input[0].set_value(5)
    assert marked(show(tab)) == ["st-key-profile-size"]


def test_a_batch_marks_what_was_refused(browser: Any, page: Page) -> None:
    """What was typed and not handed in is in the browser only."""
    body = """
with form("profile", batch=True, validate=lambda data: {"name": "No."}) as f:
    f.text_input("Name", "Ada", key="name")
    f.submit("Save")
"""
    tab = show(browser.open(page(body)))
    tab.text_input[0].set_value("Bea")
    (save,) = tab.button
    assert marked(show(save.click())) == ["st-key-profile-name"]


def test_a_field_that_has_the_class_of_another_one_has_no_mark(browser: Any, page: Page) -> None:
    """Streamlit makes the same class of two names that lie beyond ASCII; a wrong mark would be worse."""
    body = """
with form("profile") as f:
    f.text_input("Name", key="姓名")
    f.text_input("Address", key="地址")
st.text(f"{f.changed}")
"""
    tab = show(browser.open(page(body)))
    tab.text_input[0].set_value("Bea")
    show(tab)
    assert (tab.text[0].value, marked(tab)) == ("['姓名']", [])


@pytest.mark.parametrize("words", ["ge'ändert", "</style><b>x", "a\\\\b\\nc"])
def test_words_of_the_app_are_words(browser: Any, page: Page, words: str) -> None:
    """Whatever they hold, they end neither the text nor the rule."""
    body = f"""
from sessionkit_streamlit import FormTexts
with form("profile", texts=FormTexts(changed="{words}")) as f:
    f.text_input("Name", key="name")
"""
    tab = show(browser.open(page(body)))
    tab.text_input[0].set_value("Bea")
    assert marked(show(tab)) == ["st-key-profile-name"]
    (style,) = (one.proto.body for one in tab.get("html"))
    (said,) = re.findall(r"''/'([^']*)'", style)
    assert re.fullmatch(r"([\w ]|\\[0-9a-f]+ )+", said)
    assert style.count("<") == 2


def test_a_form_can_do_without(browser: Any, page: Page) -> None:
    """It says which fields are changed all the same."""
    tab = profile(browser, page, ", marks=False")
    tab.text_input[0].set_value("Bea")
    show(tab)
    assert tab.text[0].value == "['name']"
    assert not [one for one in tab.get("html") if "<style>" in one.proto.body]


def test_what_is_never_stored_is_not_stored_as_handed_in(browser: Any, page: Page) -> None:
    """Neither by its kind nor by its name."""
    body = """
with form("profile") as f:
    f.text_input("Code", key="code", type="password")
    f.text_input("Token", key="api_token")
    f.text_input("Name", key="name")
    f.submit("Save")
"""
    tab = show(browser.open(page(body)))
    for place, value in enumerate(("secret-1", "secret-2", "Ada")):
        tab.text_input[place].set_value(value)
        show(tab)
    show(tab.button(key="profile:submit").click())
    browser.manager.flush()
    stored = [one.read_bytes() for one in browser.folder.glob("sessions.db*")]
    assert any(b"saved_data" in one for one in stored)
    assert not any(b"secret" in one for one in stored)
