# SPDX-License-Identifier: Apache-2.0
"""A tab that is left open while its session expires, or while its record goes from the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

Page = Callable[..., Path]

FIELDS = """\
persist("kept")
st.text_input("Kept", key="kept")
persist_input("given", st.text_input("Given", key="given"))
st.selectbox("Choice", ["a", "b"], key="choice")
"""


def typed(tab: AppTest, label: str, text: str) -> None:
    """Type into a field."""
    next(one for one in tab.text_input if one.label == label).set_value(text).run()


def shown(tab: AppTest) -> list[str]:
    """Return what the fields show."""
    return [str(one.value) for one in tab.text_input]


@pytest.mark.parametrize("what", ["expired", "missing"])
def test_an_open_tab_keeps_what_it_shows(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """And takes what is typed next; all of it is stored, and there after F5."""
    script = page(FIELDS)
    tab = browser.open(script).run()
    typed(tab, "Kept", "half an hour of work")
    typed(tab, "Given", "more")
    browser.manager.flush()
    repository, [head] = browser.manager.repository, list(browser.manager.repository.heads())
    assert repository.storage.delete(head.session_id)
    if what == "expired":
        former = browser.manager._live.held(head.session_id)
        monkeypatch.setattr(repository, "has_expired", lambda session: session is former)
    typed(tab, "Given", "typed now")

    assert ["half an hour of work", "typed now"] == shown(tab)
    browser.manager.flush()
    stored = repository.load(head.session_id)
    assert stored is not None
    assert {"kept": "half an hour of work", "given": "typed now"} == {
        name: stored.inputs[name] for name in ("kept", "given")
    }
    assert ["half an hour of work", "typed now"] == shown(browser.open(script).run())


def test_what_is_typed_while_another_server_begins_to_draw_the_tab(
    browser: Any, page: Page
) -> None:
    """The run that was to draw its widgets ends early, for what is typed; that is no old value then."""
    script = page(
        f"if 'seen' not in st.session_state:\n    st.session_state.seen = 1\n    st.stop()\n{FIELDS}"
    )
    left = browser.open(script).run()
    left.run()
    typed(left, "Kept", "first")
    typed(left, "Given", "second")
    browser.manager.flush()
    states = left._tree.get_widget_states()
    tab = browser.open(script)
    tab._run(states)
    for one in states.widgets:
        if one.string_value == "second":
            one.string_value = "typed now"
    tab._run(states)

    assert ["first", "typed now"] == shown(tab)
    browser.manager.flush()
    assert ["first", "typed now"] == shown(browser.open(script).run().run())


def test_an_open_tab_whose_user_was_logged_in_is_left_by_an_expired_session_as_by_a_logout(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a shared computer: the next one finds nothing of theirs, and is nobody's."""
    script = page(
        """\
import streamlit as st
from sessionkit import log_in
st.text(f"user={bootstrap_session().user_id}")
if st.button("Log in"):
    log_in("ada")
    st.rerun()
"""
        + FIELDS
    )
    tab = browser.open(script).run()
    tab.button[0].click().run()
    typed(tab, "Kept", "hers")
    typed(tab, "Given", "hers, too")
    assert "user=ada" == tab.text[0].value
    browser.manager.flush()
    repository = browser.manager.repository
    (head,) = [one for one in repository.heads() if one.user_id]
    former = browser.manager._live.held(head.session_id)
    assert repository.storage.delete(head.session_id)
    monkeypatch.setattr(repository, "has_expired", lambda session: session is former)
    tab.run()
    tab.run()

    assert "user=None" == tab.text[0].value
    assert ["", ""] == shown(tab)
    browser.manager.flush()
    stored = [repository.load(one.session_id) for one in repository.heads()]
    assert "hers" not in repr([one and one.inputs for one in stored])
