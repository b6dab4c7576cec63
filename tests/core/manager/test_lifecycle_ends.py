# SPDX-License-Identifier: Apache-2.0
"""Sessions are ended, one or all of a user's, and listed; what follows an end."""

from __future__ import annotations

import gc
from collections.abc import Callable
from datetime import timedelta

import pytest
from session_harness.replicas import Clock, Replica
from session_harness.servers import Server, Tab, session_of, token_for
from session_harness.stores import PATIENCE, FaultyStore, Gate
from session_harness.visitors import ALICE, BOB, keep

import sessionkit
from sessionkit.errors import (
    SessionGoneError,
    UnavailableError,
)
from sessionkit.events import (
    SessionEnded,
)
from sessionkit.records import SessionWrite
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]


# -- the end -------------------------------------------------------------------


def test_an_ended_session_is_followed_by_a_fresh_one(server: Server) -> None:
    """In all its tabs, under other ids; the browser gets a token for it."""
    tab = server.tab()
    session = tab.run()
    session.inputs["diary"] = 1
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
    assert (True, {}) == (session.ended, session.inputs)


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


@pytest.mark.parametrize("by", ["end", "revoke"])
def test_what_a_page_keeps_after_it_ended_its_session_is_nobodys(server: Server, by: str) -> None:
    """What it was given shows the session that has ended; the next bootstrap begins the next one."""
    tab = server.tab()
    tab.run(user_id=ALICE)
    if by == "end":
        tab.enter().end_session()
    else:
        tab.enter().revoke_sessions(ALICE)

    tab.enter().persist_input("note", "the ended session's")

    assert {} == tab.run().inputs
    tab.enter().persist_input("note", "mine")
    assert {"note": "mine"} == tab.run().inputs


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
    """What the tab had is in no object any more, unsaved changes too: whoever has it may be anybody."""
    tab = server.visited()
    session = tab.run()
    other = open_server(FaultyStore(server.store.memory))
    getattr(other.manager.repository, how)(session.session_id)
    session.inputs["unsaved"] = 1
    server.manager.schedule_save(session)
    server.manager.flush()

    assert (True, {}) == (session.ended, session.inputs)
    fresh = tab.run()

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
    Replica(server.store.memory).repository.delete(session.session_id)
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


def replica_of(server: Server, open_server: OpenServer) -> Server:
    """Return another server over the same memory."""
    return open_server(FaultyStore(server.store.memory))


def left_of(server: Server, user_id: str = ALICE) -> list[str]:
    """Return the ids of the sessions that a user has."""
    return [head.session_id for head in server.manager.repository.heads_of(user_id)]


def alices_tab(server: Server) -> Tab:
    """Return a tab of Alice's, whose session is stored."""
    tab = server.tab(account=ALICE)
    tab.run()
    assert server.manager.flush()
    return tab


# -- listing -------------------------------------------------------------------


def test_a_users_sessions_are_listed_latest_first(server: Server) -> None:
    """Nobody else's, and the calling one is marked."""
    early = keep(server, "early", user_id=ALICE, authenticated=True)
    keep(server, "bobs", user_id=BOB)
    keep(server, "nobodys")
    keep(server, "ended", user_id=ALICE)
    server.manager.repository.end("ended")
    session = server.tab(account=ALICE).run(restore_from_db=False)
    session.last_activity += timedelta(hours=1)
    assert server.manager.flush()

    listed = server.manager.list_sessions(ALICE)

    assert [(session.session_id, True), ("early", False)] == [
        (one.session_id, one.current) for one in listed
    ]
    assert (early.created_at, early.last_activity) == (
        listed[1].created_at,
        listed[1].last_activity,
    )
    assert () == server.manager.list_sessions("nobody")


def test_the_calling_session_is_listed_before_it_is_stored(server: Server) -> None:
    """The page that shows the list may be the first one."""
    session = server.tab(account=ALICE).run()

    (only,) = server.manager.list_sessions(ALICE)

    assert (session.session_id, True) == (only.session_id, only.current)
    assert session.created_at == only.created_at


def test_the_calling_session_is_no_other_users(server: Server) -> None:
    """An administrator looks at Bob's."""
    keep(server, "bobs", user_id=BOB)
    server.tab(account=ALICE).run()

    assert [False] == [one.current for one in server.manager.list_sessions(BOB)]


def test_expired_sessions_are_not_listed(open_server: OpenServer, clock: Clock) -> None:
    """They are over, though nobody has cleaned up yet."""
    server = open_server(now=clock)
    keep(server, "old", user_id=ALICE)
    clock.advance(hours=25)
    server.tab().enter()

    assert () == server.manager.list_sessions(ALICE)


def test_a_summary_shows_no_id_in_full(server: Server) -> None:
    """Neither when it is printed; the app has it, to end that one session."""
    keep(server, "0123456789abcdef", user_id=ALICE)
    server.tab().enter()
    (listed,) = server.manager.list_sessions(ALICE)

    assert "01234567" == listed.short_id
    assert "0123456789" not in repr(listed)
    assert "0123456789abcdef" == listed.session_id


# -- revoking ------------------------------------------------------------------


def test_all_of_a_users_sessions_end(server: Server, open_server: OpenServer) -> None:
    """The calling one too, and whichever replica has it; nobody else's."""
    tab = alices_tab(server)
    session = tab.run()
    elsewhere = alices_tab(replica_of(server, open_server))
    other = elsewhere.run()
    other.inputs["late"] = 1
    keep(server, "bobs", user_id=BOB)

    tab.enter()
    assert len({session.session_id, other.session_id}) == server.manager.revoke_sessions(ALICE)
    elsewhere.server.manager.schedule_save(other)
    elsewhere.server.manager.flush()
    server.manager.flush()

    assert [] == left_of(server)
    assert ["bobs"] == left_of(server, BOB)
    assert session is not tab.run()
    assert other is not elsewhere.run()


def test_the_calling_session_may_stay(server: Server) -> None:
    """To log out everywhere else."""
    keep(server, "stolen", user_id=ALICE, authenticated=True)
    tab = server.tab(account=ALICE)
    session = tab.run(restore_from_db=False)
    assert server.manager.flush()

    assert 1 == server.manager.revoke_sessions(ALICE, keep_current=True)
    assert [session.session_id] == left_of(server)
    assert session is tab.run()


def test_one_session_of_many_ends(server: Server) -> None:
    """As the user ticked it; what is not the user's is passed over, whatever the browser posted."""
    for session_id in ("one", "two"):
        keep(server, session_id, user_id=ALICE)
    keep(server, "bobs", user_id=BOB)
    bobs = server.tab(account=BOB).run()
    server.tab().enter()

    ids = ["one", "bobs", "nothing", bobs.session_id]
    assert 1 == server.manager.revoke_sessions(ALICE, ids)
    assert ["two"] == left_of(server)
    assert "bobs" in left_of(server, BOB)


def test_one_that_is_bound_and_not_stored_yet_ends(server: Server) -> None:
    """It is live in this process: its first save must not bring it about."""
    session = server.tab(account=ALICE).run()
    session.inputs["late"] = 1
    server.tab().enter()
    server.manager.revoke_sessions(ALICE)
    server.manager.schedule_save(session)
    server.manager.flush()

    assert [] == left_of(server)


def test_one_that_is_being_stored_for_the_first_time_ends(server: Server) -> None:
    """The writer has sent it already: revoking waits for it."""
    session = server.tab(account=ALICE).run()
    session.inputs["late"] = 1
    gate = Gate()
    server.store.on_write = lambda write: gate(write) if not write.head.ended else None
    server.manager.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    server.tab().enter()
    server.store.on_write = lambda _: None
    gate.opened.set()
    server.manager.revoke_sessions(ALICE)
    server.manager.flush()

    assert [] == left_of(server)


def test_a_provisional_session_under_somebody_elses_id_ends_alone(
    server: Server, open_server: OpenServer
) -> None:
    """While the store was down, Bob's was begun under the id of Alice's: hers stays."""
    keep(server, "s", user_id=ALICE, authenticated=True)
    other = replica_of(server, open_server)
    other.store.down = True
    provisional = other.tab(token_for("s"), BOB).run()
    assert "s" == provisional.session_id
    other.store.down = False
    other.tab().enter()

    assert 0 == other.manager.revoke_sessions(BOB)
    assert ["s"] == left_of(server)


def test_an_id_that_is_somebody_elses_by_now_stays(server: Server) -> None:
    """The list is older than the store."""
    keep(server, "s", user_id=BOB)
    stale = iter(list(server.manager.repository.heads_of(BOB)))
    keep(server, "mine", user_id=ALICE)
    server.manager.repository.heads_of = lambda _: stale  # type: ignore[method-assign,assignment]
    server.tab().enter()

    assert 0 == server.manager.revoke_sessions(ALICE)
    assert not server.store.stored("s").head.ended


def test_what_is_saved_elsewhere_at_the_same_moment_ends(
    server: Server, open_server: OpenServer
) -> None:
    """Another replica saves between the list and the tombstone, and begins a new one."""
    keep(server, "s", user_id=ALICE)
    other = replica_of(server, open_server)
    theirs = other.manager.repository.load("s")
    assert theirs is not None
    saves = iter([theirs, UserSession(session_id="second", user_id=ALICE)])

    def meanwhile(write: SessionWrite) -> None:
        session = next(saves, None)
        if session is not None and write.head.ended:
            session.inputs["late"] = 1
            other.manager.repository.save(session)

    server.store.on_write = meanwhile
    server.tab().enter()

    assert 2 == server.manager.revoke_sessions(ALICE)
    assert [] == left_of(server)


def test_who_begins_new_ones_all_the_time_is_told_of(
    server: Server, open_server: OpenServer
) -> None:
    """It is bounded, and says that it is not done."""
    keep(server, "s", user_id=ALICE)
    other = replica_of(server, open_server)
    server.store.on_write = lambda _: other.manager.repository.save(UserSession(user_id=ALICE))
    server.tab().enter()
    with pytest.raises(UnavailableError, match="still has sessions"):
        server.manager.revoke_sessions(ALICE)


def test_a_store_that_is_down_is_said(server: Server) -> None:
    """Calling it again ends the rest."""
    keep(server, "s", user_id=ALICE)
    server.tab().enter()
    server.store.down = True
    with pytest.raises(UnavailableError):
        server.manager.revoke_sessions(ALICE)
    server.store.down = False

    assert 1 == server.manager.revoke_sessions(ALICE)
    assert [] == left_of(server)


def test_many_sessions_end(server: Server) -> None:
    """More than a page of the list has."""
    for number in range(130):
        session = UserSession(user_id=ALICE)
        session.last_activity += timedelta(seconds=number)
        server.manager.repository.save(session)
    server.tab().enter()

    assert 130 == server.manager.revoke_sessions(ALICE)
    assert [] == left_of(server)


def test_a_revoked_id_stays_taken(server: Server, open_server: OpenServer) -> None:
    """Neither a cookie nor a save brings it back."""
    tab = alices_tab(server)
    session_id = tab.run().session_id
    server.manager.revoke_sessions(ALICE)

    assert session_id != server.tab(tab.cookie, ALICE).run().session_id
    assert server.store.stored(session_id).head.ended
    other = replica_of(server, open_server)
    assert session_id != other.tab(tab.cookie, ALICE).run().session_id


def test_the_functions_use_the_manager_in_force(script: Server) -> None:
    """As an app calls them."""
    with script.manager:
        session = sessionkit.bootstrap_session(user_id=ALICE)
        sessionkit.save_session(session, immediate=True)
        old_id = session.session_id
        session = sessionkit.rotate_session()
        (listed,) = sessionkit.list_sessions(ALICE)
        assert old_id != listed.session_id == session.session_id
        assert 1 == sessionkit.revoke_sessions(ALICE)
        assert () == sessionkit.list_sessions(ALICE)
