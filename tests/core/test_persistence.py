# SPDX-License-Identifier: Apache-2.0
"""Write-behind: coalesced, one save of a session at a time, flushed, tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from queue import Queue
from threading import Event, Thread, get_ident
from typing import Any

import pytest
from session_harness.replicas import Replica
from session_harness.stores import PATIENCE

from sessionkit.breaker import LONGEST, SHORTEST, Breaker
from sessionkit.errors import ConfigError, SessionKitError, UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.session import UserSession


class Seconds:
    """A clock that the test moves, and that knows when the writer looked at it."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.time = 0.0
        self.looked = Event()
        self._test = get_ident()

    def __call__(self) -> float:
        """Return the time."""
        if get_ident() != self._test:
            self.looked.set()
        return self.time

    def move(self, persistence: SessionPersistence, seconds: float) -> None:
        """Move to a time, and wait until the writer has seen it and gone back to sleep or to work."""
        with persistence._changed:
            self.time = seconds
            self.looked.clear()
            persistence._changed.notify_all()
        assert self.looked.wait(PATIENCE)
        with persistence._changed:
            pass  # the writer holds it from looking until it waits


class Saves:
    """Save functions that note what they were given."""

    def __init__(self) -> None:
        """Begin with nothing saved."""
        self.done: Queue[tuple[str, dict[str, Any]]] = Queue()

    def __call__(self, session: UserSession) -> None:
        """Save one."""
        self.done.put((session.session_id, dict(session.inputs)))

    def many(self, sessions: Sequence[UserSession]) -> list[Exception | None]:
        """Save many."""
        for session in sessions:
            self(session)
        return [None] * len(sessions)

    def next(self) -> tuple[str, dict[str, Any]]:
        """Wait for the next save."""
        return self.done.get(timeout=PATIENCE)


@pytest.fixture(name="seconds")
def _seconds() -> Seconds:
    return Seconds()


@pytest.fixture(name="saves")
def _saves() -> Saves:
    return Saves()


@pytest.fixture(name="persistence")
def _persistence(seconds: Seconds, saves: Saves) -> SessionPersistence:
    return SessionPersistence(save_many=saves.many, clock=seconds)


def test_ten_schedules_make_one_save_with_the_latest_state(
    persistence: SessionPersistence, seconds: Seconds, saves: Saves
) -> None:
    """The window coalesces them."""
    session = UserSession(session_id="s")
    for number in range(10):
        session.inputs["number"] = number
        persistence.schedule_save("s", session, saves)
    seconds.move(persistence, 0.5)

    assert ("s", {"number": 9}) == saves.next()
    assert persistence.flush()
    assert saves.done.empty()
    assert not persistence.is_pending("s")


def test_it_waits_for_a_pause(
    persistence: SessionPersistence, seconds: Seconds, saves: Saves
) -> None:
    """A session that still changes is passed over when another one's window is over."""
    busy, calm = UserSession(session_id="busy"), UserSession(session_id="calm")
    persistence.schedule_save("busy", busy, saves)
    persistence.schedule_save("calm", calm, saves)
    seconds.move(persistence, 0.4)
    persistence.schedule_save("busy", busy, saves)
    seconds.move(persistence, 0.6)
    assert "calm" == saves.next()[0]
    assert persistence.is_pending("busy")

    seconds.move(persistence, 0.9)
    assert "busy" == saves.next()[0]


def test_it_does_not_wait_for_ever_for_a_pause(
    persistence: SessionPersistence, seconds: Seconds, saves: Saves
) -> None:
    """max_wait_ms after the first change it saves."""
    session = UserSession(session_id="s")
    for tenth in range(50):
        seconds.time = tenth / 10
        persistence.schedule_save("s", session, saves)
    seconds.move(persistence, 4.9)
    assert saves.done.empty()

    seconds.move(persistence, 5.0)
    assert "s" == saves.next()[0]


def test_sessions_without_a_function_are_saved_in_batches(seconds: Seconds) -> None:
    """No larger than batch_size."""
    batches: list[int] = []

    def save_many(sessions: Sequence[UserSession]) -> list[None]:
        batches.append(len(sessions))
        return [None] * len(sessions)

    persistence = SessionPersistence(save_many=save_many, batch_size=2, clock=seconds)
    for name in "abcde":
        persistence.schedule_save(name, UserSession(session_id=name))
    assert persistence.flush()

    assert 5 == sum(batches)
    assert max(batches) <= 2


def test_another_object_under_a_queued_id_is_saved_too(
    persistence: SessionPersistence, saves: Saves
) -> None:
    """Neither takes the place of the other."""
    for name in ("one", "two"):
        session = UserSession(session_id="s", inputs={name: 1})
        persistence.schedule_save("s", session, saves if name == "one" else None)
    assert persistence.flush("s")

    assert {"one", "two"} == {next(iter(saves.next()[1])) for _ in range(2)}


def test_there_are_never_two_saves_of_a_session_in_flight(persistence: SessionPersistence) -> None:
    """What changes during a save is saved afterwards, as it is then."""
    session = UserSession(session_id="s", inputs={"n": 1})
    started, go_on = Event(), Event()
    flying, most, seen = 0, 0, []

    def slow(one: UserSession) -> None:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        seen.append(one.inputs["n"])
        started.set()
        assert go_on.wait(PATIENCE)
        flying -= 1

    persistence.schedule_save("s", session, slow)
    assert not persistence.flush(timeout=0)
    assert started.wait(PATIENCE)
    session.inputs["n"] = 2
    persistence.schedule_save("s", session, slow)
    assert not persistence.flush(timeout=0)
    assert persistence.is_pending("s")
    go_on.set()
    assert persistence.flush()

    assert ([1, 2], 1) == (seen, most)


# -- flush ---------------------------------------------------------------------


def test_flush_saves_now(persistence: SessionPersistence, saves: Saves) -> None:
    """And says whether nothing is left."""
    persistence.schedule_save("s", UserSession(session_id="s"))

    assert persistence.flush()
    assert "s" == saves.done.get_nowait()[0]


def test_flush_of_one_session_leaves_the_others(
    persistence: SessionPersistence, saves: Saves
) -> None:
    """They wait for their pause."""
    for name in "ab":
        persistence.schedule_save(name, UserSession(session_id=name))

    assert persistence.flush("b")
    assert (False, True) == (persistence.is_pending("b"), persistence.is_pending("a"))
    assert ("b", {}) == saves.done.get_nowait()
    assert persistence.flush()


def test_flush_of_nothing_is_done(persistence: SessionPersistence) -> None:
    """No thread is started for it."""
    assert persistence.flush()
    assert persistence.flush("unknown", timeout=0)
    assert persistence._thread is None


def test_flush_with_a_timeout_of_zero_only_signals(persistence: SessionPersistence) -> None:
    """It returns while the save hangs; the save goes on by itself."""
    started, go_on, saved = Event(), Event(), Event()

    def slow(_: UserSession) -> None:
        started.set()
        assert go_on.wait(PATIENCE)
        saved.set()

    persistence.schedule_save("s", UserSession(session_id="s"), slow)
    assert not persistence.flush(timeout=0)
    assert started.wait(PATIENCE)
    assert not persistence.flush(timeout=0)
    assert not saved.is_set()
    go_on.set()

    assert saved.wait(PATIENCE)
    assert persistence.flush()


def test_flush_gives_up_waiting_after_its_timeout(persistence: SessionPersistence) -> None:
    """It says that something is left."""
    go_on = Event()
    persistence.schedule_save("s", UserSession(session_id="s"), lambda _: go_on.wait(PATIENCE))

    assert not persistence.flush(timeout=0.01)
    go_on.set()
    assert persistence.flush()


def test_flush_waits_for_what_was_scheduled_during_a_save(
    persistence: SessionPersistence, saves: Saves
) -> None:
    """Not only for the save in flight."""
    session = UserSession(session_id="s")
    started, go_on = Event(), Event()

    def slow(_: UserSession) -> None:
        started.set()
        assert go_on.wait(PATIENCE)

    persistence.schedule_save("s", session, slow)
    persistence.flush(timeout=0)
    assert started.wait(PATIENCE)
    session.inputs["late"] = 1
    persistence.schedule_save("s", session, saves)
    opener = Thread(target=go_on.set)
    opener.start()
    assert persistence.flush()
    opener.join()

    assert ("s", {"late": 1}) == saves.done.get_nowait()


def test_flush_returns_when_each_was_tried(persistence: SessionPersistence) -> None:
    """One that fails doesn't hold it up; it says that something went wrong."""

    def fail(_: UserSession) -> None:
        msg = "no"
        raise UnavailableError(msg)

    persistence.schedule_save("s", UserSession(session_id="s"), fail)

    assert not persistence.flush()
    assert persistence.is_pending("s")


def test_discard_forgets(persistence: SessionPersistence, saves: Saves) -> None:
    """What was ended is not saved."""
    persistence.schedule_save("s", UserSession(session_id="s"))
    persistence.discard("s")

    assert persistence.flush()
    assert saves.done.empty()


# -- close ---------------------------------------------------------------------


def test_close_saves_what_waits_and_takes_nothing_more(
    persistence: SessionPersistence, saves: Saves
) -> None:
    """Closing twice is fine; what comes later is refused, not lost in silence."""
    persistence.schedule_save("s", UserSession(session_id="s"))

    assert persistence.close()
    assert "s" == saves.done.get_nowait()[0]
    assert persistence.close()
    with pytest.raises(SessionKitError, match=r"after close\(\)"):
        persistence.schedule_save("late", UserSession(session_id="late"))


def test_close_logs_what_could_not_be_saved(
    persistence: SessionPersistence, caplog: pytest.LogCaptureFixture
) -> None:
    """In short form: ids are secrets in full."""

    def fail(_: UserSession) -> None:
        msg = "down"
        raise UnavailableError(msg)

    session = UserSession(session_id="a-long-session-id")
    persistence.schedule_save(session.session_id, session, fail)

    assert not persistence.close()
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert ["closed with unsaved changes of sessions a-long-s"] == said


# -- failures ------------------------------------------------------------------


Failure = tuple[str, str, bool]


def observed(
    failures: list[Failure], seconds: Callable[[], float], **keywords: Any
) -> SessionPersistence:
    """Return a queue whose failures are noted."""

    def note(session: UserSession, error: Exception, retrying: bool) -> None:  # noqa: FBT001 - FailureObserver
        failures.append((session.session_id, str(error), retrying))

    return SessionPersistence(on_failure=note, clock=seconds, **keywords)


def test_a_failing_save_function_is_reported_and_not_repeated(
    seconds: Seconds, saves: Saves
) -> None:
    """It is the app's own bug; the writer goes on with the others."""
    failures: list[Failure] = []
    persistence = observed(failures, seconds)

    def fail(_: UserSession) -> None:
        msg = "a bug"
        raise ValueError(msg)

    persistence.schedule_save("bad", UserSession(session_id="bad"), fail)
    persistence.schedule_save("good", UserSession(session_id="good"), saves)
    assert not persistence.flush()

    assert "good" == saves.next()[0]
    assert not persistence.is_pending("bad")
    assert persistence.flush()
    persistence.close()
    assert [("bad", "a bug", False)] == failures


def test_what_was_unavailable_is_tried_again_later(seconds: Seconds, saves: Saves) -> None:
    """After a pause that the breaker sets; the observer hears that it will be."""
    failures: list[Failure] = []
    persistence = observed(failures, seconds)
    outcomes = iter([UnavailableError("down"), None])

    def save(session: UserSession) -> None:
        if (error := next(outcomes)) is not None:
            raise error
        saves(session)

    persistence.schedule_save("s", UserSession(session_id="s"), save)
    seconds.move(persistence, 0.5)
    with persistence._changed:
        assert persistence._changed.wait_for(lambda: persistence._breaker.retry_at, PATIENCE)
    seconds.move(persistence, 0.5 + SHORTEST / 2)
    assert saves.done.empty()
    seconds.move(persistence, 0.5 + LONGEST)

    assert "s" == saves.next()[0]
    assert persistence.flush()
    persistence.close()
    assert [("s", "down", True)] == failures


def test_while_the_store_is_down_new_sessions_wait_too(seconds: Seconds, saves: Saves) -> None:
    """One breaker for all: a thousand sessions are not a thousand timeouts."""
    persistence = observed([], seconds)
    down = True

    def save(session: UserSession) -> None:
        saves(session)
        if down:
            msg = "down"
            raise UnavailableError(msg)

    persistence.schedule_save("a", UserSession(session_id="a"), save)
    assert not persistence.flush()
    retry_at = persistence._breaker.retry_at
    persistence.schedule_save("b", UserSession(session_id="b"), save)
    assert retry_at >= SHORTEST
    seconds.move(persistence, SHORTEST / 2)
    assert "a" == saves.next()[0]
    assert saves.done.empty()
    down = False

    assert persistence.flush()
    assert {"a", "b"} == {saves.next()[0], saves.next()[0]}


def test_the_pause_grows_with_each_outage_up_to_a_bound() -> None:
    """With jitter, so that replicas don't come back all at once; success resets it."""
    breaker = Breaker()
    ceilings = [min(LONGEST, SHORTEST * 2**outage) for outage in range(40)]
    pauses = [breaker.note(100.0, down=True) - 100 for _ in ceilings]

    assert all(
        SHORTEST - 1e-6 <= pause <= ceiling + 1e-6
        for pause, ceiling in zip(pauses, ceilings, strict=True)
    )
    assert len({round(pause, 6) for pause in pauses[10:]}) > 10
    breaker.note(200.0, down=False)
    assert 0.0 == breaker.retry_at
    assert SHORTEST == pytest.approx(breaker.note(300.0, down=True) - 300)


def test_a_failing_batch_fails_its_sessions_only(seconds: Seconds, saves: Saves) -> None:
    """A plugin's bug doesn't end the writer."""
    failures: list[Failure] = []

    def broken(_: Sequence[UserSession]) -> list[Exception | None]:
        raise ZeroDivisionError

    persistence = observed(failures, seconds, save_many=broken)
    persistence.schedule_save("a", UserSession(session_id="a"))
    persistence.schedule_save("b", UserSession(session_id="b"), saves)
    assert not persistence.flush()

    assert "b" == saves.next()[0]
    persistence.close()
    assert [("a", "", False)] == failures


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_batch_without_an_outcome_for_each_does_not_end_the_writer(seconds: Seconds) -> None:
    """Its sessions have failed; the queue doesn't hang."""
    failures: list[Failure] = []
    persistence = observed(failures, seconds, save_many=lambda _: [])
    persistence.schedule_save("s", UserSession(session_id="s"))
    persistence.flush(timeout=2)

    assert not persistence.is_pending("s")
    persistence.close(timeout=0)
    assert ["s"] == [name for name, _, _ in failures]


def test_an_observer_that_fails_is_logged(
    seconds: Seconds, saves: Saves, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer goes on."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    persistence = SessionPersistence(on_failure=broken, clock=seconds)

    def fail(_: UserSession) -> None:
        raise KeyError

    persistence.schedule_save("a", UserSession(session_id="a"), fail)
    persistence.flush()
    persistence.schedule_save("b", UserSession(session_id="b"), saves)
    assert persistence.flush()

    assert "b" == saves.next()[0]
    assert ["the observer of failed saves failed itself"] == [r.message for r in caplog.records]


def test_the_default_observer_logs(
    persistence: SessionPersistence, caplog: pytest.LogCaptureFixture
) -> None:
    """What was not saved and why, and whether it is tried again."""

    def fail(_: UserSession) -> None:
        msg = "no rights"
        raise PermissionError(msg)

    persistence.schedule_save("s", UserSession(session_id="s"), fail)
    persistence.close()

    assert ["session s was not saved (this state is not stored): no rights"] == [
        record.getMessage() for record in caplog.records
    ]


# -- the thread, and wrong use -------------------------------------------------


def test_the_thread_ends_when_there_is_nothing_to_do(
    persistence: SessionPersistence,
    seconds: Seconds,
    saves: Saves,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next session starts another one."""
    monkeypatch.setattr("sessionkit.persistence._LINGER", 0.0)
    for now in (1.0, 2.0):
        persistence.schedule_save("s", UserSession(session_id="s"))
        thread = persistence._thread
        assert thread is not None
        seconds.move(persistence, now)
        assert "s" == saves.next()[0]
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_without_a_thread_a_flush_saves_by_itself(
    persistence: SessionPersistence, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the interpreter shuts down no thread can be started."""

    def refuse(_: Thread) -> None:
        msg = "can't create new thread at interpreter shutdown"
        raise RuntimeError(msg)

    monkeypatch.setattr(Thread, "start", refuse)
    persistence.schedule_save("s", UserSession(session_id="s"))

    assert persistence.flush()
    assert "s" == saves.done.get_nowait()[0]


@pytest.mark.parametrize("wrong", [{"debounce_ms": -1}, {"max_wait_ms": -1}, {"batch_size": 0}])
def test_wrong_numbers_are_refused(wrong: dict[str, int]) -> None:
    """Before anything is queued."""
    with pytest.raises(ConfigError, match="0 or more"):
        SessionPersistence(**wrong)  # type: ignore[arg-type]


def test_a_wrong_id_is_refused(persistence: SessionPersistence) -> None:
    """It would be saved under another id than it is flushed by."""
    with pytest.raises(ConfigError, match=r"'other'.*'s'"):
        persistence.schedule_save("other", UserSession(session_id="s"))


def test_nothing_to_save_with_is_refused() -> None:
    """At once, not on the writer's thread."""
    with pytest.raises(ConfigError, match="save_fn"):
        SessionPersistence().schedule_save("s", UserSession(session_id="s"))


def test_a_repository_saves_what_is_queued(seconds: Seconds, replica: Replica) -> None:
    """The pieces fit: a batch is one call of its save_many."""
    persistence = SessionPersistence(save_many=replica.repository.save_many, clock=seconds)
    for name in "ab":
        persistence.schedule_save(name, UserSession(session_id=name, inputs={"name": name}))
    assert persistence.close()

    assert {"name": "a"} == replica.load("a").inputs
