# SPDX-License-Identifier: Apache-2.0
"""What a save could not store: rejected sessions are kept for their owner, values that can't be kept are named."""

from __future__ import annotations

import gc
import json
from queue import Queue

import pytest
from session_harness.replicas import Clock
from session_harness.servers import Server
from session_harness.stores import REJECTED
from session_harness.writers import BatchStore, Failure, schedule

from sessionkit.errors import PartlySavedError, RejectedError, SessionGoneError
from sessionkit.events import SaveFailed
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.refusals import MOST_REJECTED, IncompleteSaves, RejectedSaves
from sessionkit.session import UserSession
from sessionkit.session.fields import utc_now
from sessionkit.session.session import NotKept
from sessionkit.status import PersistenceStatus


def told(failures: Queue[Failure]) -> list[Failure]:
    """Return what the observer was told since the last time."""
    return [failures.get_nowait() for _ in range(failures.qsize())]


def test_a_refused_save_is_kept_and_told_once(
    watched: SessionPersistence, store: BatchStore, failures: Queue[Failure], wall: Clock
) -> None:
    """With its reason, for its owner to export; a change of the numbers in it is no other reason."""
    store.errors["s"] = RejectedError("the session has 2000 bytes")
    [session] = schedule(watched, "s")
    noon = wall.time
    session.inputs["draft"] = "kept"
    for size in (2000, 2001, 2002):
        store.errors["s"] = RejectedError(f"the session has {size} bytes")
        watched.schedule_save(None, session)
        assert not watched.flush()
        wall.advance(hours=1)

    status = watched.status()
    assert ("rejected", 0) == (status.state, status.pending)
    [rejected] = status.rejected
    assert (session, noon) == (rejected.session, rejected.since)
    assert "the session has 2000 bytes" == rejected.error == status.last_error
    assert "kept" in json.dumps(json.loads(rejected.session.to_json()))
    assert [("s", "the session has 2000 bytes", False)] == told(failures)
    assert ("saved", "rejected") == (watched.status("t").state, watched.status("s").state)


def test_another_reason_is_told(
    watched: SessionPersistence, store: BatchStore, failures: Queue[Failure]
) -> None:
    """So is the same one after a save that succeeded, which takes it off the list."""
    session = UserSession(session_id="s")
    for reason in ("too large", "no rights", None, "no rights"):
        store.errors = {"s": RejectedError(reason)} if reason else {}
        watched.schedule_save(None, session)
        assert (reason is None) == watched.flush()
        assert (reason is None) == (watched.status().rejected == ())

    assert ["too large", "no rights", "no rights"] == [error for _, error, _ in told(failures)]


def test_a_session_that_is_gone_is_not_kept(
    watched: SessionPersistence, store: BatchStore, failures: Queue[Failure]
) -> None:
    """There is nothing to fix."""
    store.errors["s"] = RejectedError("no")
    [session] = schedule(watched, "s")
    assert not watched.flush()
    store.errors["s"] = SessionGoneError("s", "ended")
    watched.schedule_save(None, session)
    assert not watched.flush()

    assert PersistenceStatus(state="saved") == watched.status()
    assert 2 == len(told(failures))


def test_what_is_discarded_is_no_longer_refused(
    watched: SessionPersistence, store: BatchStore
) -> None:
    """As the session was ended."""
    store.errors["s"] = RejectedError("no")
    schedule(watched, "s")
    assert not watched.flush()
    watched.discard("s")

    assert "saved" == watched.status().state


def test_a_bounded_number_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    """The oldest goes first, with a line in the log."""
    rejections = RejectedSaves()
    sessions = [UserSession(session_id=f"s{number}") for number in range(MOST_REJECTED + 1)]
    for session in sessions:
        assert rejections.note(session, RejectedError("no"), utc_now())

    assert sessions[1:] == [rejected.session for rejected in rejections.of(None)]
    assert ["let go of the rejected save of session s0: no"] == caplog.messages


def test_an_explicit_save_that_is_refused_is_kept_too(server: Server) -> None:
    """Its caller was told: there is no event besides."""
    session = server.visited().run()
    session.theme = "dark"
    server.store.next_writes(REJECTED)
    with pytest.raises(RejectedError):
        server.manager.save(session, immediate=True)

    assert "rejected" == server.manager.persistence.status(session.session_id).state
    assert [] == server.told(SaveFailed)
    server.manager.save(session, immediate=True)
    assert "saved" == server.manager.persistence.status(session.session_id).state


# -- values that can't be kept -------------------------------------------------


def test_a_save_but_for_some_values_is_one(
    watched: SessionPersistence, failures: Queue[Failure]
) -> None:
    """Whoever makes it: nothing is left to save, nobody is told of a failure, and what is missing is named."""

    def save(session: UserSession) -> None:
        session.not_kept = (NotKept("inputs['a']", "a file"),)
        raise PartlySavedError(session.not_kept[0].reason, session.not_kept[0].path)

    session = UserSession(session_id="s")
    watched.schedule_save("s", session, save)
    assert watched.flush()
    status = PersistenceStatus(state="incomplete", not_kept=session.not_kept)
    assert status == watched.status("s") == watched.status(session) == watched.status()
    assert PersistenceStatus(state="saved") == watched.status("t")
    assert [] == told(failures)


def test_a_session_that_nobody_holds_lacks_nothing() -> None:
    """What it held is gone with it."""
    incomplete = IncompleteSaves()
    session = UserSession()
    session.not_kept = (NotKept("inputs['a']", "a file"),)
    incomplete.saved(session)
    assert session.not_kept == incomplete.of(None)
    del session
    gc.collect()
    assert () == incomplete.of(None)
