# SPDX-License-Identifier: Apache-2.0
"""session.cached over st.cache_data: the same cache under the same settings, and what was invalidated is computed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from sessionkit import SessionManager, UserSession
from sessionkit_streamlit.internals.caches import know_cached_functions
from sessionkit_streamlit.internals.guard import moved

Page = Callable[..., Path]

BODY = """
from uuid import uuid4

@session.cached("orders of user", depends_on={"orders"})
@st.cache_data(ttl="10m", show_spinner=False)
def orders(user, _database=None):
    "Read the orders."
    return [user, uuid4().hex]

if st.button("Order", key="order"):
    session.invalidate("orders")
if st.button("Other", key="other"):
    session.invalidate("others")
if st.button("Clear", key="clear"):
    orders.clear("ada")
first, second = orders("ada", object()), orders("ada", object())
assert first == second and first is not second
st.text(first[1])
"""


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Have no test find what another one has computed."""
    know_cached_functions()
    st.cache_data.clear()
    yield
    st.cache_data.clear()


def shown(tab: AppTest) -> str:
    """Return what a tab shows."""
    assert [] == list(tab.exception)
    return str(tab.text[0].value)


def press(tab: AppTest, name: str) -> str:
    """Press a button; return what its tab shows then."""
    return shown(tab.button(key=name).click().run())


def test_a_page_shows_what_is_new_once_it_was_invalidated(browser: Any, page: Page) -> None:
    """In the very run, and no other run computes anything."""
    tab = browser.open(page(BODY)).run()
    first = shown(tab)
    assert first == shown(tab.run()) == press(tab, "other")
    second = press(tab, "order")
    assert first != second
    assert second == shown(tab.run()) == press(tab, "other")
    assert second != press(tab, "order")


def test_every_tab_of_the_session_shows_it_and_no_other_session(browser: Any, page: Page) -> None:
    """At its next run; another browser goes on with what it had."""
    script = page(BODY)
    one, two = browser.open(script).run(), browser.open(script).run()
    first = shown(one)
    assert first == shown(two)
    second = press(one, "order")
    assert second == shown(two.run())
    browser.hold("another-session")
    assert first == shown(browser.open(script).run())


def test_another_replica_is_heard_of_at_the_next_run(browser: Any, page: Page) -> None:
    """And after a restart: the cache of a process that lives on holds older values, which are found no more."""
    script = page(BODY)
    tab = browser.open(script).run()
    first = shown(tab)
    tab.button(key="other").click().run()
    browser.manager.flush()
    with SessionManager(browser.settings()) as other:
        session = other.recover("the-session")
        session.invalidate("orders")
        other.save(session, immediate=True)
    second = shown(tab.run())
    assert first != second
    browser.restart()
    assert second == shown(browser.open(script).run())


def test_clear_clears_what_the_session_shows(browser: Any, page: Page) -> None:
    """As Streamlit's own does, by arguments."""
    tab = browser.open(page(BODY)).run()
    for _ in range(2):
        first = shown(tab)
        assert first != press(tab, "clear")
        press(tab, "order")


def test_tying_a_function_stores_nothing(browser: Any, page: Page) -> None:
    """Who only opens a page leaves no record; who orders does."""
    tab = browser.open(page(BODY)).run()
    tab.run()
    browser.manager.flush()
    assert [] == list(browser.manager.repository.heads())
    press(tab, "order")
    browser.manager.flush()
    assert ["orders"] == list(browser.session().cache_invalidations.values())


def test_a_page_that_has_its_decorators_the_other_way_round_is_told(
    browser: Any, page: Page
) -> None:
    """It would go on showing what is old."""
    body = "@st.cache_data\n@session.cached('orders')\ndef orders():\n    return 1\n"
    tab = browser.open(page(body)).run()
    assert "session.cached is for a function that caches, and orders does not" in (
        tab.exception[0].message
    )


# -- the function ---------------------------------------------------------------


def computed(calls: list[Any], value: Any) -> Any:
    """Note a call."""
    calls.append(value)
    return [value, len(calls)]


@pytest.mark.parametrize(
    "settings",
    [
        {"ttl": 60},
        {"ttl": timedelta(minutes=1), "max_entries": 9},
        {"hash_funcs": {str: lambda _: "all alike", type(None): lambda _: 0}},
        {"persist": "disk"},
        {"show_spinner": "Wait"},
    ],
    ids=["ttl", "max_entries", "hash_funcs", "persist", "show_spinner"],
)
def test_a_functions_own_settings_hold(settings: dict[str, Any]) -> None:
    """Whatever they say: also of how values are told apart."""
    calls: list[Any] = []

    @st.cache_data(**settings)
    def read(value: str, *more: str, _unhashed: Any = None, **named: str) -> Any:
        return computed(calls, (value, *more, *named.values()))

    session = UserSession()
    tied = session.cached("rows")(read)
    try:
        assert read("a") == tied("a")
        session.invalidate("rows")
        assert [("a",), 2] == tied("a", _unhashed=object())
        assert [("a",), 2] == tied("a", _unhashed=object())
        assert [("a",), 1] == read("a")
        read.clear()
        assert [("a", "b", "c"), 3] == tied("a", "b", named="c")
        assert [("a",), 4] == tied("a")
        tied.clear()
        assert [("a",), 5] == tied("a")
    finally:
        read.clear()


def test_each_caller_gets_a_copy_of_its_own() -> None:
    """As of any function of st.cache_data."""
    read = st.cache_data(lambda: {"rows": [1]})
    session = UserSession()
    tied = session.cached("rows")(read)
    session.invalidate("rows")
    tied()["rows"].append(2)
    assert {"rows": [1]} == tied()


def test_methods_and_functions_of_modules_can_be_tied() -> None:
    """Where a function is defined does not matter."""
    calls: list[Any] = []

    class Shop:
        @st.cache_data
        def orders(_self, user: str) -> Any:  # noqa: N805 - Streamlit does not hash it then
            return computed(calls, user)

    session = UserSession()
    tied = session.cached("orders")(Shop.orders)
    shop = Shop()
    assert tied(shop, "ada") == shop.orders("ada")
    session.invalidate("orders")
    assert ["ada", 2] == tied(shop, "ada")
    tied.clear(shop, "ada")
    assert ["ada", 3] == tied(shop, "ada")


def test_an_argument_that_can_not_be_hashed_is_named() -> None:
    """By Streamlit's own message."""
    read = st.cache_data(lambda lock: lock)
    session = UserSession()
    session.invalidate("rows")
    with pytest.raises(Exception, match="Cannot hash argument 'lock'"):
        session.cached("rows")(read)(__import__("threading").Lock())


def test_resources_are_refused() -> None:
    """They are one for everybody, and nobody would close those that are out of date."""
    with pytest.raises(
        TypeError, match=r"session\.cached is for st\.cache_data: what connect makes"
    ):

        @UserSession().cached("connection")
        @st.cache_resource
        def connect() -> None:
            """Open it."""


def test_where_streamlits_inside_has_moved_nothing_old_is_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What was invalidated is computed each time; what was not is kept."""
    moved.cache_clear()
    calls: list[Any] = []
    read: Any = st.cache_data(lambda value: computed(calls, value))
    session = UserSession()
    info = read.__dict__.pop("_info")
    try:
        tied = session.cached("rows")(read)
    finally:
        read._info = info
    assert "CachedFunc._info as expected; functions of session.cached compute each time" in (
        caplog.text
    )
    assert [["a", 1], ["a", 1]] == [tied("a"), tied("a")]
    session.invalidate("rows")
    assert [["a", 2], ["a", 3]] == [tied("a"), tied("a")]
    tied.clear()
    assert ["a", 4] == read("a")
