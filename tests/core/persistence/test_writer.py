# SPDX-License-Identifier: Apache-2.0
"""The writer's thread, and what becomes of saves that fail."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Queue
from threading import Thread

import pytest
from session_harness.stores import PATIENCE
from session_harness.writers import Failure, Make, Saves, Seconds, schedule, wait_until

from sessionkit.persistence import SessionPersistence
from sessionkit.session import UserSession


def test_a_failing_save_function_is_reported_and_not_repeated(
    make: Make, saves: Saves, failures: Queue[Failure]
) -> None:
    """It is the app's own bug; the writer goes on with the others."""
    persistence = make()

    def fail(_: UserSession) -> None:
        msg = "a bug"
        raise ValueError(msg)

    persistence.schedule_save("bad", UserSession(session_id="bad"), fail)
    persistence.schedule_save("good", UserSession(session_id="good"), saves)
    assert not persistence.flush()

    assert "good" == saves.next()[0]
    assert not persistence.is_pending("bad")
    assert persistence.flush()
    assert ("bad", "a bug", False) == failures.get(timeout=PATIENCE)
    assert failures.empty()


def test_one_session_that_breaks_a_batch_is_the_only_one_to_fail(
    make: Make, failures: Queue[Failure]
) -> None:
    """Where the batch fails as a whole each is tried by itself: the others are not to blame."""
    saved: list[str] = []

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        ids = [session.session_id for session in sessions]
        if "bad" in ids:
            msg = "a bug"
            raise ValueError(msg)
        saved.extend(ids)
        return [None] * len(ids)

    persistence = make(save_many=save_many)
    schedule(persistence, "a", "bad", "b")
    assert not persistence.flush()

    assert ["a", "b"] == sorted(saved)
    assert ("bad", "a bug", False) == failures.get(timeout=PATIENCE)
    assert failures.empty()
    assert ["bad"] == [one.session.session_id for one in persistence.status().rejected]


def test_a_batch_without_an_outcome_for_each_does_not_end_the_writer(
    make: Make, failures: Queue[Failure]
) -> None:
    """Its sessions have failed; the queue doesn't hang."""
    persistence = make(save_many=lambda _: [])
    schedule(persistence, "s")
    persistence.flush(timeout=2)

    assert not persistence.is_pending("s")
    assert "s" == failures.get(timeout=PATIENCE)[0]


def test_an_observer_that_fails_is_logged(
    make: Make, saves: Saves, caplog: pytest.LogCaptureFixture
) -> None:
    """The writer goes on."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    persistence = make(on_failure=broken)

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
    persistence.flush()
    schedule(persistence, "t")
    assert persistence.flush()  # the writer has told of the first

    assert ["session s was not saved (this state is not stored): no rights"] == [
        record.getMessage() for record in caplog.records
    ]


# -- the thread ----------------------------------------------------------------


def test_the_thread_ends_when_there_is_nothing_to_do(
    persistence: SessionPersistence,
    seconds: Seconds,
    saves: Saves,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next session starts another one."""
    monkeypatch.setattr("sessionkit.persistence.writer._IDLE_WAIT", 0.0)
    for now in (1.0, 2.0):
        schedule(persistence, "s")
        thread = persistence._writer.thread
        assert thread is not None
        seconds.move(persistence, now)
        assert "s" == saves.next()[0]
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_a_writer_that_could_not_be_started_is_started_later(
    make: Make, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may be short of threads for a moment; the next schedule tries again."""

    def no(_: Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    persistence = make(debounce_ms=0, save_many=saves.many)
    session = UserSession(session_id="s")
    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", no)
        persistence.schedule_save(None, session)
    persistence.schedule_save(None, session)

    assert "s" == saves.next()[0]


def test_a_wait_without_end_ends_no_writer(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Saves may be left to a flush altogether."""
    persistence = make(float("inf"), float("inf"), save_many=lambda _: [])
    schedule(persistence, "s")
    writer = persistence._writer.thread
    assert writer is not None
    writer.join(0.05)

    assert writer.is_alive()
    assert [] == caplog.messages
    persistence.discard("s")


def test_a_writer_that_died_is_replaced(
    make: Make, saves: Saves, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At the next schedule or flush, and not at once: whatever ended it could end the next one as soon."""

    def bug() -> bool:
        msg = "a bug"
        raise RuntimeError(msg)

    persistence = make(save_many=saves.many)
    with monkeypatch.context() as patch:
        patch.setattr(persistence._writer, "_wait", bug)
        schedule(persistence, "s")
        wait_until(lambda: persistence._writer.thread is None)
    assert persistence.flush()

    assert "s" == saves.done.get_nowait()[0]
    assert ["the writer died; another one takes its place with the next change"] == caplog.messages


# -- what is raised and is no Exception -----------------------------------------


class Cancelled(BaseException):
    """As ``asyncio.CancelledError``, gevent's ``Timeout`` or trio's ``Cancelled``."""


@pytest.fixture(name="ending", params=[Cancelled, SystemExit, KeyboardInterrupt, GeneratorExit])
def _ending(request: pytest.FixtureRequest) -> BaseException:
    """Return what no ``except Exception`` catches."""
    error = request.param("over")
    assert isinstance(error, BaseException)
    return error


def test_a_save_that_is_no_exception_holds_nobody_up(
    make: Make, saves: Saves, seconds: Seconds, failures: Queue[Failure], ending: BaseException
) -> None:
    """It is told once, and tried again by itself; the others are saved once each, by the same thread."""
    persistence = make(save_many=saves.many)
    broken = UserSession(session_id="broken")
    endings = iter([ending, ending, None])

    def end(session: UserSession) -> None:
        error = next(endings)
        if error is not None:
            raise error
        saves(session)

    persistence.schedule_save(None, broken, end)
    schedule(persistence, "a", "b")
    assert not persistence.flush()
    writer = persistence._writer.thread

    assert ["a", "b"] == sorted(saves.next()[0] for _ in range(2))
    said = f"the save was broken off by {type(ending).__name__}: over"
    assert ("broken", said, True) == failures.get(timeout=PATIENCE)
    assert ("saving", None) == (persistence.status().state, persistence.status().offline_since)
    schedule(persistence, "c")
    seconds.move(persistence, 1.0)
    assert "c" == saves.next()[0]
    while persistence.is_pending("broken"):
        seconds.move(persistence, seconds.time + 1.0)
    assert "broken" == saves.next()[0]
    assert persistence._writer.thread is writer
    assert failures.empty()
    assert saves.done.empty()


def test_one_session_that_ends_a_batch_is_the_only_one_to_fail(
    make: Make, failures: Queue[Failure], ending: BaseException
) -> None:
    """As where a strategy or a storage ends it: each is tried by itself."""
    saved: list[str] = []

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        ids = [session.session_id for session in sessions]
        if "bad" in ids:
            raise ending
        saved.extend(ids)
        return [None] * len(ids)

    persistence = make(save_many=save_many)
    schedule(persistence, "a", "bad", "b")
    assert not persistence.flush()

    assert ["a", "b"] == sorted(saved)
    assert ("bad", True) == failures.get(timeout=PATIENCE)[::2]
    assert persistence.is_pending("bad")


def test_an_observer_that_ends_is_logged(
    make: Make, saves: Saves, ending: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """What it was told of is settled all the same."""

    def observe(*_: object) -> None:
        raise ending

    def fail(_: UserSession) -> None:
        msg = "a bug"
        raise ValueError(msg)

    persistence = make(save_many=saves.many, on_failure=observe)
    persistence.schedule_save(None, UserSession(), fail)
    schedule(persistence, "s")
    assert not persistence.flush()

    assert "s" == saves.next()[0]
    assert "rejected" == persistence.status().state
    assert ["the observer of failed saves failed itself"] == caplog.messages
