# SPDX-License-Identifier: Apache-2.0
"""Write-behind: what becomes of saves that fail, of the thread, and of wrong use."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Queue
from threading import Thread

import pytest
from session_harness.replicas import Replica
from session_harness.stores import PATIENCE
from session_harness.writers import Failure, Saves, Seconds, observed

from sessionkit.errors import ConfigError, UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.health import LONGEST, SHORTEST, Breaker
from sessionkit.session import UserSession


def test_a_failing_save_function_is_reported_and_not_repeated(
    seconds: Seconds, saves: Saves
) -> None:
    """It is the app's own bug; the writer goes on with the others."""
    failures: Queue[Failure] = Queue()
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
    assert ("bad", "a bug", False) == failures.get(timeout=PATIENCE)
    assert failures.empty()


def test_what_was_unavailable_is_tried_again_later(seconds: Seconds, saves: Saves) -> None:
    """After a pause that the breaker sets; the observer hears that it will be."""
    failures: Queue[Failure] = Queue()
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
    assert ("s", "down", True) == failures.get(timeout=PATIENCE)
    assert failures.empty()


def test_while_the_store_is_down_new_sessions_wait_too(seconds: Seconds, saves: Saves) -> None:
    """One breaker for all: a thousand sessions are not a thousand timeouts; a flush tries now."""
    persistence = observed(Queue(), seconds)

    def down(_: UserSession) -> None:
        msg = "down"
        raise UnavailableError(msg)

    persistence.schedule_save("a", UserSession(session_id="a"), down)
    assert not persistence.flush()
    persistence.discard("a")
    persistence._breaker.retry_at = 20.0
    persistence.schedule_save("b", UserSession(session_id="b"), saves)
    seconds.move(persistence, 19.9)
    assert saves.done.empty()
    assert persistence.is_pending("b")
    seconds.move(persistence, 20.0)
    assert "b" == saves.next()[0]

    persistence._breaker.retry_at = 99.0
    persistence.schedule_save("c", UserSession(session_id="c"), saves)
    assert persistence.flush()
    assert "c" == saves.next()[0]


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
    failures: Queue[Failure] = Queue()

    def broken(_: Sequence[UserSession]) -> list[Exception | None]:
        raise ZeroDivisionError

    persistence = observed(failures, seconds, save_many=broken)
    persistence.schedule_save("a", UserSession(session_id="a"))
    persistence.schedule_save("b", UserSession(session_id="b"), saves)
    assert not persistence.flush()

    assert "b" == saves.next()[0]
    assert ("a", "", False) == failures.get(timeout=PATIENCE)


def test_one_session_that_breaks_a_batch_is_the_only_one_to_fail(seconds: Seconds) -> None:
    """Where the batch fails as a whole each is tried by itself: the others are not to blame."""
    saved: list[str] = []

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        ids = [session.session_id for session in sessions]
        if "bad" in ids:
            msg = "a bug"
            raise ValueError(msg)
        saved.extend(ids)
        return [None] * len(ids)

    failures: Queue[Failure] = Queue()
    persistence = observed(failures, seconds, save_many=save_many)
    for name in ("a", "bad", "b"):
        persistence.schedule_save(name, UserSession(session_id=name))
    assert not persistence.flush()

    assert ["a", "b"] == sorted(saved)
    assert ("bad", "a bug", False) == failures.get(timeout=PATIENCE)
    assert failures.empty()
    assert ["bad"] == [one.session.session_id for one in persistence.status().rejected]


def test_a_batch_without_an_outcome_for_each_does_not_end_the_writer(seconds: Seconds) -> None:
    """Its sessions have failed; the queue doesn't hang."""
    failures: Queue[Failure] = Queue()
    persistence = observed(failures, seconds, save_many=lambda _: [])
    persistence.schedule_save("s", UserSession(session_id="s"))
    persistence.flush(timeout=2)

    assert not persistence.is_pending("s")
    assert "s" == failures.get(timeout=PATIENCE)[0]


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
    persistence.flush()
    persistence.schedule_save("t", UserSession(session_id="t"))
    assert persistence.flush()  # the writer has told of the first

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
    monkeypatch.setattr("sessionkit.persistence.writer._IDLE_WAIT", 0.0)
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

    assert not persistence.flush(timeout=0)
    assert saves.done.empty()
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
