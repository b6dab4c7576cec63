# SPDX-License-Identifier: Apache-2.0
"""Streamlit's own login, at a provider of another site: who gets which session."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from signal import SIGTERM

import pytest
from browser_harness.desk import Desk
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.tabs import LOOKS_MS
from browser_harness.visitors import Visitor

NewVisitor = Callable[[], Visitor]
Serve = Callable[[str], Server]


@pytest.fixture(scope="module")
def serve(shared_farm: Farm) -> Serve:
    """Give a function that returns the module's server of a way to run, which knows its providers."""
    secrets = shared_farm.provider()
    return cache(lambda way: shared_farm.start(way, "account.py", secrets=secrets))


def log_in(page: Desk, name: str, button: str = "Log in") -> None:
    """Go to the provider, choose a name there, and come back."""
    page.click(button)
    page.page.get_by_role("link", name=name).click()
    page.shows("here=True")


def log_out(page: Desk) -> None:
    """Log out; the page comes back by itself."""
    page.click("Log out")
    page.shows("here=False")


@pytest.mark.parametrize(
    ("way", "stranger"),
    [("app", ("Ada", "Elsewhere")), ("plain", ("Bob", "Log in"))],
    ids=["app", "plain"],
)
def test_a_session_goes_with_its_user(
    serve: Serve, new_visitor: NewVisitor, way: str, stranger: tuple[str, str]
) -> None:
    """
    What was typed before the login is the user's, at every browser, and nobody else's after it.

    Somebody else is another name as well as the same name at another provider.
    """
    url = serve(way).url
    page = new_visitor().open(url)
    page.shows("here=False", "owner=None")
    before = page.value("session")
    page.field("Word").fill("tea")
    log_in(page, "Ada")
    page.shows("word=tea")
    session, owner = page.value("session"), page.value("owner")
    assert before != session
    assert owner.endswith("/one|ada")
    page.reload()
    page.shows(f"session={session}", "word=tea")

    other = new_visitor().open(url)
    other.shows("here=False", "word=")
    log_in(other, "Ada")
    other.shows(f"session={session}", f"owner={owner}", "word=tea")
    other.holds("Word", "tea")

    log_out(page)
    page.shows("owner=None", "word=")
    page.holds("Word", "")
    log_in(page, *stranger)
    page.shows("word=")
    assert page.value("owner") not in (owner, "None")
    log_out(page)
    log_in(page, "Ada")
    page.shows(f"session={session}", "word=tea")


def test_a_tab_that_was_open_before_the_login(serve: Serve, visitor: Visitor) -> None:
    """It is loaded anew when it is used: its user is somebody by now, and it takes no cookie back."""
    url = serve("plain").url
    page = visitor.open(url)
    page.shows("here=False")
    other = visitor.open(url)
    other.shows(f"session={page.value('session')}")
    page.enter("Word", "tea")
    page.shows("word=tea")
    log_in(page, "Bob")
    session = page.value("session")
    other.enter("Word", "milk")
    other.shows("here=True", "word=tea", f"session={session}")


def test_a_tab_that_was_left_open_through_a_login_and_a_restart(
    serve: Serve, new_visitor: NewVisitor
) -> None:
    """What it shows is of another session: it is loaded anew, and undoes nothing of the user's."""
    server = serve("app")
    page = new_visitor().open(server.url)
    log_in(page, "Ada")
    page.enter("Word", "rum")
    page.shows("word=rum")
    visitor = new_visitor()
    late, page = visitor.open(server.url), visitor.open(server.url)
    late.click("Again")
    late.shows("here=False", "word=", "again=True")
    log_in(page, "Ada")
    page.shows("word=rum")
    late.page.evaluate("window.before = true")
    server.restart(SIGTERM)
    late.page.wait_for_function("!window.before", polling=LOOKS_MS)
    late.shows("here=True", "word=rum")
    late.holds("Word", "rum")
