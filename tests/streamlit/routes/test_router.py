# SPDX-License-Identifier: Apache-2.0
"""Which page is shown, who may open it, and what the session notes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

Page = Callable[..., Path]

SHOP = """
def home():
    st.title("Home")
    if st.button("Seven"):
        current_router().go_to(order, 7)
    current_router().link(order, "Eight", number=8)
    current_router().link(secret, "Hidden")

def order(number: int, tab: str = "lines"):
    st.title(f"Order {number} {tab}")
    st.button("Back", on_click=current_router().back)
    if st.button("Forward"):
        current_router().forward()
    if st.button("Notes"):
        current_router().go_to(order, number, tab="notes")

def secret():
    st.title("Secret")

here = router([home, Route(order, crumb="Order {number}"), Route(secret, roles=["staff"])])
here.breadcrumbs()
st.caption(f"back {here.can_go_back}, forward {here.can_go_forward}")
here.run()
"""


def title(tab: AppTest) -> str:
    """Return what the page is called."""
    assert not tab.exception, tab.exception
    (found,) = tab.title
    return str(found.value)


def click(tab: AppTest, label: str) -> AppTest:
    """Click a button."""
    (button,) = (one for one in tab.button if one.label == label)
    return button.click().run()


def opened(browser: Any, script: Path, path: str = "", **params: str) -> AppTest:
    """Open a tab at an address."""
    tab: AppTest = browser.open(script)
    tab._page_hash = calc_hash(path) if path else ""
    tab.query_params.update(params)
    return tab.run()


def session_of(browser: Any) -> Any:
    """Return the browser's session."""
    return browser.manager.bootstrap("the-session")


def history(browser: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return what the session has noted."""
    return [(one.page, one.params) for one in session_of(browser).navigation_history]


def ways(tab: AppTest) -> str:
    """Return where one can go."""
    return str(tab.caption[0].value)


def crumbs(tab: AppTest) -> list[str]:
    """Return what leads here."""
    return [one.value for one in tab.markdown if one.value != "/"]


def test_a_page_is_called_with_what_stands_in_its_address(browser: Any, page: Page) -> None:
    """As the types of its function say, with its defaults."""
    assert title(opened(browser, page(SHOP), "order", number="7", other="x")) == "Order 7 lines"
    assert history(browser) == [("order", {"number": "7"})]


def test_one_goes_back_and_forward(browser: Any, page: Page) -> None:
    """Over pages and parameters; each page that is shown is noted, and counts as a view."""
    tab = opened(browser, page(SHOP))
    assert ways(tab) == "back False, forward False"
    click(tab, "Seven")
    assert (title(tab), list(tab.query_params)) == ("Order 7 lines", ["number"])
    click(tab, "Notes")
    assert title(tab) == "Order 7 notes"
    click(tab, "Back")
    assert (title(tab), ways(tab)) == ("Order 7 lines", "back True, forward True")
    click(tab, "Forward")
    assert (title(tab), ways(tab)) == ("Order 7 notes", "back True, forward False")
    click(click(tab, "Back"), "Back")
    assert (title(tab), ways(tab)) == ("Home", "back False, forward True")
    click(tab, "Seven")
    assert (title(tab), ways(tab)) == ("Order 7 lines", "back True, forward False")
    pages = [name for name, _ in history(browser)]
    assert pages == ["home", "order", "order", "order", "order", "order", "home", "order"]
    assert session_of(browser).page_views == {"home": 2, "order": 6}


def test_the_way_back_is_as_long_as_the_history(browser: Any, page: Page) -> None:
    """A tab that stays open for days notes no more."""
    session_of(browser).max_history_size = 2
    tab = click(click(opened(browser, page(SHOP)), "Seven"), "Notes")
    assert ways(click(tab, "Back")) == "back False, forward True"
    assert title(tab) == "Order 7 lines"


def test_breadcrumbs_lead_back(browser: Any, page: Page) -> None:
    """Each page once, the last one by name, with its parameters."""
    tab = opened(browser, page(SHOP))
    assert crumbs(tab) == []
    click(tab, "Seven")
    assert crumbs(tab) == ["**Order 7**"]
    assert [one.proto.label for one in tab.get("page_link")] == ["home"]


def test_a_parameter_in_a_crumb_is_no_markup(browser: Any, page: Page) -> None:
    """It came with an address that anybody may have made."""
    body = """
def home():
    st.title("Home")

def found(words: str):
    st.title("Found")

here = router([home, Route(found, crumb="Found {words}")])
here.breadcrumbs()
here.run()
"""
    opened(browser, page(body))
    tab = opened(browser, page(body), "found", words="**[x](http://y)**")
    assert crumbs(tab) == ["**Found ` **[x](http://y)** `**"]


def test_f5_notes_nothing(browser: Any, page: Page) -> None:
    """It is the same page; and the way back is the session's."""
    script = page(SHOP)
    click(opened(browser, script), "Seven")
    tab = opened(browser, script, "order", number="7")
    assert history(browser) == [("home", {}), ("order", {"number": "7"})]
    click(tab, "Back")
    assert title(tab) == "Home"


def test_who_comes_to_the_bare_address_goes_on_where_they_were(browser: Any, page: Page) -> None:
    """After a restart, too; an address that says more is what was asked for."""
    script = page(SHOP)
    click(opened(browser, script), "Seven")
    browser.restart()
    assert title(opened(browser, script)) == "Order 7 lines"
    assert title(opened(browser, script, "order", number="8")) == "Order 8 lines"
    browser.restart()
    tab = opened(browser, script)
    assert (title(tab), list(tab.query_params)) == ("Order 8 lines", ["number"])


def test_the_menu_leads_to_the_default_page_all_the_same(browser: Any, page: Page) -> None:
    """One is sent on when one comes, not when one goes there."""
    script = page(SHOP)
    tab = click(opened(browser, script), "Seven")
    tab._page_hash = calc_hash("home")
    tab.query_params.clear()
    assert title(tab.run()) == "Home"


def test_who_may_not_open_a_page_is_told(browser: Any, page: Page) -> None:
    """It is noted nowhere, and no link leads there."""
    tab = opened(browser, page(SHOP), "secret")
    assert [one.value for one in tab.error] == ["You may not open this page."]
    assert not tab.title
    assert history(browser) == []
    tab = opened(browser, page(SHOP))
    assert [one.proto.label for one in tab.get("page_link")] == ["Eight"]


def test_who_may_open_a_page_sees_it(browser: Any, page: Page) -> None:
    """As soon as they have the role, and no longer."""
    script = page(SHOP)
    session_of(browser).roles.add("staff")
    tab = opened(browser, script, "secret")
    assert title(tab) == "Secret"
    session_of(browser).roles.clear()
    assert title(opened(browser, script)) == "Home"  # not where they were
    assert not tab.run().title


@pytest.mark.parametrize(
    ("guard", "change"),
    [
        ("roles=['a', 'b']", "session.roles.add('b')"),
        ("permissions=['a', 'b']", "session.permissions.update('ab')"),
        ("allow=lambda session: session.theme == 'dark'", "session.theme = 'dark'"),
    ],
)
def test_guards(browser: Any, page: Page, guard: str, change: str) -> None:
    """One of the roles, all of the permissions, and what the app asks; else a page of the app's own."""
    body = f"""
def home():
    if st.button("Become"):
        {change}
    current_router().link("shown", "Go")

def shown():
    st.title("Shown")

def denied():
    st.title("Ask somebody")

router([home, Route(shown, {guard})], denied=denied).run()
"""
    assert title(opened(browser, page(body), "shown")) == "Ask somebody"
    click(opened(browser, page(body)), "Become")
    assert title(opened(browser, page(body), "shown")) == "Shown"


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "This address is not complete: **number** is missing; it has to be a whole number."),
        ({"number": "x"}, "This address is not right: **number** has to be a whole number."),
    ],
)
def test_an_address_that_is_not_right_is_told(
    browser: Any, page: Page, params: dict[str, str], text: str
) -> None:
    """With what would be right; it is noted nowhere."""
    tab = opened(browser, page(SHOP), "order", **params)
    assert [one.value for one in tab.error] == [text]
    assert history(browser) == []


def test_a_page_that_is_gone_is_passed_over(browser: Any, page: Page) -> None:
    """A release without it, and parameters that it does not take any more."""
    session = session_of(browser)
    session.add_navigation("home")
    session.add_navigation("order", {"number": "many"})
    session.add_navigation("gone")
    tab = opened(browser, page(SHOP), "order", number="7")
    assert [one.proto.label for one in tab.get("page_link")] == ["home"]
    click(tab, "Back")
    assert title(tab) == "Home"


def test_what_an_app_noted_itself_can_be_opened(browser: Any, page: Page) -> None:
    """A number among the parameters is the text of it."""
    session_of(browser).add_navigation("order", {"number": 9})
    assert title(opened(browser, page(SHOP))) == "Order 9 lines"


def test_a_login_goes_on_where_the_user_was(browser: Any, page: Page) -> None:
    """The session is another one, and has a history of its own."""
    body = """
def home():
    st.title("Home")
    st.button("Log in", on_click=log_in, args=("ada",))

def desk():
    st.title("Desk")

router([home, desk]).run()
"""
    session = session_of(browser)
    session.add_navigation("home")
    with browser.manager.__class__(browser.settings()) as other:
        theirs = other.bootstrap("of-ada", "ada")
        theirs.set_input("kept", 1)
        theirs.add_navigation("desk")
        other.save(theirs, immediate=True)
    tab = opened(browser, page(body))
    assert title(tab) == "Home"
    click(tab, "Log in")
    assert title(tab) == "Desk"


def test_scripts_are_pages(browser: Any, page: Page) -> None:
    """What stands in their address is theirs, and one goes back to it."""
    page("st.title('Cart ' + st.query_params.get('color', 'none'))\n", "cart.py")
    body = """
def home():
    st.title("Home")
    if st.button("Cart"):
        current_router().go_to("cart.py", color="red")

here = router({"Shop": [home], "More": ["cart.py"]}, position="top")
here.run()
st.button("Back", on_click=here.back)
st.button("Forward", on_click=here.forward)
"""
    tab = click(opened(browser, page(body)), "Cart")
    assert title(tab) == "Cart red"
    assert title(click(tab, "Back")) == "Home"
    assert title(click(tab, "Forward")) == "Cart red"
    assert history(browser)[1] == ("cart", {"color": "red"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("current_router()", "call sessionkit_streamlit.router"),
        (
            "router([Route(current_router, url_path='a'), Route(log_out, url_path='a')])",
            "two pages are called 'a'",
        ),
        ("router([lambda: None]).go_to('b')", "no page 'b'; it has"),
        ("router([lambda: None]).breadcrumbs(0)", "limit is 0"),
    ],
)
def test_mistakes_of_the_app_are_told(browser: Any, page: Page, body: str, words: str) -> None:
    """With what would be right."""
    (error,) = browser.open(page(body)).run().exception
    assert words in error.message
