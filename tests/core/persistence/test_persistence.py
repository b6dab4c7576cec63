# SPDX-License-Identifier: Apache-2.0
"""Write-behind: debounced, coalesced, one save of a session at a time; flushed, discarded, closed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Event, Thread

import pytest
from session_harness.replicas import Replica
from session_harness.stores import PATIENCE, Gate
from session_harness.writers import (
    Make,
    Saves,
    Seconds,
    in_threads,
    join,
    schedule,
    unavailable,
    wait_until,
    waiting_threads,
)

from sessionkit.errors import ConfigError, RejectedError, SessionKitError, UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.session import UserSession


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


def test_only_what_waits_for_the_same_save_is_scheduled_again(
    persistence: SessionPersistence, seconds: Seconds, saves: Saves
) -> None:
    """Its window begins anew; what does not wait has to be queued first."""
    session = UserSession(session_id="s")
    before = persistence.schedule_again(session, saves)
    persistence.schedule_save("s", session, saves)
    seconds.move(persistence, 0.4)

    assert (False, False) == (before, persistence.schedule_again(session))
    assert persistence.schedule_again(session, saves)
    seconds.move(persistence, 0.8)
    assert persistence.is_pending("s")

    seconds.move(persistence, 0.9)
    assert "s" == saves.next()[0]
    assert persistence.flush()
    assert not persistence.schedule_again(session, saves)


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


def test_sessions_without_a_function_are_saved_in_batches(make: Make) -> None:
    """No larger than batch_size."""
    batches: list[int] = []

    def save_many(sessions: Sequence[UserSession]) -> list[None]:
        batches.append(len(sessions))
        return [None] * len(sessions)

    persistence = make(save_many=save_many, batch_size=2)
    schedule(persistence, *"abcde")
    assert persistence.flush()

    assert 5 == sum(batches)
    assert max(batches) <= 2


def test_a_repository_saves_what_is_queued(make: Make, replica: Replica) -> None:
    """The pieces fit: a batch is one call of its save_many."""
    persistence = make(save_many=replica.repository.save_many)
    for name in "ab":
        persistence.schedule_save(name, UserSession(session_id=name, inputs={"name": name}))
    assert persistence.close()

    assert {"name": "a"} == replica.load("a").inputs


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
    gate = Gate()
    flying, most, seen = 0, 0, []

    def slow(one: UserSession) -> None:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        seen.append(one.inputs["n"])
        gate()
        flying -= 1

    persistence.schedule_save("s", session, slow)
    assert not persistence.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    session.inputs["n"] = 2
    persistence.schedule_save("s", session, slow)
    assert not persistence.flush(timeout=0)
    assert persistence.is_pending("s")
    gate.opened.set()
    assert persistence.flush()

    assert ([1, 2], 1) == (seen, most)


def test_an_interrupted_schedule_is_made_up_for_by_the_next(
    make: Make, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the session was half in the queue already."""

    def interrupted(_: object) -> bool:
        raise KeyboardInterrupt

    persistence = make(debounce_ms=0, save_many=saves.many)
    schedule(persistence, "first")
    saves.next()
    session = UserSession(session_id="s")
    with monkeypatch.context() as patch:
        patch.setattr(persistence._queue, "_arm", interrupted)
        with pytest.raises(KeyboardInterrupt):
            persistence.schedule_save(None, session)
    persistence.schedule_save(None, session)

    assert "s" == saves.next()[0]


# -- flush ---------------------------------------------------------------------


def test_flush_saves_now(persistence: SessionPersistence, saves: Saves) -> None:
    """And says whether nothing is left."""
    schedule(persistence, "s")

    assert persistence.flush()
    assert "s" == saves.done.get_nowait()[0]


def test_flush_of_one_session_leaves_the_others(
    persistence: SessionPersistence, saves: Saves
) -> None:
    """They wait for their pause."""
    schedule(persistence, "a", "b")

    assert persistence.flush("b")
    assert (False, True) == (persistence.is_pending("b"), persistence.is_pending("a"))
    assert ("b", {}) == saves.done.get_nowait()
    assert persistence.flush()


def test_flush_of_nothing_is_done(persistence: SessionPersistence) -> None:
    """No thread is started for it."""
    assert persistence.flush()
    assert persistence.flush("unknown", timeout=0)
    assert persistence._writer.thread is None


def test_flush_with_a_timeout_of_zero_only_signals(persistence: SessionPersistence) -> None:
    """It returns while the save hangs; the save goes on by itself."""
    gate, saved = Gate(), Event()

    def slow(_: UserSession) -> None:
        gate()
        saved.set()

    persistence.schedule_save("s", UserSession(session_id="s"), slow)
    assert not persistence.flush(timeout=0)
    assert gate.reached.wait(PATIENCE)
    assert not persistence.flush(timeout=0)
    assert not saved.is_set()
    gate.opened.set()

    assert saved.wait(PATIENCE)
    assert persistence.flush()


def test_flush_gives_up_waiting_after_its_timeout(persistence: SessionPersistence) -> None:
    """It says that something is left."""
    gate = Gate()
    persistence.schedule_save("s", UserSession(session_id="s"), gate)

    assert not persistence.flush(timeout=0.01)
    gate.opened.set()
    assert persistence.flush()


def test_flush_waits_for_what_was_scheduled_during_a_save(persistence: SessionPersistence) -> None:
    """Not only for the save in flight."""
    session, gates = UserSession(session_id="s"), [Gate(), Gate()]
    persistence.schedule_save("s", session, gates[0])
    persistence.flush(timeout=0)
    assert gates[0].reached.wait(PATIENCE)
    persistence.schedule_save("s", session, gates[1])
    flushed: SimpleQueue[bool] = SimpleQueue()
    threads = in_threads(lambda: flushed.put(persistence.flush()))
    wait_until(lambda: waiting_threads(persistence))
    gates[0].opened.set()
    assert gates[1].reached.wait(PATIENCE)
    threads[0].join(0.05)
    assert flushed.empty()
    gates[1].opened.set()
    join(threads)

    assert flushed.get_nowait()


def test_a_flush_under_the_sessions_lock_holds_nobody_up(make: Make) -> None:
    """The writer needs the lock; the caller has it back afterwards."""

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        for session in sessions:
            if not session.lock.acquire(timeout=1):
                return [UnavailableError("down")] * len(sessions)
            session.lock.release()
        return [None] * len(sessions)

    persistence = make(save_many=save_many)
    session = UserSession()
    with session.lock:
        persistence.schedule_save(None, session)
        assert persistence.flush(timeout=PATIENCE)


def test_without_a_thread_a_flush_saves_by_itself(
    persistence: SessionPersistence, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the interpreter shuts down no thread can be started."""

    def refuse(_: Thread) -> None:
        msg = "can't create new thread at interpreter shutdown"
        raise RuntimeError(msg)

    monkeypatch.setattr(Thread, "start", refuse)
    schedule(persistence, "s")

    assert not persistence.flush(timeout=0)
    assert saves.done.empty()
    assert persistence.flush()
    assert "s" == saves.done.get_nowait()[0]


# -- discard and close ---------------------------------------------------------


def test_discard_forgets(persistence: SessionPersistence, saves: Saves) -> None:
    """What was ended is not saved."""
    schedule(persistence, "s")
    persistence.discard("s")

    assert persistence.flush()
    assert saves.done.empty()


def test_what_is_discarded_during_its_save_is_not_tried_again(make: Make) -> None:
    """It was ended; only a new schedule would bring it back."""
    gate = Gate()

    def save(_: UserSession) -> None:
        gate()
        unavailable(session)

    persistence = make(debounce_ms=0)
    session = UserSession()
    persistence.schedule_save(None, session, save)
    assert gate.reached.wait(PATIENCE)
    persistence.discard(session.session_id)
    gate.opened.set()
    wait_until(lambda: not persistence.is_pending(session))
    assert persistence.flush()


def test_close_saves_what_waits_and_takes_nothing_more(
    persistence: SessionPersistence, saves: Saves
) -> None:
    """Closing twice is fine; what comes later is refused, not lost in silence."""
    schedule(persistence, "s")

    assert persistence.close()
    assert "s" == saves.done.get_nowait()[0]
    assert persistence.close()
    with pytest.raises(SessionKitError, match=r"after close\(\)"):
        persistence.schedule_save("late", UserSession(session_id="late"))


def test_close_logs_what_could_not_be_saved(
    persistence: SessionPersistence, caplog: pytest.LogCaptureFixture
) -> None:
    """In short form: ids are secrets in full."""
    session = UserSession(session_id="a-long-session-id")
    persistence.schedule_save(session.session_id, session, unavailable)

    assert not persistence.close()
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [
        "closed with unsaved changes of 1 session (a-long-s), the oldest 0.0 s old: down; they are lost"
    ] == said


def test_close_logs_what_was_rejected(
    persistence: SessionPersistence, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, however often it is closed: it is lost, too. What was saved since is not."""
    refuse = [True]

    def save(_: UserSession) -> None:
        if refuse[0]:
            msg = "too large"
            raise RejectedError(msg)

    lost, mended = UserSession(session_id="a-long-session-id"), UserSession(session_id="mended")
    for session in (mended, lost):
        persistence.schedule_save(None, session, save)
        persistence.flush()
    refuse[0] = False
    persistence.schedule_save(None, mended, save)

    persistence.close()
    persistence.close()

    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [
        "closed with rejected changes of 1 session (a-long-s): too large; they are lost"
    ] == said
    assert ["too large"] == [one.error for one in persistence.status().rejected]


# -- wrong use -----------------------------------------------------------------


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
