# SPDX-License-Identifier: Apache-2.0
"""A page that moves its session to a fresh id goes on, and the browser is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sessionkit_streamlit.connection import CONNECTION_KEY
from sessionkit_streamlit.internals.state import hidden

Page = Callable[..., Path]

ROTATING = """\
persist("city")
if st.button("rotate"):
    rotate_session()
st.text_input("City", key="city")
"""


def test_what_is_typed_in_the_run_that_rotates_is_captured(browser: Any, page: Page) -> None:
    """And what is typed later; the browser is given a ticket for the new id."""
    tab = browser.open(page(ROTATING)).run()
    tab.text_input(key="city").set_value("Ghent")
    tab.button[0].click().run()
    connection = tab.session_state[hidden(CONNECTION_KEY)].value
    session = connection.session
    assert "the-session" != session.session_id == connection.session_id
    assert {"city": "Ghent"} == session.inputs
    ticket = connection.identity.ticket
    assert session.session_id == browser.manager.tokens.read_ticket(ticket, "the-session")

    tab.text_input(key="city").set_value("Bruges").run()
    browser.hold(session.session_id)
    browser.restart()

    assert {"city": "Bruges"} == browser.session().inputs
    assert "Bruges" == browser.open(page(ROTATING)).run().text_input(key="city").value


def test_the_old_cookie_opens_nothing(browser: Any, page: Page) -> None:
    """The id is ended for good."""
    tab = browser.open(page(ROTATING)).run()
    tab.text_input(key="city").set_value("Ghent")
    tab.button[0].click().run()
    browser.restart()

    assert "" == browser.open(page(ROTATING)).run().text_input(key="city").value
