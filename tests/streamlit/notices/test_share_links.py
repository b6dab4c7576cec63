# SPDX-License-Identifier: Apache-2.0
"""Links that open a copy of what somebody has on their page, as a page makes and opens them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import streamlit as st
from streamlit.runtime.context import ContextProxy

from sessionkit.errors import UnavailableError
from sessionkit.events import ValueDropped
from sessionkit.manager import copies
from sessionkit_streamlit import host
from sessionkit_streamlit.connection import SHARE_PARAMETER
from sessionkit_streamlit.notices import share_links
from sessionkit_streamlit.notices.share_links import ShareTexts

Page = Callable[..., Path]

FIELDS = "sk.text_input('City', key='city')\nst.write(session.inputs)\n"

OPENS = "import sessionkit_streamlit as sk\nopen_share_link()\n" + FIELDS

SHARES = """
import sessionkit_streamlit as sk
sk.text_input('City', key='city')
if st.button('Make'):
    st.code(share_link(leave_out=['page_token', 'sec*']))
share_button(leave_out=['sec*'])
"""

EVERY = ShareTexts()


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the browser say where the page is."""
    monkeypatch.setattr(ContextProxy, "url", "https://app.test/orders")


def token_of(link: str) -> str:
    """Return the token in a link."""
    before, _, query = link.partition("?")
    assert "https://app.test/orders" == before
    return parse_qs(query)[SHARE_PARAMETER][0]


@pytest.fixture
def link(browser: Any, page: Page) -> str:
    """Share a page on which somebody has typed, from another browser."""
    tab = browser.open(page(SHARES, "shares.py")).run()
    tab.text_input(key="city").set_value("Ghent").run()
    button(tab, "Make").click().run()
    assert not tab.exception
    browser.hold("another-session")
    made: str = tab.code[0].value
    return made


def button(tab: Any, label: str) -> Any:
    """Return the button of that label."""
    [found] = [one for one in tab.button if one.label == label]
    return found


def follow(browser: Any, script: Path, link: str) -> Any:
    """Open a link in another tab."""
    tab = browser.open(script)
    tab.query_params[SHARE_PARAMETER] = token_of(link)
    return tab.run()


def says(tab: Any, text: str) -> bool:
    """Return whether a notice says so."""
    return any(text in one.value for one in tab.markdown)


def city(tab: Any) -> str:
    """Return what the field shows."""
    value: str = tab.text_input(key="city").value
    return value


def test_a_new_visitor_sees_the_copy_at_once(browser: Any, page: Page, link: str) -> None:
    """In the widgets, as their own; and the address is to be cleaned."""
    tab = follow(browser, page(OPENS), link)

    assert not tab.exception
    assert "Ghent" == city(tab)
    assert says(tab, EVERY.opened)
    assert {SHARE_PARAMETER} == browser.connection_of(tab).page.spent
    tab.text_input(key="city").set_value("Bruges").run()
    assert "Bruges" == city(browser.open(page(OPENS)).run())
    button(tab, EVERY.close).click().run()
    assert [] == list(tab.button)
    assert [] == browser.told(ValueDropped)


@pytest.mark.parametrize("way", ["end_session()", "log_in('ada'); log_out()"])
def test_who_leaves_does_not_get_the_copy_again(
    browser: Any, page: Page, link: str, way: str
) -> None:
    """The session that follows in the tab is empty, and asks nothing."""
    leaves = f"if st.button('Leave'):\n    {way}\n    st.rerun()\n"
    tab = follow(browser, page(OPENS + leaves), link)
    assert "Ghent" == city(tab)
    button(tab, "Leave").click().run()
    assert not tab.exception
    assert "" == city(tab.run())
    assert not says(tab, EVERY.asked)


def test_a_browser_that_says_late_which_session_it_has_gets_the_copy_there(
    browser: Any, page: Page, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it keeps its id by script; who has something there is asked."""
    browser.elsewhere(city="Antwerp")
    token = browser.manager.tokens.issue("the-session", readable=True)
    browser.cookies.clear()
    tab = follow(browser, page(OPENS), link)
    assert "Ghent" == city(tab)
    monkeypatch.setattr(host, "reported_token", lambda: token)
    monkeypatch.setattr(share_links, "reported_token", lambda: token)
    tab.run()
    assert not tab.exception
    assert ("Antwerp", True) == (city(tab), says(tab, EVERY.asked))
    button(tab, EVERY.open).click().run()
    assert "Ghent" == city(tab)


def test_the_browser_is_told_to_clean_its_address(
    browser: Any, page: Page, link: str, told: list[dict[str, Any]]
) -> None:
    """Once the link was followed, and not before: who is asked may press F5."""
    browser.elsewhere(note="mine")
    browser.hold("the-session")
    tab = follow(browser, page(OPENS), link)
    assert says(tab, EVERY.asked)
    assert [[]] == [one["spent"] for one in told[-1:]]
    button(tab, EVERY.decline).click().run()
    assert [SHARE_PARAMETER] == told[-1]["spent"]
    assert not says(tab, EVERY.asked)


def test_what_the_page_says_in_its_address_brings_no_token_back(
    browser: Any, page: Page, link: str, told: list[dict[str, Any]]
) -> None:
    """Streamlit sends the whole address with each parameter that a page sets, also while the browser is told to clean it."""
    script = page(OPENS + "st.query_params['view'] = 'map'\nst.code(list(st.query_params))\n")
    tab = follow(browser, script, link)

    assert [SHARE_PARAMETER] == told[-1]["spent"]
    assert [str(["view"])] == [one.value for one in tab.code]


def test_who_has_something_is_asked(browser: Any, page: Page, link: str) -> None:
    """The copy is opened by a click; their own is a click away, and comes back with its widgets."""
    script = page(OPENS)
    mine = browser.open(script).run()
    mine.text_input(key="city").set_value("Antwerp").run()
    tab = follow(browser, script, link)
    assert ("Antwerp", True) == (city(tab), says(tab, EVERY.asked))
    button(tab, EVERY.open).click().run()
    assert not tab.exception
    assert "Ghent" == city(tab)
    assert not says(tab, EVERY.opened)
    button(tab, EVERY.back).click().run()
    assert "Antwerp" == city(tab)
    button(tab, EVERY.back).click().run()
    assert "Ghent" == city(tab) == city(mine.run())
    button(tab, EVERY.stay).click().run()
    assert ("Ghent", []) == (city(tab), list(tab.button))
    assert not tab.exception


def test_what_the_copy_lacks_is_not_shown_any_more(browser: Any, page: Page, link: str) -> None:
    """A field that was filled in here, and there was not, begins anew."""
    script = page(OPENS + "sk.text_input('Note', key='note')\n")
    tab = browser.open(script).run()
    tab.text_input(key="note").set_value("mine").run()
    tab = follow(browser, script, link)
    button(tab, EVERY.open).click().run()
    assert ("Ghent", "") == (city(tab), tab.text_input(key="note").value)
    tab.text_input(key="city").set_value("Bruges").run()
    assert {"city": "Bruges"} == browser.session().inputs
    button(tab, EVERY.back).click().run()
    assert ("", "mine") == (city(tab), tab.text_input(key="note").value)


def test_a_link_that_opens_nothing_is_told_in_words(browser: Any, page: Page) -> None:
    """The page goes on, and the notice can be closed."""
    tab = browser.open(page(OPENS))
    tab.query_params[SHARE_PARAMETER] = "no token"
    tab.run()
    assert not tab.exception
    assert says(tab, EVERY.unknown)
    tab.text_input(key="city").set_value("Bruges").run()
    button(tab, EVERY.close).click().run()
    assert not says(tab, EVERY.unknown)
    assert "Bruges" == city(tab)


def test_a_link_whose_time_is_over_says_so(
    browser: Any, page: Page, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the store has its record."""
    monkeypatch.setattr(type(browser.manager.repository), "head_has_expired", lambda *_: True)
    tab = follow(browser, page(OPENS), link)
    assert says(tab, EVERY.expired)


def test_while_the_store_is_down_it_can_be_tried_again(
    browser: Any, page: Page, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link is not lost."""
    with monkeypatch.context() as down:

        def fail(*_: object, **__: object) -> bool:
            msg = "down, at a place that is nobody's business"
            raise UnavailableError(msg)

        down.setattr(type(browser.manager), "open_copy", fail)
        tab = follow(browser, page(OPENS), link)
        assert says(tab, EVERY.unavailable)
        assert not says(tab, "business")
    button(tab, EVERY.again).click().run()
    assert "Ghent" == city(tab)


def test_the_address_keeps_what_it_says_but_for_what_is_private(browser: Any, page: Page) -> None:
    """Of the page's parameters, and of an older link's."""
    tab = browser.open(page(SHARES))
    for name, value in {
        "number": "7",
        "secret_thing": "x",
        "page_token": "y",
        SHARE_PARAMETER: "z",
    }.items():
        tab.query_params[name] = value
    tab.run()
    button(tab, "Make").click().run()
    query = parse_qs(tab.code[0].value.partition("?")[2])

    assert {"number", SHARE_PARAMETER} == query.keys()
    assert ["7"] == query["number"]
    assert "z" != query[SHARE_PARAMETER][0]


def test_the_button_makes_shows_and_revokes(browser: Any, page: Page) -> None:
    """The link is shown to who made it, in this tab, until it is revoked."""
    tab = browser.open(page(SHARES)).run()
    assert [] == list(tab.code)
    button(tab, EVERY.make).click().run()
    [shown] = [one.value for one in tab.code]
    assert token_of(shown)
    tab.run()
    assert [shown] == [one.value for one in tab.code]
    button(tab, EVERY.revoke).click().run()
    assert ([], []) == (list(tab.code), [one for one in tab.button if EVERY.revoke == one.label])
    browser.hold("another-session")
    assert says(follow(browser, page(OPENS, "opens.py"), shown), EVERY.unknown)


def test_too_many_links_are_told_in_words(
    browser: Any, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside those that can be revoked."""
    monkeypatch.setattr(copies, "MOST_SHARED", 2)
    tab = browser.open(page(SHARES)).run()
    for _ in range(3):
        button(tab, EVERY.make).click().run()
    assert not tab.exception
    assert [EVERY.refused] == [one.value for one in tab.warning]
    assert 2 == len([one for one in tab.button if EVERY.revoke == one.label])


def test_a_router_notes_no_token(browser: Any, page: Page, link: str) -> None:
    """What is said to a page's script is in the history, the token is not."""
    (browser.folder / "home.py").write_text("import streamlit as st\nst.write('home')\n")
    script = page("open_share_link()\nrouter(['home.py']).run()\n")
    tab = follow(browser, script, link)
    assert not tab.exception
    history = browser.session().navigation_history
    assert [{}] == [one.params for one in history]


def test_outside_of_pages_nothing_is_drawn() -> None:
    """A script or a test may import the page's functions."""
    from sessionkit_streamlit import open_share_link, share_button  # noqa: PLC0415 - as an app does

    share_button(expires=timedelta(days=1))
    open_share_link()
    assert st
