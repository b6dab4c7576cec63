# SPDX-License-Identifier: Apache-2.0
"""Who gets a session: only the browser that holds its signed cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from browser_harness.farm import Farm
from browser_harness.servers import Server
from browser_harness.visitors import Visitor


@pytest.fixture(scope="module")
def server(shared_farm: Farm) -> Server:
    """One server for this module; each test has browsers of its own."""
    return shared_farm.start("app", "desk.py")


def _cookie(visitor: Visitor) -> dict[str, Any]:
    (cookie,) = visitor.cookies()
    return dict(cookie)


def test_the_cookie(server: Server, visitor: Visitor) -> None:
    """Scripts can't read it, other sites don't send it, and it names the session in signed form."""
    session = visitor.open(server.url).value("session")
    cookie = _cookie(visitor)
    assert cookie["httpOnly"]
    assert "Lax" == cookie["sameSite"]
    assert "/" == cookie["path"]
    assert cookie["value"] != session


def _of_another_id(cookie: dict[str, Any], _: str) -> str:
    value: str = cookie["value"]
    return ("A" if value[0] != "A" else "B") + value[1:]


def _of_another_signature(cookie: dict[str, Any], _: str) -> str:
    value: str = cookie["value"]
    return value[:-9] + ("A" if value[-9] != "A" else "B") + value[-8:]


def _unsigned(_: dict[str, Any], session: str) -> str:
    return session


@pytest.mark.parametrize("forged", [_of_another_id, _of_another_signature, _unsigned])
def test_a_forged_cookie(
    server: Server,
    new_visitor: Callable[[], Visitor],
    forged: Callable[[dict[str, Any], str], str],
) -> None:
    """A cookie that we did not sign gives a fresh session, which then is kept."""
    owner, thief = new_visitor(), new_visitor()
    desk = owner.open(server.url)
    desk.count_to(1)
    session = desk.value("session")
    cookie = _cookie(owner)
    thief.context.add_cookies([{**cookie, "value": forged(cookie, session)}])  # type: ignore[list-item]
    stolen = thief.open(server.url)
    stolen.is_empty()
    fresh = stolen.value("session")
    assert session != fresh
    stolen.reload()
    stolen.shows("runs=1", f"session={fresh}")


def test_ending_a_session(server: Server, new_visitor: Callable[[], Visitor]) -> None:
    """The browser gets a new id, which F5 keeps; the old cookie brings nothing back, anywhere."""
    owner, thief = new_visitor(), new_visitor()
    desk = owner.open(server.url)
    desk.enter("Name", "Ada")
    desk.shows("name=Ada")
    desk.click("Visit")
    desk.shows("history=shop")
    desk.count_to(1)
    old, old_cookie = desk.value("session"), _cookie(owner)
    with desk.renewed():
        desk.click("End")
    desk.loses(f"session={old}")
    desk.is_empty()
    desk.holds("Name", "")
    new = desk.value("session")
    desk.count_to(1)
    desk.stored(count="1")
    desk.reload()
    desk.shows("runs=1", f"session={new}", "count=1")
    assert old_cookie["value"] != _cookie(owner)["value"]
    thief.context.add_cookies([old_cookie])  # type: ignore[list-item]
    stolen = thief.open(server.url)
    stolen.is_empty()
    assert stolen.value("session") not in (old, new)


def test_rotating_a_session(server: Server, new_visitor: Callable[[], Visitor]) -> None:
    """All stays under a new id, which F5 keeps; the old cookie opens nothing any more."""
    owner, thief = new_visitor(), new_visitor()
    desk = owner.open(server.url)
    desk.fill()
    old, old_cookie = desk.value("session"), _cookie(owner)
    with desk.renewed():
        desk.click("Rotate")
    desk.loses(f"session={old}")
    new = desk.value("session")
    desk.is_full()
    desk.count_to(2)
    desk.stored(count="2")
    desk.reload()
    desk.shows("runs=1", f"session={new}", "name=Ada", "count=2")
    assert old_cookie["value"] != _cookie(owner)["value"]
    thief.context.add_cookies([old_cookie])  # type: ignore[list-item]
    stolen = thief.open(server.url)
    stolen.is_empty()
    assert stolen.value("session") not in (old, new)


def test_ids_that_change_again_without_a_reload(server: Server, visitor: Visitor) -> None:
    """Each change reaches the browser, whatever cookie the connection began with."""
    desk = visitor.open(server.url)
    desk.enter("Name", "Ada")
    desk.shows("name=Ada")
    ids = [desk.value("session")]
    for _ in range(3):
        with desk.renewed():
            desk.click("Rotate")
        desk.loses(f"session={ids[-1]}")
        desk.shows("name=Ada")
        ids.append(desk.value("session"))
    desk.reload()
    desk.shows("runs=1", f"session={ids[-1]}", "name=Ada")
    with desk.renewed():
        desk.click("End")
    desk.loses(f"session={ids[-1]}")
    new = desk.value("session")
    desk.count_to(1)
    with desk.renewed():
        desk.click("Rotate")
    desk.loses(f"session={new}")
    new = desk.value("session")
    desk.stored(count="1")
    desk.reload()
    desk.shows("runs=1", f"session={new}", "count=1")
    assert "a ticket" not in server.log()


def test_a_cookie_planted_before_a_login(
    shared_farm: Farm, new_visitor: Callable[[], Visitor]
) -> None:
    """Who has put a cookie of theirs into the user's browser sees nothing of what follows the login."""
    url = shared_farm.start("app", "login.py").url
    thief, user = new_visitor(), new_visitor()
    planted = thief.open(url).value("session")
    user.context.add_cookies([_cookie(thief)])  # type: ignore[list-item]
    page = user.open(url)
    page.shows(f"session={planted}")
    page.enter("User", "ada")
    page.shows("owner=ada")
    page.loses(f"session={planted}")
    page.enter("Word", "secret")
    page.shows("word=secret")
    own = page.value("session")

    stolen = thief.open(url)

    stolen.shows("owner=None", "word=")
    assert own != stolen.value("session")
    assert _cookie(thief)["value"] != _cookie(user)["value"]


@pytest.mark.parametrize("way", ["app", "plain"])
def test_threads_of_a_page(shared_farm: Farm, visitor: Visitor, way: str) -> None:
    """A thread that asks for "the current session" gets an error, not one that all users share."""
    page = visitor.open(shared_farm.start(way, "threads.py").url)
    page.shows("guess=this code belongs to no page", "found=2")
