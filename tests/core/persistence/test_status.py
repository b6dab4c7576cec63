# SPDX-License-Identifier: Apache-2.0
"""How saves stand, what is kept of refused ones, and that one session's trouble is its own."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from queue import Queue, SimpleQueue
from threading import Event, Thread

import pytest
from session_harness.servers import Server
from session_harness.stores import PATIENCE, REJECTED, Gate
from session_harness.writers import Failure, Saves, Seconds, observed

from sessionkit.errors import (
    PartlySavedError,
    RejectedError,
    SessionGoneError,
    UnavailableError,
)
from sessionkit.events import SaveFailed
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.health import LONGEST, SHORTEST
from sessionkit.persistence.refusals import MOST_REJECTED, IncompleteSaves, RejectedSaves
from sessionkit.session import UserSession
from sessionkit.session.session import NotKept
from sessionkit.status import PersistenceStatus

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Store:
    """A store that says of each session what is asked of it."""

    def __init__(self) -> None:
        """Begin with a store that takes all."""
        self.errors: dict[str, Exception] = {}
        self.saved: list[str] = []
        self.batches: list[list[str]] = []

    def save_many(self, sessions: Sequence[UserSession]) -> list[Exception | None]:
        """Save a batch."""
        ids = [session.session_id for session in sessions]
        self.batches.append(ids)
        outcomes = [self.errors.get(one, self.errors.get("all")) for one in ids]
        self.saved += [one for one, error in zip(ids, outcomes, strict=True) if error is None]
        return outcomes


class Wall:
    """A clock on the wall, which people set."""

    def __init__(self) -> None:
        """Begin at noon."""
        self.time = NOON

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time


@pytest.fixture(name="store")
def _store() -> Store:
    """Return a store."""
    return Store()


@pytest.fixture(name="failures")
def _failures() -> Queue[Failure]:
    """Return what the observer was told."""
    return Queue()


@pytest.fixture(name="wall")
def _wall() -> Wall:
    """Return a clock on the wall."""
    return Wall()


@pytest.fixture(name="watched")
def _watched(
    store: Store, failures: Queue[Failure], seconds: Seconds, wall: Wall
) -> Iterator[SessionPersistence]:
    """Return persistence over the store."""
    persistence = observed(
        failures, seconds, save_many=store.save_many, now=wall, size_of=lambda _: 10
    )
    yield persistence
    persistence.close(timeout=0)


def schedule(persistence: SessionPersistence, *ids: str) -> list[UserSession]:
    """Schedule sessions of these ids."""
    sessions = [UserSession(session_id=one) for one in ids]
    for session in sessions:
        persistence.schedule_save(None, session)
    return sessions


def told(failures: Queue[Failure]) -> list[Failure]:
    """Return what the observer was told since the last time."""
    return [failures.get_nowait() for _ in range(failures.qsize())]


# -- what is told --------------------------------------------------------------


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


def test_what_is_being_saved_counts_as_waiting(seconds: Seconds) -> None:
    """Until it is stored; what came meanwhile is younger."""
    gate = Gate()
    persistence = SessionPersistence(clock=seconds)
    session = UserSession(session_id="s")
    persistence.schedule_save("s", session, gate)
    persistence.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    seconds.time = 2.0
    persistence.schedule_save("s", session, gate)
    status = persistence.status()
    gate.opened.set()

    assert ("saving", 1, 2.0) == (status.state, status.pending, status.oldest_age)
    assert persistence.flush()


def test_a_store_that_is_down(
    watched: SessionPersistence, store: Store, seconds: Seconds, wall: Wall
) -> None:
    """Since when, what it said, and when it is tried again."""
    store.errors["all"] = UnavailableError("no route to host")
    schedule(watched, "a", "b")
    seconds.time = 1.0
    assert not watched.flush()
    wall.time += timedelta(minutes=1)
    seconds.time = 2.0
    assert not watched.flush()

    status = watched.status()
    assert ("offline", 2, "no route to host") == (status.state, status.pending, status.last_error)
    assert NOON == status.offline_since
    assert 0.0 <= (status.retry_in or -1) <= LONGEST
    assert 2.0 == status.oldest_age
    assert "offline" == watched.status("a").state
    store.errors.clear()
    assert watched.flush()
    assert PersistenceStatus(state="saved") == watched.status()


def test_a_change_is_as_old_as_its_first_try(seconds: Seconds) -> None:
    """A failed save makes nothing younger, though the session was scheduled again meanwhile."""
    gate = Gate()

    def down(_: UserSession) -> None:
        gate()
        msg = "down"
        raise UnavailableError(msg)

    persistence = SessionPersistence(clock=seconds, on_failure=lambda *_: None)
    session = UserSession(session_id="s")
    persistence.schedule_save("s", session, down)
    persistence.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    seconds.time = 2.0
    persistence.schedule_save("s", session, down)
    gate.opened.set()
    assert not persistence.flush()
    seconds.time = 3.0

    assert 3.0 == persistence.status().oldest_age
    persistence.discard("s")


def test_a_flush_is_not_held_up_by_what_had_failed_before_it(seconds: Seconds) -> None:
    """A try that was under way when the store came back says nothing of now."""
    gate = Gate()
    outcomes = iter([UnavailableError("down"), None])

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        gate()
        return [next(outcomes)] * len(sessions)

    persistence = SessionPersistence(save_many=save_many, clock=seconds, on_failure=lambda *_: None)
    schedule(persistence, "s")
    persistence.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    schedule(persistence, "t")
    flushed: SimpleQueue[bool] = SimpleQueue()
    thread = Thread(target=lambda: flushed.put(persistence.flush("t")))
    thread.start()
    while not len(persistence._settled):
        thread.join(0.01)
    gate.opened.set()
    thread.join(PATIENCE)

    assert flushed.get_nowait()
    persistence.discard("s")


def test_it_waits_for_nobody(watched: SessionPersistence) -> None:
    """Not even for who has the queue's lock: a page may ask once a second."""
    schedule(watched, "a")
    found: SimpleQueue[PersistenceStatus] = SimpleQueue()
    with watched._lock:
        thread = Thread(target=lambda: found.put(watched.status()))
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()

    assert 1 == found.get_nowait().pending


# -- what was refused ----------------------------------------------------------


def test_a_refused_save_is_kept_and_told_once(
    watched: SessionPersistence, store: Store, failures: Queue[Failure], wall: Wall
) -> None:
    """With its reason, for its owner to export; a change of the numbers in it is no other reason."""
    store.errors["s"] = RejectedError("the session has 2000 bytes")
    [session] = schedule(watched, "s")
    session.inputs["draft"] = "kept"
    for size in (2000, 2001, 2002):
        store.errors["s"] = RejectedError(f"the session has {size} bytes")
        watched.schedule_save(None, session)
        assert not watched.flush()
        wall.time += timedelta(hours=1)

    status = watched.status()
    assert ("rejected", 0) == (status.state, status.pending)
    [rejected] = status.rejected
    assert (session, NOON) == (rejected.session, rejected.since)
    assert "the session has 2000 bytes" == rejected.error == status.last_error
    assert "kept" in json.dumps(json.loads(rejected.session.to_json()))
    assert [("s", "the session has 2000 bytes", False)] == told(failures)
    assert ("saved", "rejected") == (watched.status("t").state, watched.status("s").state)


def test_another_reason_is_told(
    watched: SessionPersistence, store: Store, failures: Queue[Failure]
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
    watched: SessionPersistence, store: Store, failures: Queue[Failure]
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


def test_what_is_discarded_is_no_longer_refused(watched: SessionPersistence, store: Store) -> None:
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
        assert rejections.note(session, RejectedError("no"), NOON)

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


# -- one session's trouble is its own ------------------------------------------


def test_an_outage_is_told_once_a_session(
    watched: SessionPersistence, store: Store, failures: Queue[Failure]
) -> None:
    """However often it is tried; after a success the next outage is news."""
    store.errors["all"] = UnavailableError("down")
    [session] = schedule(watched, "s")
    for _ in range(3):
        assert not watched.flush()
    assert [("s", "down", True)] == told(failures)
    store.errors.clear()
    assert watched.flush()
    store.errors["all"] = UnavailableError("down")
    watched.schedule_save(None, session)
    assert not watched.flush()

    assert [("s", "down", True)] == told(failures)


def test_a_part_that_is_unavailable_stops_nobody_and_pauses(
    watched: SessionPersistence, store: Store, seconds: Seconds
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
        with watched._lock:
            watched._save_due()

    assert {"well"} | {f"well{tenth}" for tenth in range(10, 590, 10)} <= set(store.saved)
    tries = sum("ill" in batch for batch in store.batches)
    assert 3 <= tries <= 30
    assert not watched._breaker.is_failing
    assert ("saving", "offline") == (watched.status().state, watched.status("ill").state)
    assert NOON == watched.status("ill").offline_since
    assert "its shard is down" == watched.status("ill").last_error
    store.errors.clear()
    assert watched.flush()
    assert "ill" in store.saved


def test_one_that_fails_alone_turns_out_to_be_the_only_one(
    watched: SessionPersistence, store: Store, seconds: Seconds
) -> None:
    """Where each save is a batch of its own, one session's trouble looks like the store's, once."""
    store.errors["ill"] = UnavailableError("locked")
    schedule(watched, "ill")
    assert not watched.flush()
    assert watched._breaker.is_failing
    schedule(watched, "well")
    assert watched.flush("well")
    assert not watched.flush("ill")

    assert not watched._breaker.is_failing
    assert "ill" not in store.saved
    seconds.time += LONGEST


def test_while_it_is_down_one_session_finds_out(
    watched: SessionPersistence, store: Store, seconds: Seconds
) -> None:
    """A try of a hundred would wait for a hundred time-outs; then all go, in full batches."""
    store.errors["all"] = UnavailableError("down")
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


def test_a_save_that_asks_no_store_does_not_show_that_it_is_back(seconds: Seconds) -> None:
    """Reruns that change nothing would wake the writer for nothing all the time."""

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        return [UnavailableError("down") if session.inputs else None for session in sessions]

    persistence = SessionPersistence(
        save_many=save_many, clock=seconds, stored_as=lambda one: one.save_id
    )
    persistence.schedule_save(None, UserSession(session_id="changed", inputs={"n": 1}))
    assert not persistence.flush()
    persistence.schedule_save(None, UserSession(session_id="unchanged"))
    assert persistence.flush("unchanged")

    assert persistence._breaker.is_failing
    persistence.discard("changed")


# -- clocks and threads --------------------------------------------------------


def test_a_wall_clock_that_jumps_decides_nothing(
    watched: SessionPersistence, store: Store, seconds: Seconds, wall: Wall
) -> None:
    """Back by a day in the midst of an outage: it is tried again as soon as ever."""
    store.errors["all"] = UnavailableError("down")
    schedule(watched, "s")
    seconds.move(watched, 0.5)
    with watched._lock:
        assert watched._settled.wait_for(lambda: watched._breaker.is_failing, PATIENCE)
    wall.time -= timedelta(days=1)
    store.errors.clear()
    seconds.move(watched, 0.5 + 2 * SHORTEST)
    assert watched.flush()

    assert ["s"] == store.saved


def test_a_writer_that_dies_is_replaced(
    store: Store, saves: Saves, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    """What it was about to save is not stuck: the next one saves it, after a pause."""
    deaths = iter([SystemExit("a plugin's own"), None])

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        death = next(deaths)
        if death is not None:
            raise death
        return saves.many(sessions)

    persistence = SessionPersistence(save_many=save_many, clock=seconds)
    schedule(persistence, "s")
    first = persistence._thread
    assert first is not None
    seconds.move(persistence, 0.5)  # no flush: one that came after the death would end the pause
    first.join(PATIENCE)
    assert not first.is_alive()
    assert persistence._thread not in {None, first}
    assert persistence.is_pending("s")
    assert persistence.flush()

    assert "s" == saves.done.get_nowait()[0]
    assert ["the writer died; another one takes its place"] == caplog.messages
    assert [] == store.batches


def test_a_writer_that_died_unseen_is_replaced(
    seconds: Seconds, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it could not clean up: at the next schedule or flush."""
    persistence = SessionPersistence(save_many=saves.many, clock=seconds)
    with monkeypatch.context() as patch:
        patch.setattr(persistence, "_run", lambda: None)
        schedule(persistence, "s")
        dead = persistence._thread
        assert dead is not None
        dead.join(PATIENCE)
    with persistence._lock:  # as if it had died in the midst of a save
        seconds.time = 0.5
        [slot] = persistence._queue.take(0.5, 1, dead.ident or 0)
    assert slot.in_flight
    persistence.flush(timeout=0)
    seconds.time = 1.0
    assert persistence.flush()

    assert "s" == saves.done.get_nowait()[0]


def test_before_a_fork_no_save_begins(seconds: Seconds, saves: Saves) -> None:
    """Those in flight are waited for; what becomes due meanwhile is saved afterwards."""
    gate = Gate()
    persistence = SessionPersistence(0, 0, save_one=gate, save_many=saves.many, clock=seconds)
    saving = Thread(target=persistence.save_now, args=(UserSession(session_id="s"),))
    saving.start()
    assert gate.reached.wait(PATIENCE)
    at_rest, go_on = Gate(), Event()

    def fork() -> None:
        persistence.before_fork()
        at_rest.reached.set()
        assert go_on.wait(PATIENCE)
        persistence.after_fork_in_parent()

    forking = Thread(target=fork)
    forking.start()
    while not persistence._resting:
        forking.join(0.01)
    schedule(persistence, "due")
    persistence.flush(timeout=0)
    forking.join(0.1)
    begun = saves.done.qsize()
    gate.opened.set()
    assert at_rest.reached.wait(PATIENCE)
    go_on.set()
    for thread in (saving, forking):
        thread.join(PATIENCE)

    assert 0 == begun
    assert "due" == saves.next()[0]
