# SPDX-License-Identifier: Apache-2.0
"""Who has left a draft in another session of theirs is asked whether it is to be put here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from sessionkit import SessionManager, UserSession
from sessionkit.session.devices import devices_of

PAGE = """
import streamlit as st
from sessionkit import *
from sessionkit_streamlit import *

session = bootstrap_session()
with form("contact"{options}) as f:
    f.text_input("Name", key="name")
    f.number_input("Size", 1, 9, 3, key="size")
f.undo()
st.button("in", on_click=log_in, args=["ada"])
st.text(f"{f.state.data}")
"""


def leave(browser: Any, session_id: str = "phone", **data: Any) -> None:
    """Fill in the form in another session of Ada's, at another replica."""
    with SessionManager(browser.settings()) as elsewhere:
        session = elsewhere.recover(session_id) or UserSession(session_id=session_id, user_id="ada")
        form = session.get_form_state("contact")
        form.snapshot("name")
        form.data.update(data)
        session.mark_form_dirty("contact")
        elsewhere.save(session, immediate=True)


def open_page(browser: Any, options: str = "") -> AppTest:
    """Open a tab with the form."""
    script: Path = browser.folder / "page.py"
    script.write_text(PAGE.replace("{options}", options))
    return browser.open(script).run()  # type: ignore[no-any-return]


def sign_in(browser: Any, tab: AppTest) -> AppTest:
    """Log in as Ada, and let the browser hold the token that it is given."""
    next(one for one in tab.button if one.label == "in").click().run()
    session = browser.connection_of(tab).session
    (device_id,) = devices_of(session) or {}
    tokens = browser.manager.tokens
    browser.cookies[tokens.cookie_name] = tokens.issue(session.session_id, device_id)
    return tab.run()


def question(tab: AppTest) -> list[str]:
    """Return what the user is asked."""
    assert not tab.exception, tab.exception
    return [one.value for one in (*tab.markdown, *tab.caption)]


def press(tab: AppTest, name: str) -> AppTest:
    """Answer, or press another of the form's buttons."""
    return tab.button(key=f"contact:{name}").click().run()


@pytest.fixture(name="tab")
def _tab(browser: Any) -> AppTest:
    """Return a tab of Ada's who left a draft elsewhere, filled in another one here, and signed in then."""
    leave(browser, name="Ada")
    tab = open_page(browser)
    tab.number_input[0].set_value(5).run()
    assert question(tab) == []
    return sign_in(browser, tab)


def test_who_signs_in_is_asked(tab: AppTest) -> None:
    """With the time, and what would be changed."""
    headline, change = question(tab)
    assert headline.startswith("Recover your draft from ")
    assert headline.endswith(" UTC?")
    assert change == "Name: nothing → ` Ada `; 1 more"


def test_a_draft_is_taken_over_and_taken_back(browser: Any, tab: AppTest) -> None:
    """By undo; who has answered is not asked again."""
    press(tab, "recover")
    assert (tab.text[0].value, tab.text_input[0].value) == ("{'name': 'Ada'}", "Ada")
    assert tab.number_input[0].value == 3
    assert question(tab) == []
    press(tab, "undo")
    assert (tab.text[0].value, tab.number_input[0].value) == ("{'size': 5}", 5)
    assert question(open_page(browser)) == []


def test_who_has_refused_is_not_asked_again(browser: Any, tab: AppTest) -> None:
    """Neither in another tab, nor after a restart, until they go on elsewhere."""
    other = open_page(browser)
    assert question(press(tab, "refuse")) == question(other.run()) == []
    assert tab.text[0].value == "{'size': 5}"
    browser.restart()
    assert question(open_page(browser)) == []
    leave(browser, name="Bea")
    (_, change) = question(open_page(browser))
    assert change.startswith("Name: nothing → ` Bea `")


def test_who_went_on_here_is_not_asked(browser: Any, tab: AppTest) -> None:
    """What was left elsewhere is older, and they were signed in as they went on."""
    assert question(tab)
    assert question(open_page(browser)) == []
    leave(browser, name="Bea")
    assert question(open_page(browser))
    assert question(open_page(browser, ", recover=False")) == []


def test_the_same_draft_is_no_question(browser: Any, tab: AppTest) -> None:
    """There is nothing to choose."""
    leave(browser, name="Bea")
    tab = open_page(browser)
    assert question(tab)
    tab.text_input[0].set_value("Bea").run()
    tab.number_input[0].set_value(3).run()
    press(tab, "recover")
    assert question(tab) == []


def test_of_several_the_latest_that_is_another_one_is_offered(browser: Any) -> None:
    """One that is the same as here does not hide the others."""
    leave(browser, "phone", name="Ada")
    leave(browser, "tablet", size=5)
    tab = open_page(browser)
    tab.number_input[0].set_value(5).run()
    (_, change) = question(sign_in(browser, tab))
    assert change == "Name: nothing → ` Ada `; 1 more"


def test_a_form_that_stands_in_two_places_asks_once(browser: Any) -> None:
    """Where its first part stands: Streamlit takes the key of a button but once."""
    leave(browser, name="Ada")
    script: Path = browser.folder / "page.py"
    parts = PAGE.replace("{options}", "").replace(
        "    f.number_input(", 'with form("contact") as g:\n    g.number_input('
    )
    script.write_text(parts)
    tab = browser.open(script).run()
    tab.number_input[0].set_value(5).run()
    tab = sign_in(browser, tab)
    assert len(question(tab)) == 2
    press(tab, "recover")
    assert question(tab) == []
    assert tab.text_input[0].value == "Ada"
