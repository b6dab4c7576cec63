# SPDX-License-Identifier: Apache-2.0
"""A tab that shows an old value undoes nothing that another tab has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionkit_streamlit.widgets import edits as late

Page = Callable[..., Path]

CITY = "persist('city')\nst.text_input('City', key='city')\n"
IN_A_FRAGMENT = (
    "persist('city')\n@st.fragment\ndef part():\n    st.text_input('City', key='city')\npart()\n"
)


def city(tab: Any) -> str:
    """Return what the field shows."""
    value: str = tab.text_input(key="city").value
    return value


@pytest.fixture(params=[CITY, IN_A_FRAGMENT], ids=["script", "fragment"])
def crossed(browser: Any, page: Page, request: pytest.FixtureRequest) -> Any:
    """Give a tab that has just been sent ``Ghent``, while its browser still shows ``Bruges``."""
    script = page(request.param)
    tab, other = browser.open(script).run(), browser.open(script)
    tab.text_input(key="city").set_value("Bruges").run()
    other.run().text_input(key="city").set_value("Ghent").run()
    assert "Ghent" == city(tab.run())
    tab.text_input(key="city").set_value("Bruges")
    return tab


def test_a_request_that_crossed_the_page_is_no_edit(browser: Any, crossed: Any) -> None:
    """The browser sent what it showed before it had the new value: that stays."""
    crossed.run()
    assert "Ghent" == browser.session().inputs["city"]
    assert "Ghent" == city(crossed.run())


def test_the_old_value_is_an_edit_once_the_page_has_arrived(
    browser: Any, crossed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sees the new value may type the old one again."""
    monkeypatch.setattr(late, "_ON_THE_WAY", -1.0)
    assert "Bruges" == city(crossed.run())
    assert "Bruges" == browser.session().inputs["city"]


def test_another_value_is_an_edit_at_once(browser: Any, crossed: Any) -> None:
    """Only what the widget showed before can have crossed."""
    crossed.text_input(key="city").set_value("Antwerp").run()
    assert "Antwerp" == browser.session().inputs["city"]


def test_after_an_edit_the_old_value_is_an_edit_too(browser: Any, crossed: Any) -> None:
    """The user types on, and then what stood there before: that has not crossed anything."""
    for typed in ("Antwerp", "Bruges"):
        crossed.text_input(key="city").set_value(typed).run()
        assert typed == browser.session().inputs["city"]


ELSEWHERE = "if st.session_state.get('other'):\n    session.inputs['city'] = 'Ghent'\n"


def test_persist_input_of_an_unchanged_widget_undoes_nothing(browser: Any, page: Page) -> None:
    """Another tab changed the value while the run was under way: it stays, and is shown next."""
    body = (
        "name = st.text_input('City', key='city')\n" + ELSEWHERE + "persist_input('city', name)\n"
    )
    tab = browser.open(page(body)).run()
    tab.text_input(key="city").set_value("Bruges").run()
    tab.session_state.other = True
    tab.run()
    tab.session_state.other = False
    assert "Ghent" == browser.session().inputs["city"]
    assert "Ghent" == city(tab.run())


def test_persist_input_in_a_tabs_first_run_undoes_nothing(browser: Any, page: Page) -> None:
    """The same, of a widget that was just made and never touched."""
    body = (
        "name = st.text_input('City', key='city')\nsession.inputs['city'] = 'Ghent'\n"
        "persist_input('city', name)\n"
    )
    tab = browser.open(page(body)).run()
    assert "Ghent" == browser.session().inputs["city"]
    assert "Ghent" == city(tab.run())


def test_persist_input_of_the_apps_own_value_is_kept(browser: Any, page: Page) -> None:
    """What is not the widget's own value is the app's doing, whatever the widget shows."""
    body = (
        "name = st.text_input('City', 'x', key='city')\nsession.inputs['city'] = 'Ghent'\n"
        "persist_input('city', name.upper())\n"
    )
    browser.open(page(body)).run()
    assert "X" == browser.session().inputs["city"]
