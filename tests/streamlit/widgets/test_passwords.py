# SPDX-License-Identifier: Apache-2.0
"""What is typed into a field for a password is never kept: not by persist, not by persist_input, not by capture."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sessionkit import FormState, UserSession
from sessionkit_streamlit import persist

Page = Callable[..., Path]

CANARY: Final = "Canary-7f3b9c5e1d"
FIELD: Final = "st.text_input('Code', type='password', key='code[1]')"

KEEPS = {
    "persist": f"persist('code[1]', 'name')\n{FIELD}\n",
    "persist after it": f"{FIELD}\npersist('code[1]', 'name')\n",
    "persist_input": f"persist_input('code[1]', {FIELD})\n",
    "in a form": (
        "persist('code[1]', 'name')\n"
        f"with st.form('log in', clear_on_submit=True):\n    {FIELD}\n    st.form_submit_button('Go')\n"
    ),
    "in a fragment": f"persist('code[1]', 'name')\n@st.fragment\ndef part():\n    {FIELD}\npart()\n",
    "by its name": "persist_input('my_token', st.text_input('Code', key='code[1]', type='default'))\n"
    "persist(never=['code[[]1]'])\n",
    "a name of the app's": f"persist('code[1]', never=['code*'])\n{FIELD.replace('password', 'default')}\n",
}


@pytest.mark.parametrize("way", KEEPS)
def test_a_password_goes_nowhere(
    browser: Any,
    page: Page,
    told: list[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    """Not into a file, an event, the log, or what our component tells the page; the rest is kept."""
    caplog.set_level(logging.DEBUG, "sessionkit")
    body = f"conflict_notice()\nsave_status()\n{KEEPS[way]}persist_input('name', st.text_input('Name', key='name'))\n"
    script = page(body)
    tab = browser.open(script).run()
    tab.text_input(key="name").set_value("Ada")
    tab.text_input(key="code[1]").set_value(CANARY)
    if tab.button:
        tab.button[0].click()
    tab.run()
    tab.run()
    tab.text_input(key="code[1]").set_value(f"{CANARY}2").run()
    assert not tab.exception
    browser.manager.flush()
    browser.elsewhere(name="Grace")
    tab.run()
    browser.restart()
    again = browser.open(script).run()
    assert "" == again.text_input(key="code[1]").value
    assert "Grace" == again.text_input(key="name").value
    assert CANARY not in repr(browser.session().to_dict())
    assert CANARY not in repr(browser.events)
    assert CANARY not in repr(told)
    assert CANARY not in caplog.text
    files = [path for path in browser.folder.rglob("*") if path.is_file()]
    assert "sessions.db-wal" in {path.name for path in files}
    assert [] == [path for path in files if CANARY.encode() in path.read_bytes()]


def test_a_password_is_not_shown_to_another_tab_of_the_same_process(
    browser: Any, page: Page
) -> None:
    """The app may hold it in the session, for as long as it lives; no field is filled in from there."""
    script = page(f"persist_input('code[1]', {FIELD})\n")
    tab = browser.open(script).run()
    tab.text_input(key="code[1]").set_value(CANARY).run()
    assert CANARY == tab.text_input(key="code[1]").value
    assert "" == browser.open(script).run().text_input(key="code[1]").value


def test_a_password_that_was_stored_before_is_removed(browser: Any, page: Page) -> None:
    """By the first save of a page that draws its field."""
    session = UserSession(session_id="the-session", inputs={"code[1]": CANARY})
    browser.manager.repository.save(session)
    browser.restart()
    tab = browser.open(page(f"persist('code[1]')\n{FIELD}\n")).run()
    tab.run()
    browser.manager.flush()
    stored = browser.manager.repository.load("the-session")
    assert {} == stored.inputs


def test_a_named_field_of_a_form_is_left_out(browser: Any, page: Page) -> None:
    """``persist(never=...)`` counts for forms, and for sessions that come after this one, too."""
    browser.manager.repository.save(
        UserSession(session_id="the-session", form_states={"order": FormState(form_id="order")})
    )
    browser.restart()
    body = (
        "persist(never=['IBAN'])\n"
        f"session.form_states['order'].data.update(iban={CANARY!r}, name='Ada')\n"
        "session.form_states['order'].snapshot()\n"
    )
    browser.open(page(body)).run()
    browser.manager.flush()
    form = browser.manager.repository.load("the-session").form_states["order"]
    assert {"name": "Ada"} == form.data
    assert [{"name": "Ada"}] == [one.data for one in form.snapshots]


@pytest.mark.parametrize("never", ["code", [7]])
def test_names_that_are_none_are_refused(never: Any) -> None:
    """One text is no list of names, and would be taken letter by letter."""
    with pytest.raises(TypeError, match="persist"):
        persist(never=never)


def test_a_password_goes_with_the_session(browser: Any, page: Page) -> None:
    """After a logout its field is empty, and what the next one types is no more kept than before."""
    script = page(
        f"persist('code[1]')\n{FIELD}\nif st.button('bye'):\n    end_session()\n    st.rerun()\n"
    )
    tab = browser.open(script).run()
    tab.text_input(key="code[1]").set_value(CANARY).run()
    tab.button[0].click().run()
    assert "" == tab.text_input(key="code[1]").value
    tab.text_input(key="code[1]").set_value(f"{CANARY}2").run()
    browser.manager.flush()
    files = [path for path in browser.folder.rglob("*") if path.is_file()]
    assert [] == [path for path in files if CANARY.encode() in path.read_bytes()]
