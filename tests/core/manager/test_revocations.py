# SPDX-License-Identifier: Apache-2.0
"""A user's sessions that are in no list when all of them are ended: they end when they turn up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from session_harness.journals import JournaledProcess
from session_harness.servers import Server
from session_harness.stores import LANDED, FaultyStore
from session_harness.visitors import keep

from sessionkit.errors import SessionGoneError, UnavailableError
from sessionkit.events import SessionGone
from sessionkit.repository.tracks import Owner
from sessionkit.session import UserSession
from sessionkit.session.fields import micros_now

OpenServer = Callable[..., Server]

CAROL = Owner("carol", authenticated=False)


@pytest.fixture(name="other")
def _other(server: Server, open_server: OpenServer) -> Server:
    """Return a replica over the same store."""
    return open_server(FaultyStore(server.store.memory))


def revoke(server: Server, **how: bool) -> int:
    """End all of carol's sessions."""
    server.tab().enter()
    return server.manager.revoke_sessions("carol", **how)


@pytest.mark.parametrize("known", ["begun with its owner", "nobody's before", "stored before"])
def test_a_session_in_the_memory_of_a_replica_that_cannot_reach_the_store_ends(
    server: Server, other: Server, known: str
) -> None:
    """As soon as it is stored; its cookie opens nothing, and an event tells."""
    tab = server.tab()
    if known != "begun with its owner":
        tab.run()
    if known == "stored before":
        assert server.manager.flush()
    server.store.down = True
    session = tab.run(user_id="carol")
    session.inputs["diary"] = 1
    server.manager.save(session)
    server.manager.flush(timeout=0.1)

    assert 0 == revoke(other)
    server.store.down = False
    server.manager.flush()

    found = other.tab(tab.cookie).run()
    assert (None, {}) == (found.user_id, found.inputs)
    assert [] == list(other.manager.repository.heads_of("carol"))
    assert ["ended"] == [event.reason for event in server.told(SessionGone)]
    assert session.session_id != tab.run(user_id="carol").session_id
    assert server.manager.flush()
    assert 1 == len(list(other.manager.repository.heads_of("carol")))


def test_who_logs_in_after_that_stays(server: Server, other: Server) -> None:
    """Also a session that began long before as nobody's, and one that was stored."""
    anonymous, stored = server.tab(), server.tab()
    anonymous.run().inputs["note"] = "typed"
    stored.run().inputs["note"] = "other"
    assert server.manager.flush(stored.enter().current().session_id)
    revoke(other)
    for tab in (anonymous, stored):
        tab.run(user_id="carol")
    assert server.manager.flush()

    assert [] == server.told(SessionGone)
    assert 2 == len(list(other.manager.repository.heads_of("carol")))


def test_what_stays_is_stored_later(server: Server, other: Server) -> None:
    """The calling connection's own session may be one that was never stored."""
    tab = server.tab()
    session = tab.run(user_id="carol")
    session.inputs["diary"] = 1
    tab.enter()
    assert 0 == server.manager.revoke_sessions("carol", keep_current=True)
    assert server.manager.flush()

    assert {"diary": 1} == other.tab(tab.cookie).run().inputs
    assert [] == server.told(SessionGone)


def test_a_session_that_went_on_is_rotated_on_any_replica(server: Server, other: Server) -> None:
    """It was kept when the user logged out everywhere else: its next id is no session that turned up."""
    tab = server.tab()
    tab.run(user_id="carol").inputs["diary"] = 1
    assert server.manager.flush()
    there = other.tab(tab.cookie)
    there.run(user_id="carol")
    tab.enter()
    server.manager.revoke_sessions("carol", keep_current=True)
    there.run(user_id="carol")
    there.enter()

    assert {"diary": 1} == other.manager.rotate_session().inputs
    assert [] == other.told(SessionGone)


def test_a_live_session_that_was_never_stored_leaves_a_tombstone(
    server: Server, other: Server
) -> None:
    """Another replica may have the same id in memory, and not have stored it either."""
    tab = server.tab()
    session = tab.run(user_id="carol")
    assert 1 == revoke(server)

    assert server.store.stored(session.session_id).head.ended
    late = UserSession(session_id=session.session_id, user_id="carol")
    with pytest.raises(SessionGoneError):
        other.manager.repository.save(late)


def test_a_check_that_cannot_be_made_is_made_later(server: Server, other: Server) -> None:
    """The store went down between the write and the look."""
    session = UserSession(user_id="carol", inputs={"diary": 1})
    revoke(other)
    looks = iter(["the first"])

    def fail() -> None:
        if next(looks, None):
            server.store.failing_reads = 1

    server.store.on_look = fail
    server.manager.schedule_save(session)
    for _ in range(2):
        server.manager.flush(timeout=10)

    assert server.store.stored(session.session_id).head.ended


def test_a_write_whose_answer_was_lost_is_looked_at_too(server: Server, other: Server) -> None:
    """Though somebody has written on top of it."""
    session = UserSession(session_id="s", user_id="carol", inputs={"diary": 1})
    server.store.next_writes(LANDED)
    assert [UnavailableError] == list(map(type, server.manager.repository.save_many([session])))
    found = other.manager.repository.load("s")
    assert found is not None
    found.inputs["late"] = 1
    other.manager.repository.save(found)
    other.manager.repository.record_revocation(CAROL, micros_now())

    with pytest.raises(SessionGoneError):
        server.manager.repository.save(session)
    assert server.store.stored("s").head.ended


def test_a_clock_that_was_far_ahead_ends_nobodys_sessions(server: Server) -> None:
    """A note of that kind is not believed, and the next one takes its place."""
    repository = server.manager.repository
    repository.record_revocation(CAROL, micros_now() + 3_600_000_000)
    kept = keep(server, "kept", user_id="carol")
    late = UserSession(user_id="carol")
    repository.record_revocation(CAROL, micros_now())

    with pytest.raises(SessionGoneError):
        repository.save(late)
    assert not kept.ended
    assert ["kept"] == [head.session_id for head in repository.heads_of("carol")]


def test_nobody_elses_sessions_end(server: Server, other: Server) -> None:
    """Neither those of another user, nor nobody's, nor those of a user of the host who is called so."""
    theirs = [UserSession(user_id="dave"), UserSession()]
    hosts = UserSession(user_id="carol", authenticated=True)
    other.manager.repository.record_revocation(CAROL, micros_now())
    assert [None] * 3 == server.manager.repository.save_many([*theirs, hosts])
    revoke(other)
    late = [UserSession(user_id="dave"), UserSession()]
    assert [None] * 2 == server.manager.repository.save_many(late)


def test_what_is_remembered_is_in_no_list(server: Server) -> None:
    """It is a tombstone of an id of its own, and is kept as long as one."""
    revoke(server)
    repository = server.manager.repository
    assert [] == list(repository.heads())
    assert 0 == repository.purge()
    revoke(server)


@pytest.mark.parametrize("owner", ["from the beginning", "since a login"])
def test_a_session_in_the_journal_of_a_dead_process_ends(tmp_path: Path, owner: str) -> None:
    """As it is replayed; one that the user began after that is stored."""
    process = JournaledProcess(tmp_path / "journal")
    sessions = {name: UserSession(session_id=name) for name in ("before", "after")}
    for name, session in sessions.items():
        if owner == "since a login":
            session.created_at = session.created_at.replace(year=2020)
        session.user_id, session.inputs["diary"] = "carol", name
        process.journal.keep(session)
        if name == "before":
            process.next().repository.record_revocation(CAROL, micros_now())
    successor = process.killed()
    report = successor.replay()

    assert (1, 1) == (report.saved, report.gone)
    assert ["after"] == [head.session_id for head in successor.repository.heads_of("carol")]
