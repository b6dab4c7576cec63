# SPDX-License-Identifier: Apache-2.0
"""Write-behind: coalesced, one save of a session at a time, flushed, tried again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Event, Thread

import pytest
from session_harness.stores import PATIENCE
from session_harness.writers import Saves, Seconds

from sessionkit.errors import RejectedError, SessionKitError, UnavailableError
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
