# SPDX-License-Identifier: Apache-2.0
"""While the store is down: one breaker for all sessions; one session's trouble is its own."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Queue, SimpleQueue

import pytest
from session_harness.replicas import Clock
from session_harness.stores import PATIENCE, Gate
from session_harness.writers import (
    BatchStore,
    Failure,
    Make,
    Saves,
    Seconds,
    in_threads,
    join,
    schedule,
    wait_until,
    waiting_threads,
)

from sessionkit.errors import UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.health import LONGEST, SHORTEST, StoreHealth
from sessionkit.session import UserSession


def test_the_pause_grows_with_each_outage_up_to_a_bound() -> None:
    """With jitter, so that replicas don't come back all at once; success resets it."""
    health = StoreHealth()
    ceilings = [min(LONGEST, SHORTEST * 2**outage) for outage in range(40)]
    pauses = [health.note(100.0, down=True) - 100 for _ in ceilings]

    assert all(
        SHORTEST - 1e-6 <= pause <= ceiling + 1e-6
        for pause, ceiling in zip(pauses, ceilings, strict=True)
    )
    assert len({round(pause, 6) for pause in pauses[10:]}) > 10
    health.note(200.0, down=False)
    assert 0.0 == health.retry_at
    assert SHORTEST == pytest.approx(health.note(300.0, down=True) - 300)


def test_what_was_unavailable_is_retried_later(
    watched: SessionPersistence,
    store: BatchStore,
    seconds: Seconds,
    wall: Clock,
    failures: Queue[Failure],
) -> None:
    """After a pause that the breaker sets, whatever the clock on the wall does; the observer hears that it will be."""
    store.go_down()
    schedule(watched, "s")
    seconds.move(watched, 0.5)
    with watched._queue.lock:
        assert watched._queue.settled.wait_for(lambda: watched.status().offline_since, PATIENCE)
    wall.advance(days=-1)
    store.errors.clear()
    seconds.move(watched, 0.5 + SHORTEST / 2)
    assert [] == store.saved
    seconds.move(watched, 0.5 + 2 * SHORTEST)
    assert watched.flush()

    assert ["s"] == store.saved
    assert [["s"], ["s"]] == store.batches
    assert ("s", "down", True) == failures.get(timeout=PATIENCE)
    assert failures.empty()


def test_while_the_store_is_down_new_sessions_wait_too(
    watched: SessionPersistence,
    store: BatchStore,
    seconds: Seconds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One breaker for all: a thousand sessions are not a thousand timeouts; a flush tries now."""
    monkeypatch.setattr("sessionkit.persistence.health.random.uniform", lambda _, most: most)
    store.go_down()
    schedule(watched, "a")
    for _ in range(6):
        assert not watched.flush()
    watched.discard("a")
    store.errors.clear()
    schedule(watched, "b")
    retry_in = watched.status().retry_in
    assert LONGEST > (retry_in or 0.0) > 1.0
    seconds.move(watched, (retry_in or 0.0) - 0.1)
    assert [] == store.saved
    assert watched.is_pending("b")
    seconds.move(watched, retry_in or 0.0)
    assert watched.flush()
    assert ["b"] == store.saved

    store.go_down()
    schedule(watched, "c")
    assert not watched.flush()
    store.errors.clear()
    assert watched.flush()
    assert ["b", "c"] == store.saved


def test_while_it_is_down_one_session_finds_out(
    watched: SessionPersistence, store: BatchStore, seconds: Seconds
) -> None:
    """A try of a hundred would wait for a hundred time-outs; then all go, in full batches."""
    store.go_down()
    schedule(watched, *(f"s{number}" for number in range(250)))
    assert not watched.flush()
    for _ in range(5):
        assert not watched.flush()
    assert [100, 1, 1, 1, 1, 1] == [len(batch) for batch in store.batches]
    assert 6 == len({one for batch in store.batches[1:] for one in batch}) + 1
    store.errors.clear()
    assert watched.flush()

    assert [1, 100, 100, 49] == [len(batch) for batch in store.batches[6:]]
    assert 250 == len(set(store.saved)) == len(store.saved)
    assert 0.0 == seconds.time


def test_a_flush_is_not_held_up_by_what_had_failed_before_it(make: Make) -> None:
    """A try that was under way when the store came back says nothing of now."""
    gate = Gate()
    outcomes = iter([UnavailableError("down"), None])

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        gate()
        return [next(outcomes)] * len(sessions)

    persistence = make(save_many=save_many)
    schedule(persistence, "s")
    persistence.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    schedule(persistence, "t")
    flushed: SimpleQueue[bool] = SimpleQueue()
    threads = in_threads(lambda: flushed.put(persistence.flush("t")))
    wait_until(lambda: waiting_threads(persistence))
    gate.opened.set()
    join(threads)

    assert flushed.get_nowait()


def test_a_success_tells_the_writer_that_the_store_is_back(
    make: Make, seconds: Seconds, saves: Saves
) -> None:
    """What waited for the end of a pause is saved at once."""
    persistence = make(save_one=lambda _: None, save_many=saves.many)
    persistence._health.note(0.0, down=True)
    persistence._health.retry_at = 1000.0
    persistence.schedule_save("waits", UserSession(session_id="waits"))
    seconds.move(persistence, 1.0)
    assert saves.done.empty()
    persistence.save_now(UserSession(session_id="s"))

    assert "waits" == saves.next()[0]


def test_a_save_that_asks_no_store_does_not_show_that_it_is_back(make: Make) -> None:
    """Reruns that change nothing would wake the writer for nothing all the time."""

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        return [UnavailableError("down") if session.inputs else None for session in sessions]

    persistence = make(save_many=save_many, stored_as=lambda one: one.save_id)
    persistence.schedule_save(None, UserSession(session_id="changed", inputs={"n": 1}))
    assert not persistence.flush()
    persistence.schedule_save(None, UserSession(session_id="unchanged"))
    assert persistence.flush("unchanged")

    assert "offline" == persistence.status().state


# -- one session's trouble is its own ------------------------------------------


def test_an_outage_is_told_once_a_session(
    watched: SessionPersistence, store: BatchStore, failures: Queue[Failure]
) -> None:
    """However often it is tried; after a success the next outage is news."""
    store.go_down()
    [session] = schedule(watched, "s")
    for _ in range(3):
        assert not watched.flush()
    assert 1 == failures.qsize()
    store.errors.clear()
    assert watched.flush()
    store.go_down()
    watched.schedule_save(None, session)
    assert not watched.flush()

    assert [("s", "down", True)] * 2 == [failures.get_nowait() for _ in range(failures.qsize())]


def test_a_part_that_is_unavailable_stops_nobody_and_pauses(
    watched: SessionPersistence, store: BatchStore, seconds: Seconds, wall: Clock
) -> None:
    """The others are saved as ever; that one is tried with growing pauses, not all the time."""
    store.errors["ill"] = UnavailableError("its shard is down")
    schedule(watched, "ill", "well")
    assert not watched.flush()
    assert ["well"] == store.saved
    for tenth in range(1, 600):
        if tenth % 10 == 0:
            schedule(watched, f"well{tenth}")
        seconds.time = tenth / 10
        with watched._queue.lock:
            watched._writer.save_due()

    assert {"well"} | {f"well{tenth}" for tenth in range(10, 590, 10)} <= set(store.saved)
    tries = sum("ill" in batch for batch in store.batches)
    assert 3 <= tries <= 30
    assert ("saving", "offline") == (watched.status().state, watched.status("ill").state)
    assert wall.time == watched.status("ill").offline_since
    assert "its shard is down" == watched.status("ill").last_error
    store.errors.clear()
    assert watched.flush()
    assert "ill" in store.saved


def test_one_that_fails_alone_turns_out_to_be_the_only_one(
    watched: SessionPersistence, store: BatchStore
) -> None:
    """Where each save is a batch of its own, one session's trouble looks like the store's, once."""
    store.errors["ill"] = UnavailableError("locked")
    schedule(watched, "ill")
    assert not watched.flush()
    assert "offline" == watched.status().state
    schedule(watched, "well")
    assert watched.flush("well")
    assert not watched.flush("ill")

    assert "saving" == watched.status().state
    assert "ill" not in store.saved
