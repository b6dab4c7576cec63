# SPDX-License-Identifier: Apache-2.0
"""An open tab whose record is gone from the store, and a store that has lost what it had."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from session_harness.replicas import Clock, Replica
from session_harness.servers import Server, Tab
from session_harness.stores import FaultyStore
from session_harness.writers import Seconds

from sessionkit.events import SessionGone, SessionStoredAgain, StoreLostSessions
from sessionkit.session import UserSession
from sessionkit.settings.settings import ExpirySettings

OpenServer = Callable[..., Server]


def typed(tab: Tab, **inputs: object) -> UserSession:
    """Run the page of a tab in which something was typed."""
    session = tab.run()
    for key, value in inputs.items():
        session.set_input(key, value)
    tab.server.manager.schedule_save(session)
    return session


def flush(server: Server) -> None:
    """Save what waits, and what follows from it."""
    for _ in range(9):
        assert server.manager.flush()


def inputs_of(server: Server, session: UserSession) -> dict[str, object] | None:
    """Return what is stored of a session."""
    found = Replica(server.store.memory).repository.load(session.session_id)
    return None if found is None else found.inputs


def test_an_open_tab_whose_record_is_missing_goes_on(
    open_server: OpenServer, seconds: Seconds
) -> None:
    """The same object, the same id, nothing blank; it is stored again, and an event tells."""
    server = open_server(clock=seconds)
    tab = server.visited()
    session = typed(tab, a=1)
    flush(server)
    cookie = tab.cookie
    server.store.memory.delete(session.session_id)
    seconds.time += 60

    assert session is typed(tab, b=2)
    flush(server)

    assert {"a": 1, "b": 2} == session.inputs == inputs_of(server, session)
    assert cookie == tab.cookie
    assert [session.session_id] == [one.session_id for one in server.told(SessionStoredAgain)]
    assert [] == server.told(SessionGone)
    assert [1] == [event.sessions for event in server.told(StoreLostSessions)]


def test_a_new_tab_of_a_session_whose_record_is_missing_shows_it(server: Server) -> None:
    """F5, while this process still has the session: it is stored again, too."""
    tab = server.visited()
    session = typed(tab, a=1)
    flush(server)
    server.store.memory.delete(session.session_id)

    assert session is tab.beside().run()
    flush(server)
    assert {"a": 1} == inputs_of(server, session)


def test_a_purge_of_what_has_expired_changes_nothing_for_an_open_tab(
    open_server: OpenServer, seconds: Seconds, clock: Clock
) -> None:
    """It begins a new life under its id, as it does where nobody has purged yet."""
    results = []
    for purged in (False, True):
        server = open_server(
            FaultyStore(),
            clock=seconds,
            now=clock,
            expiry=ExpirySettings(idle=timedelta(hours=1), absolute=None),
        )
        tab = server.visited()
        before = typed(tab, a=1)
        flush(server)
        clock.advance(hours=2)
        seconds.time += 7200
        if purged:
            assert 1 == server.manager.repository.purge()
        after = typed(tab, b=2)
        flush(server)
        results.append(
            (
                after is before,
                after.session_id == before.session_id,
                inputs_of(server, after),
                len(server.told(SessionStoredAgain)),
            )
        )

    assert [(False, True, {"b": 2}, 0)] * 2 == results


def test_a_store_that_was_emptied_gets_all_live_sessions_again(server: Server) -> None:
    """With the first one that is missed, not with each one's next click: the process may end before."""
    tabs = [server.visited() for _ in range(250)]
    sessions = [typed(tab, n=number) for number, tab in enumerate(tabs)]
    flush(server)
    server.store.go_back({})
    typed(tabs[7], more=1)
    flush(server)

    for number, session in enumerate(sessions):
        more = {"more": 1} if number == 7 else {}
        assert {"n": number, **more} == inputs_of(server, session)
    assert [250] == [event.sessions for event in server.told(StoreLostSessions)]
    lost_at = server.manager.persistence.status().lost_at
    assert lost_at is not None

    server.store.calls.clear()
    flush(server)
    assert [] == server.store.calls


def test_a_store_that_fell_back_gets_all_live_sessions_again(server: Server) -> None:
    """As a failover or a backup leaves it: what it had acknowledged is stored again."""
    tabs = [server.visited() for _ in range(3)]
    sessions = [typed(tab, n=1) for tab in tabs]
    flush(server)
    kept = server.store.keep()
    for tab in tabs:
        typed(tab, n=2)
    flush(server)
    server.store.go_back(kept)
    typed(tabs[0], more=1)
    flush(server)

    assert [{"n": 2, "more": 1}, {"n": 2}, {"n": 2}] == [
        inputs_of(server, session) for session in sessions
    ]
    assert [3] == [event.sessions for event in server.told(StoreLostSessions)]


def test_a_session_that_ended_is_not_stored_again_with_the_others(server: Server) -> None:
    """A tombstone that the store kept still means gone for good."""
    tabs = [server.visited() for _ in range(2)]
    sessions = [typed(tab, n=1) for tab in tabs]
    flush(server)
    server.store.go_back({})
    Replica(server.store.memory).repository.end(sessions[1].session_id)
    typed(tabs[0], more=1)
    flush(server)

    assert inputs_of(server, sessions[1]) is None
    assert [sessions[1].session_id] == [event.session_id for event in server.told(SessionGone)]


def test_a_look_that_the_store_breaks_off_is_made_again(server: Server) -> None:
    """While it is down nothing is known of the others."""
    tabs = [server.visited() for _ in range(2)]
    sessions = [typed(tab, n=1) for tab in tabs]
    flush(server)
    server.store.go_back({})
    typed(tabs[0], more=1)
    looks = []

    def fail_once() -> None:
        looks.append(None)
        if len(looks) == 2:
            server.store.failing_reads = 1

    server.store.on_look = fail_once
    for _ in range(6):
        server.manager.flush()

    assert {"n": 1} == inputs_of(server, sessions[1])


def test_an_idle_process_that_ends_stores_again_what_the_store_has_lost(server: Server) -> None:
    """It has asked nothing since, and nobody who has the sessions will."""
    tabs = [server.visited() for _ in range(3)]
    sessions = [typed(tab, number=number) for number, tab in enumerate(tabs)]
    flush(server)
    for session in sessions:
        server.store.memory.delete(session.session_id)
    server.manager.close()
    assert [{"number": 0}, {"number": 1}, {"number": 2}] == [
        inputs_of(server, session) for session in sessions
    ]


def test_a_process_that_ends_asks_the_store_once_where_nothing_is_lost(server: Server) -> None:
    """However many sessions it has."""
    tabs = [server.visited() for _ in range(3)]
    sessions = [typed(tab, number=number) for number, tab in enumerate(tabs)]
    flush(server)
    server.store.calls.clear()
    server.manager.close()
    assert 1 == len(server.store.calls), sessions


def test_a_process_that_ends_while_the_store_is_down_waits_for_it_once(server: Server) -> None:
    """Nothing is to be saved, and nothing raised."""
    session = typed(server.visited(), a=1)
    flush(server)
    server.store.calls.clear()
    server.store.down = True
    server.manager.persistence.save_at_exit()
    assert (1, 1) == (len(server.store.calls), session.inputs["a"])
