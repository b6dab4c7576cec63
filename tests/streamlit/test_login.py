# SPDX-License-Identifier: Apache-2.0
"""A login at a page that persists its own fields: what was only shown is nothing that was done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sessionkit import UserSession

Page = Callable[..., Path]

LOGIN: Final = (
    "st.button('Other')\n"
    "if st.session_state.get('user'):\n"
    "    session = bootstrap_session(user_id='ada')\n"
    "st.text(session.inputs.get('work'))\n"
)
FIELDS: Final = [
    "persist_input('f', st.checkbox('Remember', value=True, key='f'))\n",
    "persist_input('f', st.text_input('Server', 'main', key='f'))\n",
    "persist_input('f', st.selectbox('Language', ['en', 'de'], key='f'))\n",
    "persist_input('f', st.slider('Days', 1, 30, (5, 7), key='f'))\n",
    "persist_input('f', st.date_input('Until', date(2026, 1, 1), key='f'))\n",
    "persist_input('f', st.multiselect('For', ['a', 'b'], ['b'], key='f'))\n",
    "persist('f')\nst.checkbox('Remember', value=True, key='f')\n",
    "persist_input('f', st.button('Send', key='f'))\n",
    "x = st.form('x', clear_on_submit=True)\npersist_input('f', x.text_input('Name', key='f'))\n",
]


@pytest.fixture
def visit(browser: Any, page: Page) -> Callable[[str], Any]:
    """Give what opens a page with a field, at a browser without a cookie; ada has left something elsewhere."""
    hers = UserSession(session_id="hers", user_id="ada", inputs={"work": "hers"})
    browser.manager.repository.save(hers)
    browser.cookies.clear()
    browser.hold("before-the-login")

    def open_with(field: str) -> Any:
        tab = browser.open(page("from datetime import date\n" + field + LOGIN)).run()
        assert not tab.exception
        return tab

    return open_with


def log_in(tab: Any) -> str:
    """Log in as ada; return whose work the page shows."""
    tab.session_state["user"] = True
    tab.run()
    assert not tab.exception
    return str(tab.text[0].value)


@pytest.mark.parametrize("runs", [0, 2])
@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_was_only_shown_hides_nothing(
    visit: Callable[[str], Any], field: str, runs: int
) -> None:
    """Whatever it begins with, and however often the page ran."""
    tab = visit(field)
    for _ in range(runs):
        tab.run()
    assert "hers" == log_in(tab)


def test_not_after_a_refresh_or_a_restart_either(
    browser: Any, page: Page, visit: Callable[[str], Any]
) -> None:
    """The store knows it."""
    visit(FIELDS[0])
    browser.restart()
    tab = browser.open(page(FIELDS[0] + LOGIN)).run()
    assert "hers" == log_in(tab)


def test_a_button_that_was_pressed_hides_nothing(visit: Callable[[str], Any]) -> None:
    """It is the one that logs in, likely; what it did is kept elsewhere."""
    tab = visit("persist_input('f', st.button('Send', key='f'))\n")
    tab.button[0].click()
    assert "hers" == log_in(tab)


def test_what_was_changed_goes_along(visit: Callable[[str], Any]) -> None:
    """Somebody did it, before the login."""
    tab = visit(FIELDS[1])
    tab.text_input(key="f").set_value("other").run()
    assert "None" == log_in(tab)


def test_what_the_app_adds_to_it_goes_along(visit: Callable[[str], Any]) -> None:
    """To the very list that the widget began with."""
    tab = visit(FIELDS[5] + "session.inputs['f'].append('c')\n")
    assert "None" == log_in(tab)


def test_what_the_app_keeps_by_itself_goes_along(visit: Callable[[str], Any]) -> None:
    """Nobody knows why it did."""
    assert "None" == log_in(visit("persist_input('f', 'main')\n"))


def test_a_field_of_another_name_goes_along(visit: Callable[[str], Any]) -> None:
    """What has no widget of its key can't be told from what the app made."""
    assert "None" == log_in(visit("persist_input('f', st.checkbox('Remember', value=True))\n"))
