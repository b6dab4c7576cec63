# SPDX-License-Identifier: Apache-2.0
"""How saves stand: what waits, since when, whether the store is down; asked without waiting."""

from __future__ import annotations

import gc
from queue import SimpleQueue
from threading import Thread
from weakref import ref

import pytest
from session_harness.replicas import Clock
from session_harness.stores import PATIENCE, Gate
from session_harness.writers import BatchStore, Make, Seconds, schedule, unavailable

from sessionkit.errors import UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.health import LONGEST
from sessionkit.session import UserSession
from sessionkit.status import PersistenceStatus


def test_nothing_waits(watched: SessionPersistence) -> None:
    """All is saved."""
    assert PersistenceStatus(state="saved") == watched.status() == watched.status("unknown")


def test_what_waits_is_counted(watched: SessionPersistence, seconds: Seconds) -> None:
    """With its bytes, and the age of its oldest change; of all, or of one session."""
    schedule(watched, "a")
    seconds.time = 0.2
    [b] = schedule(watched, "b")
    seconds.time = 0.3
    watched.schedule_save(None, b)

    both = PersistenceStatus(state="saving", pending=2, pending_bytes=20, oldest_age=0.3)
    assert both == watched.status()
    one = watched.status("b")
    assert (1, 10) == (one.pending, one.pending_bytes)
    assert 0.1 == pytest.approx(one.oldest_age)
    assert one == watched.status(b)
    assert "saved" == watched.status("c").state == watched.status(UserSession()).state
    assert (True, False) == (watched.is_pending(b), watched.is_pending(UserSession()))


def test_a_change_is_as_old_as_its_first_try(make: Make, seconds: Seconds) -> None:
    """What is being saved waits; neither a change meanwhile nor a failed save makes it younger."""
    gate = Gate()

    def down(session: UserSession) -> None:
        gate()
        unavailable(session)

    persistence = make()
    session = UserSession(session_id="s")
    persistence.schedule_save("s", session, down)
    persistence.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    seconds.time = 2.0
    persistence.schedule_save("s", session, down)
    status = persistence.status()
    assert ("saving", 1, 2.0) == (status.state, status.pending, status.oldest_age)
    gate.opened.set()
    assert not persistence.flush()
    seconds.time = 3.0

    assert 3.0 == persistence.status().oldest_age


def test_a_save_at_once_is_as_old_as_itself(make: Make, seconds: Seconds) -> None:
    """Not as old as the machine: also when it did not wait before."""
    seconds.time = 1000.0
    ages: list[float | None] = []
    persistence = make(save_one=lambda _: ages.append(persistence.status().oldest_age))
    persistence.save_now(UserSession())
    failing = make(save_one=unavailable)
    with pytest.raises(UnavailableError):
        failing.save_now(UserSession())
    seconds.time = 1001.0

    assert [0.0] == ages
    assert 1.0 == failing.status().oldest_age


def test_a_store_that_is_down(
    watched: SessionPersistence, store: BatchStore, seconds: Seconds, wall: Clock
) -> None:
    """Since when, what it said, and when it is tried again."""
    store.go_down("no route to host")
    noon = wall.time
    schedule(watched, "a", "b")
    seconds.time = 1.0
    assert not watched.flush()
    wall.advance(minutes=1)
    seconds.time = 2.0
    assert not watched.flush()

    status = watched.status()
    assert ("offline", 2, "no route to host") == (status.state, status.pending, status.last_error)
    assert noon == status.offline_since
    assert 0.0 <= (status.retry_in or -1) <= LONGEST
    assert 2.0 == status.oldest_age
    assert "offline" == watched.status("a").state
    store.errors.clear()
    assert watched.flush()
    assert PersistenceStatus(state="saved") == watched.status()


def test_a_save_that_its_caller_broke_off_says_nothing_of_the_store(make: Make) -> None:
    """The session waits by itself, and is tried again after a pause of its own."""

    def broken(_: UserSession) -> None:
        raise KeyboardInterrupt

    persistence = make(save_one=broken)
    with pytest.raises(KeyboardInterrupt):
        persistence.save_now(UserSession())
    status = persistence.status()

    assert ("saving", 1, None) == (status.state, status.pending, status.offline_since)


def test_what_failed_is_kept_as_text(make: Make) -> None:
    """The error itself holds on to all that was being written."""
    written: list[ref[UserSession]] = []

    def save_one(_: UserSession) -> None:
        payload = UserSession()
        written.append(ref(payload))
        unavailable(payload)

    persistence = make(save_one=save_one)
    with pytest.raises(UnavailableError):
        persistence.save_now(UserSession())
    gc.collect()

    assert "offline" == persistence.status().state
    assert written[0]() is None


def test_an_error_without_a_text_is_told_by_its_class(make: Make) -> None:
    """An app's own error may be broken itself, and ends no writer."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise ValueError

    def save(_: UserSession) -> None:
        raise BrokenError

    persistence = make()
    persistence.schedule_save(None, UserSession(), save)
    assert not persistence.flush(timeout=PATIENCE)

    assert "BrokenError" == persistence.status().last_error


def test_it_waits_for_nobody(watched: SessionPersistence) -> None:
    """Not even for who has the queue's lock: a page may ask once a second."""
    schedule(watched, "a")
    found: SimpleQueue[PersistenceStatus] = SimpleQueue()
    with watched._queue.lock:
        thread = Thread(target=lambda: found.put(watched.status()))
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()

    assert 1 == found.get_nowait().pending
