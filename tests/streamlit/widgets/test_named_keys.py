# SPDX-License-Identifier: Apache-2.0
"""Keys are named in full or by patterns; what a pattern fits is kept when it appears."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sessionkit.events import ValueDropped
from sessionkit_streamlit import persist

Page = Callable[..., Path]

FIELDS = (
    "st.text_input('a', key='order.name')\n"
    "st.number_input('b', 0, 99, key='order.amount')\n"
    "st.text_input('c', key='other')\n"
)


def filled(browser: Any, script: Path) -> Any:
    """Open a page and fill in its three fields."""
    tab = browser.open(script).run()
    tab.text_input(key="order.name").set_value("Ada")
    tab.number_input(key="order.amount").set_value(3)
    tab.text_input(key="other").set_value("not named")
    return tab.run()


@pytest.mark.parametrize(
    "call",
    ["persist('order.*')\n" + FIELDS, FIELDS + "persist('order.*')\n"],
    ids=["before", "after"],
)
def test_a_pattern_names_the_widgets_that_it_fits(browser: Any, page: Page, call: str) -> None:
    """Those come back after a restart, and others begin anew; the call may stand before or after them."""
    script = page(call)
    filled(browser, script)
    browser.restart()
    again = browser.open(script).run()
    assert not again.exception
    assert "Ada" == again.text_input(key="order.name").value
    assert 3 == again.number_input(key="order.amount").value
    assert "" == again.text_input(key="other").value
    assert {"order.name": "Ada", "order.amount": 3} == browser.session().inputs


def test_a_pattern_holds_for_widgets_that_appear_later(browser: Any, page: Page) -> None:
    """A field that a later run makes is kept like the others."""
    script = page(
        "persist('line.*')\n"
        "for n in range(st.number_input('lines', 1, 9, key='lines')):\n"
        "    st.text_input(str(n), key=f'line.{n}')\n"
        "persist('lines')\n"
    )
    tab = browser.open(script).run().number_input(key="lines").set_value(3).run()
    tab.text_input(key="line.2").set_value("last").run()
    browser.restart()
    assert "last" == browser.open(script).run().text_input(key="line.2").value


def test_a_pattern_holds_for_values_that_the_app_sets(browser: Any, page: Page) -> None:
    """Values without a widget are kept, too, also those that are changed in place, or were set before the call."""
    script = page(
        "state = st.session_state\n"
        "state.setdefault('order.lines', [])\n"
        "state.setdefault('cart', [])\n"
        "if st.button('add', key='add'):\n"
        "    persist('order.*')\n"
        "    state['order.lines'].append('tea')\n    state['cart'].append('tea')\n"
        "if st.button('set', key='set'):\n    state['order.note'] = 'soon'\n"
    )
    tab = browser.open(script).run().run()
    tab.button(key="add").click().run()
    tab.button(key="set").click().run()
    browser.restart()
    again = browser.open(script).run().session_state
    assert ["tea"] == again["order.lines"]
    assert "soon" == again["order.note"]
    assert [] == again["cart"]


def test_the_pattern_for_all_is_for_widgets(browser: Any, page: Page) -> None:
    """``*`` names no value of the app's own: it may be a connection, a model, or that somebody is logged in."""
    script = page(
        "persist('*')\nst.session_state.setdefault('signed_in', False)\n"
        "if st.button('sign in', key='sign_in'):\n    st.session_state.signed_in = True\n" + FIELDS
    )
    filled(browser, script).button(key="sign_in").click().run()
    browser.restart()
    again = browser.open(script).run()
    assert "not named" == again.text_input(key="other").value
    assert again.session_state.signed_in is False
    assert {
        "order.name": "Ada",
        "order.amount": 3,
        "other": "not named",
    } == browser.session().inputs


def test_a_pattern_passes_over_what_is_momentary(browser: Any, page: Page) -> None:
    """Buttons, uploads and editors of its keys are left alone: nothing is stored of them, dropped, or told."""
    script = page(
        "import pandas as pd\npersist('*')\n"
        "st.button('a', key='button')\nst.file_uploader('b', key='upload')\nst.chat_input(key='chat')\n"
        "st.data_editor(pd.DataFrame({'x': [1]}), key='editor')\n"
        "with st.form('form'):\n    st.form_submit_button('c', key='submit')\n"
    )
    tab = browser.open(script).run().button(key="button").click().run().run()
    browser.restart()
    again = browser.open(script).run()
    assert not [*tab.exception, *again.exception]
    session = browser.session()
    assert ({}, {}, []) == (session.inputs, session.extensions, browser.told(ValueDropped))


def test_passwords_and_names_of_the_kind_are_left_out(browser: Any, page: Page) -> None:
    """No pattern names a field for a password, what the settings leave out, or what ``never=`` says."""
    script = page(
        "persist('*', never=['card.*'])\n"
        "st.text_input('a', key='pin', type='password')\nst.text_input('b', key='api_token')\n"
        "st.text_input('c', key='card.number')\nst.text_input('d', key='card')\n"
    )
    tab = browser.open(script).run()
    for key in ("pin", "api_token", "card.number", "card"):
        tab.text_input(key=key).set_value("4711")
    tab.run()
    assert {"card": "4711"} == browser.session().inputs


def test_a_key_that_looks_like_a_pattern_is_meant(browser: Any, page: Page) -> None:
    """What is named in full counts, whatever it looks like."""
    script = page("persist('rows[0]')\nst.text_input('a', key='rows[0]')\n")
    browser.open(script).run().text_input(key="rows[0]").set_value("x").run()
    browser.restart()
    assert "x" == browser.open(script).run().text_input(key="rows[0]").value


def test_capitals_count(browser: Any, page: Page) -> None:
    """Keys that differ in capitals are two keys."""
    script = page("persist('Order*')\nst.text_input('a', key='order')\n")
    browser.open(script).run().text_input(key="order").set_value("x").run()
    assert {} == browser.session().inputs


@pytest.mark.parametrize("name", [7, None, ["order.*"]])
def test_names_are_texts(name: Any) -> None:
    """Anything else is an error that shows it."""
    with pytest.raises(TypeError, match="which are texts"):
        persist(name)
