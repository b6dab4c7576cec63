# SPDX-License-Identifier: Apache-2.0
"""A user's sessions: listed, and ended wherever they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from session_harness.replicas import Clock
from session_harness.servers import Server, Tab, token_for
from session_harness.stores import PATIENCE, FaultyStore, Gate
from session_harness.visitors import ALICE, BOB, keep

import sessionkit
from sessionkit.errors import UnavailableError
from sessionkit.records import SessionWrite
from sessionkit.session import UserSession

OpenServer = Callable[..., Server]


def replica_of(server: Server, open_server: OpenServer) -> Server:
    """Return another server over the same memory."""
    return open_server(FaultyStore(server.store.memory))


def left_of(server: Server, user_id: str = ALICE) -> list[str]:
    """Return the ids of the sessions that a user has."""
    return [head.session_id for head in server.manager.repository.heads_of(user_id)]


def at_home(server: Server) -> Tab:
    """Return a tab of Alice's, whose session is stored."""
    tab = server.tab(account=ALICE)
    tab.run()
    assert server.manager.flush()
    return tab


# -- listing -------------------------------------------------------------------


def test_a_users_sessions_are_listed_latest_first(server: Server) -> None:
    """Nobody else's, and the calling one is marked."""
    early = keep(server, "early", user_id=ALICE)
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
    tab = at_home(server)
    session = tab.run()
    elsewhere = at_home(replica_of(server, open_server))
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
    keep(server, "stolen", user_id=ALICE)
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
    tab = at_home(server)
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
        assert session is sessionkit.rotate_session()
        (listed,) = sessionkit.list_sessions(ALICE)
        assert old_id != listed.session_id == session.session_id
        assert 1 == sessionkit.revoke_sessions(ALICE)
        assert () == sessionkit.list_sessions(ALICE)
