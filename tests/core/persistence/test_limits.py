# SPDX-License-Identifier: Apache-2.0
"""How much may wait to be saved, and what is done with more: block or raise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from session_harness.servers import Server
from session_harness.stores import PATIENCE
from session_harness.writers import (
    BatchStore,
    Make,
    Saves,
    in_threads,
    join,
    schedule,
    wait_until,
    waiting_threads,
)

from sessionkit.errors import ConfigError, QueueFullError, UnavailableError
from sessionkit.events import SaveFailed
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.queue import QueueLimits
from sessionkit.session import UserSession
from sessionkit.settings.settings import PersistenceSettings

Limited = Callable[..., SessionPersistence]


@pytest.fixture(name="limited")
def _limited(make: Make, store: BatchStore) -> Limited:
    """Return a function that makes persistence with limits, over a store that is down."""
    store.go_down()

    def limited(
        size_of: Callable[[UserSession], int] | None = None, **limits: Any
    ) -> SessionPersistence:
        return make(save_many=store.save_many, size_of=size_of, limits=QueueLimits(**limits))

    return limited


def test_one_more_than_may_wait_is_refused(limited: Limited) -> None:
    """The error says how many wait, and which setting is meant; nothing of the session is queued."""
    persistence = limited(max_pending=2, when_full="raise")
    schedule(persistence, "s0", "s1")
    with pytest.raises(QueueFullError, match=r"s2 can't wait.*2 sessions.*max_pending 2"):
        schedule(persistence, "s2")

    assert not persistence.is_pending("s2")
    assert isinstance(QueueFullError(), UnavailableError)


def test_what_waits_already_is_never_refused(limited: Limited, store: BatchStore) -> None:
    """Nor what is being saved, however full it is."""
    persistence = limited(max_pending=1, when_full="raise")
    one = UserSession(session_id="s0")
    for number in range(3):
        one.inputs["n"] = number
        persistence.schedule_save(None, one)
    store.errors.clear()
    assert persistence.flush()

    assert {"s0": {"n": 2}} == store.inputs


def test_work_of_our_own_is_never_refused(limited: Limited) -> None:
    """Such as the end of an id that a session has left."""
    persistence = limited(max_pending=1, when_full="raise")
    schedule(persistence, "s0")
    persistence.schedule_save(None, UserSession(), bounded=False)

    assert 2 == persistence.status().pending


def test_bytes_are_bounded_too(limited: Limited, store: BatchStore) -> None:
    """One that is larger than all may hold waits alone, or it never could."""
    sizes = {"s0": 600, "s1": 300, "s2": 300, "large": 5000}
    persistence = limited(
        lambda one: sizes[one.session_id], max_pending_bytes=1000, when_full="raise"
    )
    schedule(persistence, "s0", "s1")
    with pytest.raises(QueueFullError, match="900 bytes"):
        schedule(persistence, "s2")
    assert 900 == persistence.status().pending_bytes
    store.errors.clear()
    assert persistence.flush()

    assert 0 == persistence.status().pending_bytes
    schedule(persistence, "large")
    with pytest.raises(QueueFullError):
        schedule(persistence, "s2")


def test_a_session_that_grew_is_weighed_again_when_it_is_tried(limited: Limited) -> None:
    """What it holds is known since then."""
    size = 100
    persistence = limited(lambda _: size)
    schedule(persistence, "s0")
    size = 700
    assert not persistence.flush()

    assert 700 == persistence.status().pending_bytes


def test_a_size_that_can_not_be_told_ends_nobody(
    make: Make, saves: Saves, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as none."""

    def size_of(_: UserSession) -> int:
        raise ValueError

    persistence = make(size_of=size_of, save_many=saves.many)
    schedule(persistence, "s")
    assert persistence.flush(timeout=PATIENCE)

    assert "s" == saves.next()[0]
    assert ["the size of session s is not known"] == caplog.messages


# -- who waits for room --------------------------------------------------------


def test_the_writer_makes_room_sooner_than_it_would(limited: Limited, store: BatchStore) -> None:
    """A full queue waits for no pause in the typing: the caller waits for room, and has it."""
    store.errors.clear()
    persistence = limited(max_pending=2, full_timeout_ms=1000 * PATIENCE)
    schedule(persistence, *(f"s{number}" for number in range(50)))

    assert len(store.saved) >= 48


def test_who_waits_for_room_in_vain_is_told(limited: Limited) -> None:
    """After its time."""
    persistence = limited(max_pending=1, full_timeout_ms=10)
    schedule(persistence, "s0")
    assert not persistence.flush()

    with pytest.raises(QueueFullError, match="s1 can't wait"):
        schedule(persistence, "s1")


def test_who_waits_for_room_with_the_sessions_lock_lets_it_go(make: Make) -> None:
    """The writer may need it."""
    one, two = UserSession(session_id="s0"), UserSession(session_id="s1")
    seen = []

    def encode(batch: Sequence[UserSession]) -> list[Exception | None]:
        with two.lock:
            seen.append(batch[0].session_id)
        return [None]

    limits = QueueLimits(max_pending=1, full_timeout_ms=1000 * PATIENCE)
    persistence = make(save_many=encode, limits=limits)
    persistence.schedule_save(None, one)
    with two.lock:
        persistence.schedule_save(None, two)

    assert "s0" == seen[0]


def test_who_saves_never_waits_for_room(limited: Limited, store: BatchStore) -> None:
    """It would wait for itself."""
    persistence = limited(max_pending=1, full_timeout_ms=10_000_000)
    refused = []

    def save(_: UserSession) -> None:
        try:
            schedule(persistence, "s1")
        except QueueFullError as error:
            refused.append(error)

    persistence.schedule_save(None, UserSession(), save)
    assert persistence.flush()

    assert 1 == len(refused)
    assert [] == store.batches


def test_a_close_wakes_who_waits_for_room(
    limited: Limited, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told that nothing is taken any more."""
    persistence = limited(max_pending=1, full_timeout_ms=10_000_000)
    schedule(persistence, "s0")
    ended = []

    def wait() -> None:
        try:
            schedule(persistence, "s1")
        except Exception as error:  # noqa: BLE001 - looked at below
            ended.append(str(error))

    with persistence._queue.lock:
        threads = in_threads(wait)
        # Whoever waits for room notices the end without any other save.
        persistence._health.retry_at = 1e9
    wait_until(lambda: waiting_threads(persistence))
    monkeypatch.setattr(persistence._queue, "hurry", lambda _: [])
    persistence.close()
    join(threads)

    assert ["session 's1' is scheduled after close(): it would be lost"] == ended


@pytest.mark.parametrize(
    "wrong", [{"max_pending": 0}, {"max_pending_bytes": 0}, {"full_timeout_ms": -1}]
)
def test_wrong_limits_are_refused(wrong: dict[str, int]) -> None:
    """Each says what is right."""
    with pytest.raises(ConfigError, match="1 or more"):
        QueueLimits(**wrong)  # type: ignore[arg-type]
    for word in ("drop", "spill"):
        with pytest.raises(ConfigError, match=f"'block', 'raise', not '{word}'"):
            QueueLimits(when_full=word)


def test_a_manager_tells_hosts_by_an_event_and_the_app_by_an_error(
    open_server: Callable[..., Server],
) -> None:
    """A page is not ended by what its host does in the background; who asks for a save is told."""
    limits = PersistenceSettings(
        debounce_ms=2**31 - 1, max_wait_ms=2**31 - 1, max_pending=1, when_full="raise"
    )
    server = open_server(persistence=limits)
    server.store.down = True
    server.tab().run()
    session = server.tab().run()
    server.manager.schedule_save(session)

    # A full queue hurries what waits, so the other session may be told of, too.
    told = [one for one in server.told(SaveFailed) if one.session_id == session.session_id]
    assert [False, False] == [one.retrying for one in told]
    assert "can't wait to be saved" in told[0].error
    with pytest.raises(QueueFullError):
        server.manager.save(session)
    with pytest.raises(QueueFullError):
        server.manager.persist_input("key", 1)
    assert {"key": 1} == session.inputs
