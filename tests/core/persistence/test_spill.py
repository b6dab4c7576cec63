# SPDX-License-Identifier: Apache-2.0
"""More than may wait is left to the journal, and comes back when there is room."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakSet

import pytest
from session_harness.stores import PATIENCE, Gate
from session_harness.writers import BatchStore, Make, schedule, unavailable

from sessionkit.errors import ConfigError, QueueFullError, UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.limits import QueueLimits
from sessionkit.session import UserSession


class Journal:
    """Keeps what sessions hold, outside of them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.kept: dict[str, dict[str, Any]] = {}
        self.revived: list[str] = []
        self.errors: list[Exception] = []

    def keep(self, session: UserSession) -> None:
        """Keep a session."""
        self.kept[session.session_id] = dict(session.inputs)

    def revive(self, session_id: str) -> UserSession | None:
        """Make a session again."""
        if self.errors:
            raise self.errors.pop()
        self.revived.append(session_id)
        inputs = self.kept.get(session_id)
        return None if inputs is None else UserSession(session_id=session_id, inputs=dict(inputs))


Limited = Callable[..., SessionPersistence]


@pytest.fixture(name="journal")
def _journal() -> Journal:
    """Return an empty journal."""
    return Journal()


@pytest.fixture(name="limited")
def _limited(make: Make, store: BatchStore, journal: Journal) -> Limited:
    """Return a function that makes persistence that spills, over a store that is down."""
    store.go_down()

    def limited(limits: dict[str, Any], **keywords: Any) -> SessionPersistence:
        defaults = {"save_many": store.save_many, "keep": journal.keep, "revive": journal.revive}
        return make(limits=QueueLimits(when_full="spill", **limits), **{**defaults, **keywords})

    return limited


@pytest.fixture(name="spilling")
def _spilling(limited: Limited) -> SessionPersistence:
    """Return persistence that leaves to the journal what is more than three sessions."""
    return limited({"max_pending": 3}, batch_size=2)


def sessions(count: int) -> list[UserSession]:
    """Return sessions."""
    return [UserSession(session_id=f"s{number}", inputs={"n": number}) for number in range(count)]


def test_what_is_too_much_is_left_to_the_journal(
    spilling: SessionPersistence, store: BatchStore, journal: Journal
) -> None:
    """Only its id is kept; when the store is back all is saved, in batches of the usual size."""
    live: WeakSet[UserSession] = WeakSet()
    for session in sessions(50):
        live.add(session)
        spilling.schedule_save(None, session)
    del session
    gc.collect()
    assert 3 == len(live)
    assert (50, 47) == (spilling.status().pending, spilling.status().spilled)
    assert spilling.is_pending("s49")
    assert not spilling.flush()
    store.errors.clear()
    assert spilling.flush()

    assert {f"s{number}": {"n": number} for number in range(50)} == store.inputs
    assert max(map(len, store.batches)) <= 2
    assert sorted(f"s{number}" for number in range(3, 50)) == sorted(journal.revived)
    assert ("saved", 0) == (spilling.status().state, spilling.status().spilled)


def test_a_session_that_still_lives_comes_back_itself(
    spilling: SessionPersistence, store: BatchStore, journal: Journal
) -> None:
    """With what changed since; scheduling it again tells the journal again."""
    waiting = sessions(5)
    for session in waiting:
        spilling.schedule_save(None, session)
    waiting[4].inputs["n"] = "newer"
    spilling.schedule_save(None, waiting[4])
    assert (5, 2) == (spilling.status().pending, spilling.status().spilled)
    assert {"n": "newer"} == journal.kept["s4"]
    store.errors.clear()
    assert spilling.flush()

    assert {"n": "newer"} == store.inputs["s4"]
    assert [] == journal.revived


def test_a_flush_of_one_that_was_let_go_of_brings_it_back(
    spilling: SessionPersistence, store: BatchStore
) -> None:
    """It is no different from the others."""
    for session in sessions(5):
        spilling.schedule_save(None, session)
    assert not spilling.flush("s4")
    store.errors.clear()
    assert spilling.flush("s4")

    assert {"n": 4} == store.inputs["s4"]


def test_a_journal_that_has_to_wait_is_asked_again(
    spilling: SessionPersistence, store: BatchStore, journal: Journal
) -> None:
    """To revive a session may need the store; an error of another kind loses that one alone."""
    journal.errors = [ValueError("damaged"), UnavailableError("down again")]
    for session in sessions(5):
        spilling.schedule_save(None, session)
    del session
    gc.collect()
    store.errors.clear()
    while spilling.status().spilled:
        spilling.flush()
    assert spilling.flush()

    assert {"s0", "s1", "s2", "s4"} == set(store.saved)


def test_what_was_let_go_of_can_be_discarded(
    spilling: SessionPersistence, store: BatchStore
) -> None:
    """As the session was ended."""
    for session in sessions(4):
        spilling.schedule_save(None, session)
    spilling.discard("s3")
    store.errors.clear()
    assert spilling.flush()

    assert {"s0", "s1", "s2"} == set(store.saved)


def test_what_was_let_go_of_and_saved_since_is_not_lost(
    limited: Limited, caplog: pytest.LogCaptureFixture
) -> None:
    """The journal has nothing of it any more, as all is stored."""
    gate = Gate()

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        gate()
        return [None] * len(sessions)

    persistence = limited(
        {"max_pending": 1},
        debounce_ms=0,
        save_many=save_many,
        save_one=lambda _: None,
        keep=lambda _: True,
        revive=lambda _: None,
    )
    persistence.schedule_save(None, UserSession())
    assert gate.reached.wait(PATIENCE)
    spilled = UserSession()
    persistence.schedule_save(None, spilled)
    persistence.save_now(spilled)
    assert 1 == persistence.status().spilled
    del spilled
    gc.collect()
    gate.opened.set()

    assert persistence.flush(timeout=PATIENCE)
    assert [] == caplog.messages


def test_growth_is_spilled_too(limited: Limited) -> None:
    """Sessions that turn out to hold more than may wait are let go of as they are tried."""
    size = 1
    persistence = limited({"max_pending_bytes": 1000}, size_of=lambda _: size)
    for session in sessions(5):
        persistence.schedule_save(None, session)
    size = 400
    assert not persistence.flush()

    assert persistence.status().pending_bytes <= 1000
    assert 5 == persistence.status().pending


# -- a journal that fails ------------------------------------------------------


def test_what_the_journal_can_not_take_is_not_let_go_of(limited: Limited) -> None:
    """A full disk: the caller is told."""

    def keep(session: UserSession) -> None:
        if session.session_id == "s1":
            raise OSError(28, "No space left on device")

    persistence = limited({"max_pending": 1}, keep=keep)
    schedule(persistence, "s0")
    with pytest.raises(QueueFullError, match="No space left"):
        schedule(persistence, "s1")

    assert 0 == persistence.status().spilled


def test_growth_that_the_journal_can_not_take_stays(limited: Limited) -> None:
    """It is over the limit, but not lost."""
    size = 1
    persistence = limited({"max_pending_bytes": 100}, size_of=lambda _: size, keep=lambda _: False)
    schedule(persistence, "s0", "s1", "s2")
    size = 80
    assert not persistence.flush(timeout=PATIENCE)

    assert (3, 0) == (persistence.status().pending, persistence.status().spilled)


def test_a_save_at_once_is_let_go_of_only_if_the_journal_has_it(limited: Limited) -> None:
    """A journal that raises has it not: the caller is told that it does not wait."""

    def keep(_: UserSession) -> bool:
        if persistence.is_pending("waits"):
            raise OSError(28, "No space left")
        return True

    persistence = limited({"max_pending": 1}, save_one=unavailable, keep=keep)
    with pytest.raises(OSError, match="No space left"):
        schedule(persistence, "waits")
    with pytest.raises(QueueFullError):
        persistence.save_now(UserSession())

    assert 0 == persistence.status().spilled


def test_spilling_needs_a_journal(limited: Limited) -> None:
    """Or it would be losing."""
    with pytest.raises(ConfigError, match="journal"):
        limited({}, keep=None)
