# SPDX-License-Identifier: Apache-2.0
"""A store that refuses for an unclear reason: tried again for a while, then refused for good; nobody else waits."""

from __future__ import annotations

from queue import Queue

import pytest
from session_harness.stores import PATIENCE
from session_harness.writers import BatchStore, Failure, Make, Seconds, schedule, wait_until

from sessionkit.errors import RejectedError, UnavailableError, UnclearError
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.attempts import UNCLEAR_FOR
from sessionkit.session import UserSession


def told(failures: Queue[Failure]) -> list[Failure]:
    """Return what the observer was told since the last time."""
    return [failures.get_nowait() for _ in range(failures.qsize())]


@pytest.fixture(name="refused")
def _refused(watched: SessionPersistence, store: BatchStore) -> UserSession:
    """Return a session that was refused once, for an unclear reason."""
    store.errors["s"] = UnclearError("no password")
    [session] = schedule(watched, "s")
    assert not watched.flush()
    return session


def test_what_is_unclear_is_tried_again_and_told_once(
    refused: UserSession, watched: SessionPersistence, store: BatchStore, failures: Queue[Failure]
) -> None:
    """As while a password is changed: the session is stored once it is accepted."""
    assert ("offline", 1) == (watched.status(refused).state, watched.status().pending)
    assert not watched.flush()
    store.errors.clear()
    assert watched.flush()

    assert "saved" == watched.status(refused).state
    assert [("s", "no password", True)] == told(failures)


def test_it_is_tried_again_by_itself(
    refused: UserSession, watched: SessionPersistence, store: BatchStore, seconds: Seconds
) -> None:
    """Nobody has to ask for it."""
    store.errors.clear()
    seconds.move(watched, 60.0)
    wait_until(lambda: not watched.is_pending(refused))

    assert ["s"] == store.saved


def test_what_stays_unclear_is_refused_for_good(
    refused: UserSession,
    watched: SessionPersistence,
    store: BatchStore,
    seconds: Seconds,
    failures: Queue[Failure],
) -> None:
    """After a bounded time: its owner is told, and it waits no more."""
    seconds.move(watched, UNCLEAR_FOR)
    wait_until(lambda: not watched.is_pending(refused))

    assert "rejected" == watched.status(refused).state
    assert [
        ("s", "no password", True),
        ("s", "no password; it was tried again for 300 s", False),
    ] == told(failures)
    store.errors.clear()
    watched.schedule_save(None, refused)
    assert watched.flush(timeout=PATIENCE)


def test_an_outage_is_none_of_its_time(
    refused: UserSession, watched: SessionPersistence, store: BatchStore, seconds: Seconds
) -> None:
    """What was unclear before a store was down may be clear after it."""
    store.errors["s"] = UnavailableError("down")
    assert not watched.flush()
    store.errors["s"] = UnclearError("no password")
    seconds.time = UNCLEAR_FOR
    assert not watched.flush()

    assert watched.is_pending(refused)


@pytest.mark.usefixtures("refused")
def test_one_that_is_unclear_holds_up_nobody(
    watched: SessionPersistence, store: BatchStore
) -> None:
    """The store is not down for others: none of them waits for it to come back."""
    for name in ("a", "b"):
        schedule(watched, name)
        assert watched.flush(name)

    assert ["a", "b"] == store.saved


def test_who_waits_for_a_save_is_told_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the error itself while it is tried again, in the end by one that is final."""
    clock = Seconds()

    def refuse(_: UserSession) -> None:
        msg = "no password"
        raise UnclearError(msg)

    persistence, session = make(save_one=refuse, clock=clock), UserSession()
    monkeypatch.setattr(persistence._writer, "wake", lambda: None)  # it might be quicker
    with pytest.raises(UnclearError, match="no password"):
        persistence.save_now(session)
    clock.time = UNCLEAR_FOR
    with pytest.raises(RejectedError, match="tried again for 300 s"):
        persistence.save_now(session)
