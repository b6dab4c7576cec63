# SPDX-License-Identifier: Apache-2.0
"""Users whom the app itself authenticates: log_in(), log_out(), and a user_id that is passed no longer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from session_harness.servers import Server, Tab, session_of
from session_harness.stores import FaultyStore
from session_harness.visitors import ALICE

import sessionkit
from sessionkit.errors import RejectedError, SessionKitError
from sessionkit.records import SessionWrite
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]


def log_in(tab: Tab, user_id: str = "ada") -> UserSession:
    """Have the tab's script log a user in."""
    return tab.enter().log_in(user_id)


def log_out(tab: Tab) -> None:
    """Have the tab's script log its user out."""
    tab.enter().log_out()


def with_work(server: Server, user_id: str = "ada") -> Tab:
    """Return a tab whose user has logged in and done something that is stored."""
    tab = server.tab()
    tab.run()
    log_in(tab, user_id).inputs["note"] = "tea"
    tab.run()
    assert server.manager.flush()
    return tab


# -- log_in() --------------------------------------------------------------------


def test_the_browser_goes_on_as_the_user(server: Server) -> None:
    """Later bootstraps name nobody, in this tab and after F5; the page's own work went along."""
    tab = server.visited()
    before = tab.run().session_id
    tab.run().inputs["basket"] = 3
    session = log_in(tab)

    assert session is tab.run() is tab.enter().current() is tab.reload().run()
    assert ("ada", False) == (session.user_id, session.authenticated)
    assert before != session.session_id == session_of(tab.cookie)
    assert {"basket": 3} == session.inputs


def test_it_holds_at_another_replica(server: Server, open_server: OpenServer) -> None:
    """What it is known by is the token."""
    tab = with_work(server)
    there = open_server(FaultyStore(server.store.memory))

    assert ("ada", {"note": "tea"}) == (
        (session := there.tab(tab.cookie).run()).user_id,
        session.inputs,
    )


def test_a_user_finds_at_another_browser_what_they_left(server: Server) -> None:
    """Where nothing was done before the login."""
    with_work(server)
    other = server.tab()
    other.run()

    assert {"note": "tea"} == log_in(other).inputs
    assert {"note": "tea"} == other.reload().run().inputs


def test_a_page_need_not_have_asked_for_its_session(server: Server) -> None:
    """A login page may do nothing else."""
    tab = server.tab()

    assert "ada" == log_in(tab).user_id
    assert "ada" == tab.reload().run().user_id


def test_who_was_logged_in_before_is_logged_out(server: Server) -> None:
    """Also at a browser of which no page asked yet: the former token opens nothing."""
    tab = with_work(server)
    adas = tab.cookie
    tab = tab.reload()
    session = log_in(tab, "bob")

    assert ("bob", {}) == (session.user_id, session.inputs)
    assert session is tab.run()
    assert (None, {}) == ((anyone := server.tab(adas).run()).user_id, anyone.inputs)
    assert {"note": "tea"} == log_in(server.tab()).inputs


def test_a_user_of_the_host_is_not_logged_in_by_the_app(server: Server) -> None:
    """The next bootstrap would bring the host's user back: the error says what is right."""
    tab = server.tab(account=ALICE)
    session = tab.run()

    with pytest.raises(SessionKitError, match=r"log_in\(\).*st\.logout\(\)"):
        log_in(tab)
    with pytest.raises(SessionKitError, match=r"log_out\(\).*st\.logout\(\)"):
        log_out(tab)
    assert session is tab.run()


@pytest.mark.parametrize(("wrong", "error"), [(None, TypeError), (7, TypeError), ("", ValueError)])
def test_a_user_has_a_name(server: Server, wrong: object, error: type[Exception]) -> None:
    """Nobody can't be logged in, and all without a name would be one user."""
    tab = server.tab()
    tab.run()

    with pytest.raises(error, match="user_id"):
        tab.enter().log_in(wrong)  # type: ignore[arg-type]
    assert tab.run().user_id is None


# -- log_out() -------------------------------------------------------------------


def test_the_data_wait_for_the_next_login(server: Server) -> None:
    """What was not saved yet, too; the browser has a fresh session."""
    tab = with_work(server)
    tab.run().inputs["unsaved"] = 1
    log_out(tab)
    fresh = tab.run()

    assert (None, {}, fresh.session_id) == (fresh.user_id, fresh.inputs, session_of(tab.cookie))
    assert fresh is tab.reload().run()
    assert {"note": "tea", "unsaved": 1} == log_in(tab).inputs


def test_the_former_token_opens_nothing(server: Server, open_server: OpenServer) -> None:
    """Neither in the tabs that are open, nor at any replica."""
    tab = with_work(server)
    beside, former = tab.beside(), tab.cookie
    beside.run()
    there = open_server(FaultyStore(server.store.memory))
    log_out(tab)

    for one in (beside, server.tab(former), there.tab(former)):
        session = one.run()
        assert (None, {}) == (session.user_id, session.inputs)


def test_it_holds_after_a_restart(server: Server, open_server: OpenServer) -> None:
    """The old token is of an ended id, the new one of nobody's session."""
    tab = with_work(server)
    former = tab.cookie
    log_out(tab)
    tab.run()
    assert server.manager.flush()
    server.manager.close()
    again = open_server(FaultyStore(server.store.memory))

    assert [None, None] == [again.tab(one).run().user_id for one in (former, tab.cookie)]
    assert {"note": "tea"} == log_in(again.tab()).inputs


def test_a_callback_logs_out_before_the_page_asks_for_its_session(server: Server) -> None:
    """As one more connection of the browser does, too, which has no session yet."""
    tab = with_work(server)
    log_out(tab.reload())

    assert server.tab(tab.cookie).run().user_id is None
    assert {"note": "tea"} == log_in(server.tab()).inputs


def test_where_nobody_is_logged_in_nothing_happens(server: Server) -> None:
    """A second click, or one in another tab: the visitor keeps what they have."""
    tab = server.visited()
    session = tab.run()
    session.inputs["basket"] = 3
    log_out(tab)

    assert session is tab.run()
    assert {"basket": 3} == session.inputs


def test_what_the_run_that_logs_out_goes_on_showing_is_nobodys(server: Server) -> None:
    """Until the page asks for its session again; a second logout in that run changes nothing."""
    tab = with_work(server)
    log_out(tab)
    log_out(tab)
    tab.enter().persist_input("note", "tea")

    assert {} == tab.run().inputs


def test_another_user_gets_nothing_of_it(server: Server) -> None:
    """At the same browser."""
    tab = with_work(server)
    log_out(tab)
    tab.run()

    assert ("bob", {}) == ((session := log_in(tab, "bob")).user_id, session.inputs)


def test_a_session_that_was_ended_meanwhile_is_left(
    server: Server, open_server: OpenServer
) -> None:
    """There is nothing to wait for anybody."""
    tab = with_work(server)
    there = open_server(FaultyStore(server.store.memory))
    there.manager.repository.end(session_of(tab.cookie) or "")
    log_out(tab)

    assert (None, {}) == ((session := tab.run()).user_id, session.inputs)


def test_while_the_store_is_down_it_holds_here_at_once(
    server: Server, open_server: OpenServer
) -> None:
    """And everywhere as soon as the store answers; nothing is lost."""
    tab = with_work(server)
    former = tab.cookie
    tab.run().inputs["unsaved"] = 1
    server.store.down = True
    log_out(tab)

    assert (None, {}) == ((fresh := tab.run()).user_id, fresh.inputs)
    assert server.tab(former).run().user_id is None
    server.store.down = False
    assert server.manager.flush()
    there = open_server(FaultyStore(server.store.memory))
    assert there.tab(former).run().user_id is None
    assert {"note": "tea", "unsaved": 1} == log_in(server.tab()).inputs


def test_what_the_store_refuses_does_not_keep_anybody_logged_in(server: Server) -> None:
    """The logout holds here, and what was typed is stored when the store takes it."""
    tab = with_work(server)
    former = tab.cookie
    tab.run().inputs["more"] = "cake"

    def refuse(_: SessionWrite) -> None:
        msg = "the disk is full"
        raise RejectedError(msg)

    server.store.on_write = refuse
    log_out(tab)
    assert (None, {}) == ((fresh := tab.run()).user_id, fresh.inputs)
    assert server.tab(former).run().user_id is None
    server.store.on_write = None

    assert {"note": "tea", "more": "cake"} == log_in(server.tab()).inputs


def test_other_devices_stay(server: Server, open_server: OpenServer) -> None:
    """Here and at other replicas: they share the data, not the token."""
    tab = with_work(server)
    other = server.tab()
    other.run()
    session = log_in(other)
    assert server.manager.flush()
    assert tab.cookie != other.cookie
    log_out(tab)

    there = open_server(FaultyStore(server.store.memory))
    assert tab.run().user_id is None
    for one in (other, there.tab(other.cookie), server.tab(other.cookie)):
        session = one.run()
        assert ("ada", {"note": "tea"}) == (session.user_id, session.inputs)


def test_a_script_logs_in_and_out_as_well(script: Server) -> None:
    """By the functions of the package."""
    with script.manager:
        sessionkit.log_in("ada").inputs["note"] = "tea"
        assert "ada" == sessionkit.bootstrap_session().user_id
        sessionkit.log_out()
        assert {"note": "tea"} == sessionkit.log_in("ada").inputs


# -- an app that passes its user in every run ------------------------------------


def test_nobody_where_a_user_was_named_is_a_logout(server: Server) -> None:
    """The cookie does not bring the user back, neither now nor after F5; the data wait."""
    tab = server.tab()
    tab.run(user_id=None)
    tab.run(user_id="ada").inputs["note"] = "tea"
    former = tab.cookie
    session = tab.run(user_id=None)

    assert (None, {}) == (session.user_id, session.inputs)
    assert session is tab.run(user_id=None) is tab.reload().run(user_id=None)
    assert server.tab(former).run().user_id is None
    assert {"note": "tea"} == tab.run(user_id="ada").inputs


def test_nobody_says_nothing_where_no_user_was_named(server: Server) -> None:
    """After F5 the app has not asked yet: the browser goes on as whom it is; so after log_in()."""
    tab = server.tab()
    session = tab.run(user_id="ada")
    assert session is tab.reload().run(user_id=None)

    tab = server.tab()
    session = log_in(tab, "bob")
    assert session is tab.run(user_id=None)


def test_a_user_who_is_named_once_stays(server: Server) -> None:
    """Runs that leave the user out say nothing."""
    tab = server.tab()
    session = tab.run(user_id="ada")

    assert session is tab.run()
    assert tab.run(user_id=None).user_id is None


def test_a_tab_that_says_nobody_loses_a_session_that_others_moved(server: Server) -> None:
    """Once: who logged in elsewhere meanwhile stays."""
    tab = server.tab()
    tab.run(user_id="ada")
    other = tab.beside()
    other.run(user_id="ada")
    tab.run(user_id=None)
    adas = log_in(server.tab())

    assert other.run(user_id=None).user_id is None
    assert adas is log_in(server.tab())
