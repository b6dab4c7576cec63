# SPDX-License-Identifier: Apache-2.0
"""Logins of an app's own on a page, and the recipes of docs/logins.md."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import streamlit as st
from session_harness.recipes import recipe
from streamlit.testing.v1 import AppTest

from sessionkit_streamlit.browser.gate import gate
from sessionkit_streamlit.browser.handshake import digest

Page = Callable[..., Path]
Told = list[dict[str, Any]]

PASSWORD = "correct horse"  # noqa: S105 - of users who are none


@pytest.fixture(name="place")
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page's folder; modules of it and stand-ins are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("users", "directory", "ldap3", "streamlit_authenticator"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def enter(tab: AppTest, user: str, password: str = PASSWORD) -> AppTest:
    """Fill the login form and send it."""
    tab.text_input[0].set_value(user)
    tab.text_input[1].set_value(password)
    return tab.button[0].click().run()


def greeting(tab: AppTest) -> list[str]:
    """Return whom the page says hello to."""
    assert not tab.exception, tab.exception
    return [text.value for text in tab.markdown]


def lives(browser: Any, script: Path) -> None:
    """Log in, leave a note, come back by F5 and restart, log out, and find the note at the next login."""
    tab = browser.open(script).run()
    assert [] == greeting(tab)
    assert ["Wrong user or password."] == [one.value for one in enter(tab, "ada", "no").error]
    assert [] == greeting(tab)
    assert ["Hello ada"] == greeting(enter(tab, "ada"))
    tab.text_input(key="note").set_value("tea").run()
    # The browser trades its ticket.
    name = browser.manager.tokens.cookie_name
    browser.cookies[name] = browser.connection_of(tab).identity.granted
    for restart in (False, True):
        if restart:
            browser.restart()
        tab = browser.open(script).run()
        assert (["Hello ada"], "tea") == (greeting(tab), tab.text_input(key="note").value)

    assert [] == greeting(tab.button[0].click().run())
    assert [] == greeting(browser.open(script).run())
    assert "" == enter(tab, "bob").text_input(key="note").value
    tab.button[0].click().run()
    assert "tea" == enter(tab, "ada").text_input(key="note").value


# -- the recipes -----------------------------------------------------------------


def test_a_password_table(browser: Any, place: Path) -> None:
    """The recipe as it stands."""
    table, page = recipe("A password table")
    (place / "users.py").write_text(table)
    (place / "page.py").write_text(page)
    import users  # type: ignore[import-not-found]  # noqa: PLC0415 - the recipe's

    for name in ("ada", "bob"):
        users.add(name, PASSWORD)
    lives(browser, place / "page.py")

    assert not users.are("nobody", "")
    assert PASSWORD.encode() not in (place / "users.db").read_bytes()


def test_ldap(browser: Any, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe, with a stand-in for the directory."""
    binds: list[tuple[str, str]] = []

    class LDAPError(Exception):
        """What the package raises."""

    class Connection:
        def __init__(self, _: object, *, user: str, password: str, receive_timeout: int) -> None:
            assert receive_timeout
            self.named = user, password

        def bind(self) -> bool:
            binds.append(self.named)
            if "down" in self.named[0]:
                raise LDAPError
            return self.named[1] == PASSWORD

        def unbind(self) -> None:
            """Close."""

    for name, content in {
        "ldap3": {
            "Connection": Connection,
            "Server": lambda url, **options: (url, options),
            "Tls": lambda **options: options,
        },
        "ldap3.core": {},
        "ldap3.core.exceptions": {"LDAPException": LDAPError},
        "ldap3.utils": {},
        "ldap3.utils.dn": {"escape_rdn": lambda text: text.replace(",", "\\,")},
    }.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    directory, page = recipe("LDAP")
    (place / "directory.py").write_text(directory)
    (place / "page.py").write_text(page)
    lives(browser, place / "page.py")

    tab = browser.open(place / "page.py").run()
    tab.button[0].click().run()
    before = len(binds)
    assert ["Wrong user or password."] == [one.value for one in enter(tab, "Ada", "").error]
    assert before == len(binds)
    assert [] == greeting(enter(tab, "down"))
    assert 1 == len(tab.error)
    assert ["Hello ada"] == greeting(enter(tab, " Ada "))
    enter_as = "eve,ou=admins"
    tab.button[0].click().run()
    enter(tab, enter_as)
    assert "uid=eve\\,ou=admins,ou=people,dc=example,dc=com" == binds[-1][0]


def test_streamlit_authenticator(
    browser: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe, with a stand-in for what the package draws and checks."""

    class Authenticate:
        def __init__(self, credentials: dict[str, Any], name: str, key: str, days: int) -> None:
            assert (name, key, days) == ("unused", "a key", 0)
            self.known = credentials["usernames"]

        def login(self, *, callback: Callable[[dict[str, str]], None]) -> None:
            if st.session_state["authentication_status"]:
                return  # it draws nothing then
            with st.form("Login"):
                name, password = st.text_input("Username"), st.text_input("Password")
                sent = st.form_submit_button("Login")
            if sent:
                right = name in self.known and self.known[name]["password"] == password
                st.session_state["authentication_status"] = right
                if right:
                    st.session_state["username"] = name
                    callback({"widget": "Login", "username": name})

    package, yaml = ModuleType("streamlit_authenticator"), ModuleType("yaml")
    package.Authenticate = Authenticate  # type: ignore[attr-defined]
    users = {name: {"password": PASSWORD} for name in ("ada", "bob")}
    yaml.safe_load = lambda _: {"credentials": {"usernames": users}}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "streamlit_authenticator", package)
    monkeypatch.setitem(sys.modules, "yaml", yaml)
    monkeypatch.setattr(st, "secrets", {"login_key": "a key"})
    (place / "users.yaml").touch()
    (page,) = recipe("streamlit-authenticator")
    (place / "page.py").write_text(page)
    lives(browser, place / "page.py")


# -- what the browser is told ----------------------------------------------------

LOGIN = """\
st.text(session.user_id)
if st.button("in"):
    {call}
    st.rerun()
if st.button("out"):
    log_out()
    st.rerun()
"""


@pytest.mark.parametrize("call", ["log_in('ada')", "bootstrap_session(user_id='ada')"])
def test_one_click_without_the_middleware(
    browser: Any, page: Page, told: Told, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The browser is told that its readable token counts no more: else it would report it, and be nobody again."""
    monkeypatch.setattr(gate, "middleware", False)
    browser.cookies.clear()
    tab = browser.open(page(LOGIN.format(call=call))).run()
    before = told[-1]["token"]
    tab.button[0].click().run()

    assert ["ada"] == [text.value for text in tab.text]
    assert digest(before) in told[-1]["replaced"]
    assert digest(told[-1]["token"]) not in told[-1]["replaced"]


def test_a_token_that_counts_again_is_not_among_those_that_do_not(
    browser: Any, page: Page, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes back to a session that the browser has had before is believed."""
    monkeypatch.setattr(gate, "middleware", False)
    browser.cookies.clear()
    body = "st.text(session.session_id)\nfor user in ('ada', 'bob'):\n"
    body += "    if st.button(user):\n        bootstrap_session(user_id=user)\n        st.rerun()\n"
    tab = browser.open(page(body)).run()
    tab.button[0].click().run()
    adas = tab.text[0].value
    browser.manager.flush()
    tab.button[1].click().run()
    assert adas != tab.text[0].value
    tab.button[0].click().run()

    assert adas == tab.text[0].value == tab.run().text[0].value
    assert adas == browser.manager.tokens.read(told[-1]["token"])
    assert digest(told[-1]["token"]) not in told[-1]["replaced"]


@pytest.mark.parametrize("function", ["log_in", "log_out"])
def test_in_a_callback(browser: Any, page: Page, told: Told, function: str) -> None:
    """The run that it begins shows who is there by then, and tells the browser."""
    body = (
        "st.text(session.user_id)\n"
        "st.button('in', on_click=log_in, args=['ada'])\n"
        "st.button('out', on_click=log_out)\n"
    )
    tab = browser.open(page(body)).run()
    tab.button[0].click().run()
    if function == "log_out":
        tab.button[1].click().run()

    assert {"log_in": "ada", "log_out": "None"}[function] == tab.text[0].value
    traded = browser.manager.tokens.read_ticket(told[-1]["ticket"], "the-session")
    assert browser.connection_of(tab).session.session_id == traded.session_id


def test_what_the_page_showed_stays_the_users(browser: Any, page: Page) -> None:
    """After the logout it is in no widget and in nobody's session; the next login has it."""
    body = "persist('note')\nst.text_input('Note', key='note')\n" + LOGIN.format(
        call="log_in('ada')"
    )
    tab = browser.open(page(body)).run()
    tab.button[0].click().run()
    tab.text_input(key="note").set_value("secret").run()
    tab.button[1].click().run()

    assert "" == tab.text_input(key="note").value
    tab.run()
    assert "secret" not in browser.connection_of(tab).session.inputs.values()
    tab.button[0].click().run()
    assert "secret" == tab.text_input(key="note").value


# -- a page that says at each load who is there ----------------------------------

TWO_CALLS = """\
persist("note")
session = bootstrap_session(user_id="ada")
st.text_input("Note", key="note")
st.text(len(list_sessions("ada")))
if st.button("in"):
    bootstrap_session(user_id=None)
    bootstrap_session(user_id="ada")
"""


def test_to_name_the_user_at_each_load_is_no_login(browser: Any, page: Page) -> None:
    """Though the first call named nobody: the token stays, no device piles up, and open tabs go on."""
    script = page(TWO_CALLS)
    tokens = set()

    def load() -> AppTest:
        tab = browser.open(script).run()
        assert not tab.exception
        granted = browser.connection_of(tab).identity.granted
        if granted is not None:
            browser.cookies[browser.manager.tokens.cookie_name] = granted
        tokens.add(browser.cookies[browser.manager.tokens.cookie_name])
        return tab

    first = load()
    first.text_input(key="note").set_value("tea").run()
    browser.manager.flush()
    began = browser.connection_of(first).session
    before = repr(began.extensions)
    first.text_input(key="note").set_value("half typed")
    held = first._tree.get_widget_states()
    for _ in range(3):
        assert "tea" == load().text_input(key="note").value
    first._run(held)

    assert 1 == len(tokens)
    assert before == repr(began.extensions)
    assert began is browser.connection_of(first).session
    assert "half typed" == first.text_input(key="note").value


def test_a_login_on_a_page_that_was_loaded_before_gives_a_new_token(
    browser: Any, page: Page
) -> None:
    """Also where the page had named the user from the cookie alone."""
    body = "if st.button('in'):\n    bootstrap_session(user_id='ada')\nst.text(session.user_id)\n"
    script = page(body)
    for number in range(2):
        tab = browser.open(script).run()
        before = browser.cookies[browser.manager.tokens.cookie_name]
        tab.button[0].click().run()
        browser.cookies[browser.manager.tokens.cookie_name] = after = browser.connection_of(
            tab
        ).identity.granted
        assert before != after, number
