# SPDX-License-Identifier: Apache-2.0
"""Sessions that are ended, gone or expired, and sessions that are recovered."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from session_harness.replicas import Clock
from session_harness.servers import Server, session_of
from session_harness.stores import FaultyStore

from sessionkit.errors import (
    SessionGoneError,
    UnavailableError,
)
from sessionkit.events import (
    SessionEnded,
)
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]


# -- the end -------------------------------------------------------------------


def test_an_ended_session_is_followed_by_a_fresh_one(server: Server) -> None:
    """In all its tabs, under other ids; the browser gets a token for it."""
    tab = server.tab()
    session = tab.run()
    session.inputs["secret"] = 1
    assert server.manager.flush()
    other_tab = tab.beside()
    assert session is other_tab.run()
    session.inputs["late"] = 2
    server.manager.schedule_save(session)

    tab.enter().end_session()
    assert server.manager.flush()

    assert server.store.stored(session.session_id).head.ended
    for one in (tab, other_tab):
        fresh = one.run()
        assert session.session_id != fresh.session_id
        assert ({}, fresh.session_id) == (fresh.inputs, session_of(one.cookie))
    assert 1 == len(server.told(SessionEnded))
    assert {"secret": 1, "late": 2} == session.inputs


def test_a_late_flush_brings_nothing_back(open_server: OpenServer) -> None:
    """Neither this process's nor another replica's."""
    here = open_server()
    tab = here.tab()
    session = tab.run()
    assert here.manager.flush()
    there = open_server(FaultyStore(here.store.memory))
    tab.beside(there).run().inputs["late"] = 1
    session.inputs["late"] = 2
    here.manager.schedule_save(session)

    tab.enter().end_session()
    here.manager.flush()
    there.manager.flush()

    stored = here.store.stored(session.session_id)
    assert (True, {}) == (stored.head.ended, dict(stored.parts))


def test_an_immediate_save_of_an_ended_session_says_so(server: Server) -> None:
    """It is gone for good."""
    session = server.tab().run()
    server.manager.end_session()

    with pytest.raises(SessionGoneError, match="ended"):
        server.manager.save(session, immediate=True)


def test_an_end_that_the_store_did_not_take_is_repeated_by_calling_it_again(
    server: Server,
) -> None:
    """As the error says: it must not look done while the cookie is still good."""
    session = server.tab().run()
    assert server.manager.flush()
    server.store.down = True
    with pytest.raises(UnavailableError):
        server.manager.end_session()
    with pytest.raises(UnavailableError):
        server.manager.end_session()
    server.store.down = False
    server.manager.end_session()

    assert server.store.stored(session.session_id).head.ended


def test_without_a_session_there_is_nothing_to_end(server: Server) -> None:
    """A connection that never asked for one."""
    server.tab().enter().end_session()

    assert [] == server.store.calls


def test_any_session_can_be_ended(server: Server) -> None:
    """Not only the connection's own, which stays."""
    tab = server.tab()
    mine = tab.run()
    other = server.tab().run()
    tab.enter().end_session(other)

    assert server.store.stored(other.session_id).head.ended
    assert mine is tab.run()


# -- what is gone --------------------------------------------------------------


@pytest.mark.parametrize("how", ["end", "delete"])
def test_after_a_session_is_gone_the_next_rerun_has_a_fresh_id(
    server: Server, open_server: OpenServer, how: str
) -> None:
    """What the tab had not saved stays readable."""
    tab = server.visited()
    session = tab.run()
    other = open_server(FaultyStore(server.store.memory))
    getattr(other.manager.repository, how)(session.session_id)
    session.inputs["unsaved"] = 1
    server.manager.schedule_save(session)
    server.manager.flush()

    fresh = tab.run()

    assert {"unsaved": 1} == session.inputs
    assert session is not fresh
    assert {} == fresh.inputs
    assert session.session_id != fresh.session_id
    assert fresh.session_id == session_of(tab.cookie)


def test_after_a_session_is_gone_there_is_one_live_session_an_id(server: Server) -> None:
    """The second tab to notice doesn't push the first one's new session aside."""
    tab = server.visited()
    session = tab.run()
    other_tab = tab.beside()
    assert session is other_tab.run()
    server.store.memory.delete(session.session_id)
    session.theme = "dark"
    server.manager.schedule_save(session)
    server.manager.flush()

    first, second = tab.run(), other_tab.run()

    assert session not in (first, second)
    assert (first is second) == (first.session_id == second.session_id)


def test_after_a_night_there_is_one_live_session_an_id(
    open_server: OpenServer, clock: Clock
) -> None:
    """Two tabs were left open until the session expired; they run one after the other."""
    server = open_server(now=clock)
    tab = server.visited()
    session = tab.run()
    other_tab = tab.beside()
    assert session is other_tab.run()
    clock.advance(hours=25)

    first, second = tab.run(), other_tab.run()

    assert session not in (first, second)
    assert (first is second) == (first.session_id == second.session_id)


def test_a_late_failure_does_not_hide_the_session_that_follows(server: Server) -> None:
    """An old object's save fails as gone: the new object under the id stays the live one."""
    script = Server(server.store, script=True)
    old = script.manager.bootstrap("s")
    assert script.manager.flush()
    server.store.memory.delete("s")
    new = UserSession(session_id="s", inputs={"new": 1})
    other = Server(FaultyStore(server.store.memory), script=True)
    other.manager.repository.save(new)
    other.manager.close()
    live = script.manager.recover("s")
    assert live is not old

    old.theme = "dark"
    script.manager.schedule_save(old)
    script.manager.flush()
    gc.collect()

    assert live is script.manager.recover("s")
    script.manager.close()


def test_an_expired_session_is_not_given_to_its_own_connection_any_more(
    open_server: OpenServer, clock: Clock
) -> None:
    """A tab that was left open over night begins anew at its next rerun."""
    server = open_server(now=clock)
    tab = server.tab()
    session = tab.run()
    session.inputs["evening"] = 1
    assert server.manager.flush()
    clock.advance(hours=23)
    assert session is tab.run()
    clock.advance(hours=2)

    assert {} == tab.run().inputs


# -- recovering ----------------------------------------------------------------


def test_recover_returns_the_live_session(script: Server) -> None:
    """Or the stored one; the connection's own stays what it was."""
    mine = script.manager.bootstrap("mine")
    script.manager.repository.save(UserSession(session_id="other", inputs={"a": 1}))

    other = script.manager.recover("other")

    assert other is not None
    assert {"a": 1} == other.inputs
    assert other is script.manager.recover("other")
    assert mine is script.manager.current()
    assert script.manager.recover("nothing") is None
