# SPDX-License-Identifier: Apache-2.0
"""What widgets show belongs to the session that they were shown for: after its end it is nobody's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from sessionkit import SessionManager, UserSession
from sessionkit_streamlit.connection import CONNECTION_KEY
from sessionkit_streamlit.internals.state import hidden

Page = Callable[..., Path]

FIELDS = """\
persist("kept")
st.text_input("Kept", key="kept")
persist_input("given", st.text_input("Given", key="given"))
persist_input("keyless", st.text_input("Keyless"))
with st.form("form"):
    persist_input("handed", st.text_input("Handed", key="handed"))
    st.form_submit_button("Hand in")
st.button("Again", key="again")
st.text(repr(dict(get_current_session().inputs)))
"""

WAYS = {
    "end": "end_session()",
    "end, then clear": "end_session(); st.session_state.clear()",
    "clear, then end": "st.session_state.clear(); end_session()",
    "end, then rerun": "end_session(); st.rerun()",
    "end, clear, rerun": "end_session(); st.session_state.clear(); st.rerun()",
    "clear, end, rerun": "st.session_state.clear(); end_session(); st.rerun()",
    "end, then begin": "end_session(); bootstrap_session()",
    "end, clear, begin": "end_session(); st.session_state.clear(); bootstrap_session()",
    "revoke": "revoke_sessions('ada'); st.session_state.clear()",
}
OWNED = "bootstrap_session(user_id=st.session_state.setdefault('who', 'ada'))\n"


def shown_session(tab: AppTest) -> UserSession:
    """Return the session that a tab shows."""
    session = tab.session_state[hidden(CONNECTION_KEY)].value.session
    assert isinstance(session, UserSession)
    return session


def hand_in(tab: AppTest) -> None:
    """Submit the form, which sends all else along."""
    next(one for one in tab.button if one.label == "Hand in").click().run()


def fill(tab: AppTest) -> Any:
    """Type a secret into every field; return all that the browser holds then."""
    for field in tab.text_input:
        field.set_value("secret")
    hand_in(tab)
    for field in tab.text_input:
        field.set_value("secret, half typed")
    return tab._tree.get_widget_states()


def assert_nobodys(tab: AppTest, ended: UserSession, held: Any) -> None:
    """Check that nothing of the ended session is shown, or kept, whatever the browser still sends."""
    for _ in range(2):
        assert not tab.exception
        tab._run(held)
    session = shown_session(tab)
    assert session.session_id != ended.session_id
    assert [""] * len(tab.text_input) == [field.value for field in tab.text_input]
    assert not [value for value in session.inputs.values() if value]
    assert "secret" not in repr([one.value for one in tab.text])


def assert_goes_on(tab: AppTest) -> None:
    """Check that what the next one types is kept."""
    for field in tab.text_input:
        field.set_value("mine")
    hand_in(tab)
    assert {"kept", "given", "keyless", "handed"} == {
        key for key, value in shown_session(tab).inputs.items() if value == "mine"
    }


@pytest.mark.parametrize("where", ["callback", "above", "below"])
@pytest.mark.parametrize("way", WAYS)
def test_a_logout_leaves_nothing_behind(browser: Any, page: Page, where: str, way: str) -> None:
    """Whatever the order, in the script or a callback: fields are empty, and nothing enters the next session."""
    leaving = (
        f"def leave():\n    {WAYS[way].replace('; st.rerun()', '')}\n"
        "st.button('Log out', key='out', on_click=leave)\n"
        if where == "callback"
        else f"if st.button('Log out', key='out'):\n    {WAYS[way]}\n"
    )
    body = leaving + FIELDS if where == "above" else FIELDS + leaving
    if way == "revoke":
        body = OWNED + body.replace("st.session_state.clear()", "st.session_state.who = None")
    tab = browser.open(page(body)).run()
    held = fill(tab)
    ended = shown_session(tab)
    assert "secret" in ended.inputs.values()
    browser.manager.flush()

    tab.button(key="out").click().run()

    assert_nobodys(tab, ended, held)
    assert_goes_on(tab)


def test_a_session_that_ended_elsewhere_leaves_nothing_behind(browser: Any, page: Page) -> None:
    """Another replica has ended it: the open tab's next click brings its fields along, for nobody."""
    tab = browser.open(page(FIELDS)).run()
    held = fill(tab)
    ended = shown_session(tab)
    browser.manager.flush()
    with SessionManager(browser.settings()) as other:
        assert other.repository.end(ended.session_id)

    assert_nobodys(tab, ended, held)
    assert_goes_on(tab)


def test_another_tab_of_the_browser_is_emptied_too(browser: Any, page: Page) -> None:
    """The session was ended in one tab; the other one shows it until it is used."""
    script = page(FIELDS + "st.button('Log out', key='out', on_click=end_session)\n")
    other, tab = browser.open(script).run(), browser.open(script).run()
    held = fill(other)
    ended = shown_session(other)

    tab.button(key="out").click().run()

    assert_nobodys(other, ended, held)
    assert_goes_on(other)


def test_the_next_user_at_a_tab_sees_nothing_of_the_one_before(browser: Any, page: Page) -> None:
    """An app's own login names another user: their session, and none of the values that were shown."""
    body = FIELDS + "if st.button('Switch', key='switch'):\n    st.session_state.who = 'bob'\n"
    tab = browser.open(page(OWNED + body)).run()
    held = fill(tab)
    former = shown_session(tab)

    tab.button(key="switch").click().run()

    assert_nobodys(tab, former, held)
    assert_goes_on(tab)
    assert ("ada", "bob") == (former.user_id, shown_session(tab).user_id)


def test_a_page_of_a_later_session_rebuilds_after_a_restart(browser: Any, page: Page) -> None:
    """Its fields are another era's, and the new server finds out by what the browser sends."""
    script = page(FIELDS + "st.button('Log out', key='out', on_click=end_session)\n")
    tab = browser.open(script).run()
    tab.button(key="out").click().run()
    assert_goes_on(tab)
    browser.hold(shown_session(tab).session_id)
    tab.text_input(key="given").set_value("typed just now")
    held = tab._tree.get_widget_states()
    browser.restart()

    again = browser.open(script)
    again._run(held)

    assert "typed just now" == again.text_input(key="given").value
    assert "mine" == again.text_input(key="kept").value
    assert "typed just now" == shown_session(again).inputs["given"]
