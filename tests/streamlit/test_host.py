# SPDX-License-Identifier: Apache-2.0
"""Who the browser and the user are, and how a browser gets another id."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from sessionkit import UserSession
from sessionkit.host import ConnectedHost
from sessionkit.session.fields import utc_now
from sessionkit.tokens import Tokens
from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.host import StreamlitHost

Page = Callable[..., Path]

SHOW = "st.text(session.session_id)\n"


def test_it_is_a_connected_host(browser: Any) -> None:
    """It has what the manager asks of a host, and trusts nobody."""
    host = StreamlitHost(browser.manager.tokens)
    assert isinstance(host, ConnectedHost)
    assert not host.trusted
    assert not host.active()


def test_the_cookie_names_the_session_in_the_first_run(browser: Any, page: Page) -> None:
    """No rerun is needed, and the browser is told nothing new."""
    tab = browser.open(page(SHOW)).run()
    assert "the-session" == tab.text[0].value


def test_a_forged_cookie_brings_a_fresh_session(browser: Any, page: Page) -> None:
    """A cookie that our key did not sign names nothing."""
    name = browser.manager.tokens.cookie_name
    browser.cookies[name] = browser.cookies[name][:-1] + "x"
    tab = browser.open(page(SHOW)).run()
    assert not tab.exception
    assert "the-session" != tab.text[0].value


def test_without_the_middleware_the_browser_keeps_a_readable_token(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under plain ``streamlit run`` the id is handed over by script, in a token that says so."""
    monkeypatch.setattr(gate, "middleware", False)
    browser.cookies.clear()
    tab = browser.open(page(SHOW)).run()
    content = browser.manager.tokens.inspect(told[-1]["token"])
    assert (tab.text[0].value, True) == (content.session_id, content.readable)
    assert told[-1]["ticket"] is None
    assert tab.text[0].value == tab.run().text[0].value


def test_a_browser_whose_cookie_is_filtered_out_keeps_its_own_token(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the browser kept by script wins over what it was just given: one rerun, no new id."""
    monkeypatch.setattr(gate, "middleware", False)
    browser.cookies.clear()
    script = page(SHOW)
    browser.manager.repository.save(UserSession(session_id="kept"))
    tab = browser.open(script).run()
    kept = browser.manager.tokens.issue("kept", readable=True)
    monkeypatch.setattr("sessionkit_streamlit.host.reported_token", lambda: kept)
    assert "kept" == tab.run().text[0].value


def test_what_a_browser_said_once_stands_until_it_says_otherwise(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is left by ``st.switch_page`` takes the report along: the next run has none."""
    monkeypatch.setattr(gate, "middleware", False)
    browser.cookies.clear()
    browser.manager.repository.save(UserSession(session_id="kept"))
    tab = browser.open(page(SHOW)).run()
    kept = browser.manager.tokens.issue("kept", readable=True)
    for reported in (kept, None, kept):
        monkeypatch.setattr(
            "sessionkit_streamlit.host.reported_token", lambda token=reported: token
        )
        assert "kept" == tab.run().text[0].value


def test_an_ended_session_is_replaced_by_ticket(
    browser: Any, page: Page, told: list[dict[str, Any]]
) -> None:
    """Under the middleware the browser trades a ticket for the new session's cookie."""
    body = SHOW + "if st.button('bye', key='bye'):\n    end_session()\n    st.rerun()\n"
    tab = browser.open(page(body)).run()
    tab.button(key="bye").click().run()
    new_id = tab.text[0].value
    assert "the-session" != new_id
    assert (
        new_id == browser.manager.tokens.read_ticket(told[-1]["ticket"], "the-session").session_id
    )
    assert told[-1]["token"] is None


def test_an_old_cookie_brings_nothing_back(browser: Any, page: Page) -> None:
    """Whoever kept the cookie of an ended session gets an empty one under another id."""
    body = "persist('city')\nst.text_input('City', key='city')\n" + SHOW
    leave = body + "if st.button('bye', key='bye'):\n    end_session()\n"
    tab = browser.open(page(leave)).run()
    tab.text_input(key="city").set_value("Ghent").run()
    tab.button(key="bye").click().run()
    browser.restart()
    again = browser.open(page(body)).run()
    assert "the-session" != again.text[0].value
    assert "" == again.text_input(key="city").value


@pytest.mark.parametrize(
    ("known", "user"),
    [
        ({"is_logged_in": True, "iss": "https://id", "sub": "42", "email": "a@b"}, "https://id|42"),
        ({"is_logged_in": False}, None),
        ({"email": "a@b"}, None),
        ({"is_logged_in": True, "email": "a@b"}, None),
        ({}, None),
    ],
)
def test_a_user_is_who_logged_in(
    browser: Any, monkeypatch: pytest.MonkeyPatch, known: dict[str, Any], user: str | None
) -> None:
    """Issuer and subject name a user; an email, or no configured login, names nobody."""

    class User:
        def to_dict(self) -> dict[str, Any]:
            return known

    monkeypatch.setattr(st, "user", User())
    assert user == StreamlitHost(browser.manager.tokens).user()


# -- a page that moves its session to a fresh id ---------------------------------


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
    connection = browser.connection_of(tab)
    session = connection.session
    assert "the-session" != session.session_id == connection.session_id
    assert {"city": "Ghent"} == session.inputs
    ticket = connection.identity.ticket
    assert (
        session.session_id == browser.manager.tokens.read_ticket(ticket, "the-session").session_id
    )

    tab.text_input(key="city").set_value("Bruges").run()
    browser.hold(session.session_id)
    browser.restart()

    assert {"city": "Bruges"} == browser.session().inputs
    assert "Bruges" == browser.open(page(ROTATING)).run().text_input(key="city").value


LEFT_OPEN = """\
if st.button("log in"):
    session = bootstrap_session(user_id="alice")
    session.inputs["card"] = "CREDIT-CARD"

@st.fragment
def live():
    conflict_notice()
    save_status()
    st.text(repr(dict(session.inputs)))
    session.inputs["written"] = st.session_state.get("attack", "")

live()
st.text_input("City", key="city")
persist("city")
"""


def shown(tab: AppTest) -> str:
    """Return all that a page says."""
    return " ".join(one.value for one in (*tab.text, *tab.markdown, *tab.caption))


@pytest.mark.parametrize("state", ["idle", "typed", "notice"])
def test_a_tab_that_was_left_open_with_a_planted_cookie_loses_the_session(
    browser: Any, page: Page, state: str
) -> None:
    """Whatever it was about: its end of a run captures nothing, its notice shows nothing, its object is empty."""
    attacker = browser.open(page(LEFT_OPEN)).run()
    connection = browser.connection_of(attacker)
    stolen = connection.session
    victim = browser.open(page(LEFT_OPEN)).run()
    victim.button[0].click().run()
    session = browser.connection_of(victim).session
    assert ("alice", "CREDIT-CARD") == (session.user_id, session.inputs["card"])
    if state == "notice":
        value = {"path": "inputs['card']", "part": "inputs", "keys": ["inputs", "card"]}
        session.extensions["ask"] = {"q": {**value, "ours": "CREDIT-CARD", "theirs": "other"}}

    assert (True, {}, None) == (stolen.ended, stolen.inputs, connection.live_session)
    attacker.session_state["attack"] = "ATTACKER"
    if state == "typed":
        attacker.text_input(key="city").set_value("ATTACKER")
    attacker.run()

    assert "CREDIT-CARD" not in shown(attacker)
    assert "ATTACKER" not in repr(session.to_dict())
    assert None is browser.connection_of(attacker).session.user_id
    assert "CREDIT-CARD" in shown(victim.run())


def test_the_old_cookie_opens_nothing(browser: Any, page: Page) -> None:
    """The id is ended for good."""
    tab = browser.open(page(ROTATING)).run()
    tab.text_input(key="city").set_value("Ghent")
    tab.button[0].click().run()
    browser.restart()

    assert "" == browser.open(page(ROTATING)).run().text_input(key="city").value


# -- for how long a browser keeps its id -----------------------------------------


DAY = 24 * 3600


@pytest.mark.parametrize(
    ("ago", "seconds"), [(timedelta(days=3), DAY), (timedelta(days=29, hours=20), 4 * 3600)]
)
def test_a_page_that_is_loaded_renews_the_cookie(
    browser: Any, page: Page, told: list[dict[str, Any]], ago: timedelta, seconds: int
) -> None:
    """It lives on for as long as a session lasts unused, and never past the end that counts from its beginning."""
    stored = UserSession(session_id="the-session", created_at=utc_now() - ago)
    browser.manager.repository.save(stored)
    tab = browser.open(page(SHOW)).run()
    assert "the-session" == tab.text[0].value
    renewed = browser.manager.tokens.read_ticket(told[-1]["ticket"], "the-session")
    assert "the-session" == renewed.session_id
    assert seconds - 60 < told[-1]["maxAge"] <= seconds
    ticket = told[-1]["ticket"]
    tab.run()
    assert ticket == told[-1]["ticket"]


def test_a_page_that_stays_open_renews_the_cookie(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some times in the time that it lasts, by a ticket that the browser has not seen."""
    tab = browser.open(page(SHOW)).run()
    first, now = told[-1]["ticket"], monotonic()
    monkeypatch.setattr("sessionkit_streamlit.host.monotonic", lambda: now + DAY / 3)
    later = Tokens("a secret for tests only", now=lambda: time() + DAY / 3)
    monkeypatch.setattr(browser.manager.tokens, "issue_ticket", later.issue_ticket)
    tab.run()
    assert told[-1]["ticket"] != first
    assert "the-session" == later.read_ticket(told[-1]["ticket"], "the-session").session_id


def test_without_the_middleware_the_page_renews_it_by_script(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under plain ``streamlit run``, too, cookie and local storage live as long as the session may."""
    monkeypatch.setattr(gate, "middleware", False)
    tokens = browser.manager.tokens
    token = browser.cookies[tokens.cookie_name] = tokens.issue("the-session", readable=True)
    browser.open(page(SHOW)).run()
    assert (token, None) == (told[-1]["token"], told[-1]["ticket"])
    assert DAY - 60 < told[-1]["maxAge"] <= DAY


def test_a_cookie_that_scripts_can_not_read_is_told_to_none(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was set by the middleware, which is not there now."""
    monkeypatch.setattr(gate, "middleware", False)
    browser.open(page(SHOW)).run()
    assert (None, None) == (told[-1]["token"], told[-1]["ticket"])


def test_the_settings_name_the_cookie(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host reads it, and the part in the browser sets it, as the settings say."""
    for name, value in (("PREFIX", "app-"), ("DOMAIN", "example.org"), ("MAX_AGE", "1m")):
        monkeypatch.setenv(f"SESSIONKIT_HOSTS__STREAMLIT__COOKIE_{name}", value)
    browser.restart()
    name = browser.manager.tokens.cookie_name
    browser.cookies[f"app-{name}"] = browser.cookies.pop(name)
    tab = browser.open(page(SHOW)).run()
    assert "the-session" == tab.text[0].value
    assert (f"app-{name}", 60) == (told[-1]["name"], told[-1]["maxAge"])
    assert "example.org" == told[-1]["cookie"]["domain"]


def test_the_token_of_a_stored_session_stays_the_browsers_own(
    browser: Any, page: Page, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who the browser is comes a run late, after a session was begun for it: that one's token is taken back."""
    monkeypatch.setattr(gate, "middleware", False)
    browser.cookies.clear()
    browser.manager.repository.save(UserSession(session_id="kept"))
    tab = browser.open(page(SHOW)).run()
    kept = browser.manager.tokens.issue("kept", readable=True)
    monkeypatch.setattr("sessionkit_streamlit.host.reported_token", lambda: kept)
    for _ in range(3):
        assert "kept" == tab.run().text[0].value
        assert kept == told[-1]["token"]
