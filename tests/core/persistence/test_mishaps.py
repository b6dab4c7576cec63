# SPDX-License-Identifier: Apache-2.0
"""What goes wrong beside the store: threads, interrupts, callbacks and journals that fail."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event, Thread
from typing import Any
from weakref import ref

import pytest
from session_harness.stores import PATIENCE, Gate
from session_harness.writers import Saves, Seconds

from sessionkit.errors import QueueFullError, UnavailableError
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence import persistence as immediate
from sessionkit.persistence.exits import Exits
from sessionkit.persistence.limits import QueueLimits
from sessionkit.session import UserSession

Make = Callable[..., SessionPersistence]

DOWN = "down"


@pytest.fixture(name="make")
def _make(seconds: Seconds, saves: Saves) -> Iterator[Make]:
    """Return a function that makes persistence; it is closed after the test."""
    made: list[SessionPersistence] = []

    def make(**keywords: Any) -> SessionPersistence:
        defaults = {"clock": seconds, "save_many": saves.many, "on_failure": lambda *_: None}
        made.append(SessionPersistence(**{**defaults, **keywords}))
        return made[-1]

    yield make
    for one in made:
        one.close(timeout=0)


def down(sessions: Sequence[UserSession]) -> list[Exception | None]:
    """Save nothing."""
    return [UnavailableError(DOWN)] * len(sessions)


def down_for_one(_: UserSession) -> None:
    """Save nothing."""
    raise UnavailableError(DOWN)


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        Event().wait(0.001)


# -- how it stands -------------------------------------------------------------


def test_a_save_at_once_is_as_old_as_itself(make: Make, seconds: Seconds) -> None:
    """Not as old as the machine: also when it did not wait before."""
    seconds.time = 1000.0
    ages: list[float | None] = []
    persistence = make(save_one=lambda _: ages.append(persistence.status().oldest_age))
    persistence.save_now(UserSession())
    failing = make(save_one=down_for_one, save_many=down)
    with pytest.raises(UnavailableError):
        failing.save_now(UserSession())
    seconds.time = 1001.0

    assert [0.0] == ages
    assert 1.0 == failing.status().oldest_age


def test_a_save_that_was_broken_off_says_so(make: Make) -> None:
    """The pause that follows has a reason and a beginning."""

    def broken(_: UserSession) -> None:
        raise KeyboardInterrupt

    persistence = make(save_one=broken)
    with pytest.raises(KeyboardInterrupt):
        persistence.save_now(UserSession())
    status = persistence.status()

    assert ("offline", "a save was broken off") == (status.state, status.last_error)
    assert status.offline_since is not None


def test_what_failed_is_kept_as_text(make: Make) -> None:
    """The error itself holds on to all that was being written."""
    written: list[ref[UserSession]] = []

    def save_one(_: UserSession) -> None:
        payload = UserSession()
        written.append(ref(payload))
        raise UnavailableError(DOWN)

    persistence = make(save_one=save_one, save_many=down)
    with pytest.raises(UnavailableError):
        persistence.save_now(UserSession())
    gc.collect()

    assert persistence.status().state == "offline"
    assert written[0]() is None


def test_an_error_without_a_text_is_told_by_its_class(make: Make) -> None:
    """An app's own error may be broken itself, and ends no writer."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise ValueError

    def save(_: UserSession) -> None:
        raise BrokenError

    persistence = make()
    persistence.schedule_save(None, UserSession(), save)
    assert not persistence.flush(timeout=PATIENCE)

    assert "BrokenError" == persistence.status().last_error


# -- the writer ----------------------------------------------------------------


def test_a_writer_that_could_not_be_started_is_started_later(
    make: Make, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may be short of threads for a moment; the next schedule tries again."""

    def no(_: Thread) -> None:
        msg = "can't start new thread"
        raise RuntimeError(msg)

    persistence = make(debounce_ms=0)
    session = UserSession(session_id="s")
    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", no)
        persistence.schedule_save(None, session)
    persistence.schedule_save(None, session)

    assert "s" == saves.next()[0]


def test_a_wait_without_end_ends_no_writer(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """Saves may be left to a flush altogether."""
    persistence = make(debounce_ms=float("inf"), max_wait_ms=float("inf"))
    persistence.schedule_save(None, UserSession())
    writer = persistence._thread
    assert writer is not None
    writer.join(0.05)

    assert writer.is_alive()
    assert [] == caplog.messages


def test_a_size_that_can_not_be_told_ends_nobody(
    make: Make, saves: Saves, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as none."""

    def size_of(_: UserSession) -> int:
        raise ValueError

    persistence = make(size_of=size_of)
    persistence.schedule_save(None, UserSession(session_id="s"))
    assert persistence.flush(timeout=PATIENCE)

    assert "s" == saves.next()[0]
    assert ["the size of session s is not known"] == caplog.messages


def test_nothing_begins_while_a_process_forks(make: Make, saves: Saves) -> None:
    """Not even what the writer had found to be due before."""
    persistence = make()
    persistence.before_fork()
    persistence.schedule_save(None, UserSession())
    persistence._queue.hurry(None)
    assert not persistence._save_due()
    persistence.after_fork_in_parent()
    assert persistence.flush(timeout=PATIENCE)

    assert 1 == saves.done.qsize()


# -- interrupts and locks ------------------------------------------------------


def test_an_interrupt_before_a_save_began_blocks_no_other(make: Make) -> None:
    """Such as Ctrl-C in a notebook: what had begun is put back."""
    marks: list[None] = []

    def stored_as(_: UserSession) -> object:
        marks.append(None)
        if len(marks) == 1:
            raise KeyboardInterrupt
        return object()

    persistence = make(save_one=lambda _: None, stored_as=stored_as)
    session = UserSession()
    with pytest.raises(KeyboardInterrupt):
        persistence.save_now(session)
    second = Thread(target=persistence.save_now, args=(session,), daemon=True)
    second.start()
    second.join(PATIENCE)

    assert not second.is_alive()
    assert persistence.status().state == "saved"


def test_an_interrupt_while_joining_leaves_no_one_waiting(
    make: Make, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer leaves sessions alone that someone waits for: nobody does here."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    persistence = make(save_one=saves)
    session = UserSession(session_id="s")
    with monkeypatch.context() as patch:
        patch.setattr(immediate, "SharedSave", interrupted)
        with pytest.raises(KeyboardInterrupt):
            persistence.save_now(session)
    persistence.schedule_save(None, session)
    assert persistence.flush(timeout=0.5)

    assert "s" == saves.next()[0]


def test_an_interrupted_schedule_is_made_up_for_by_the_next(
    make: Make, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the session was half in the queue already."""

    def interrupted(_: object) -> bool:
        raise KeyboardInterrupt

    persistence = make(debounce_ms=0)
    persistence.schedule_save(None, UserSession(session_id="first"))
    saves.next()
    session = UserSession(session_id="s")
    with monkeypatch.context() as patch:
        patch.setattr(persistence._queue, "_arm", interrupted)
        with pytest.raises(KeyboardInterrupt):
            persistence.schedule_save(None, session)
    persistence.schedule_save(None, session)

    assert "s" == saves.next()[0]


def test_a_flush_under_the_sessions_lock_holds_nobody_up(make: Make) -> None:
    """The writer needs the lock; the caller has it back afterwards."""

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        for session in sessions:
            if not session.lock.acquire(timeout=1):
                return down(sessions)
            session.lock.release()
        return [None] * len(sessions)

    persistence = make(save_many=save_many)
    session = UserSession()
    with session.lock:
        persistence.schedule_save(None, session)
        assert persistence.flush(timeout=PATIENCE)


def test_what_is_discarded_during_its_save_is_not_tried_again(make: Make) -> None:
    """It was ended; only a new schedule would bring it back."""
    gate = Gate()

    def save(_: UserSession) -> None:
        gate()
        raise UnavailableError(DOWN)

    persistence = make(debounce_ms=0)
    session = UserSession()
    persistence.schedule_save(None, session, save)
    assert gate.reached.wait(PATIENCE)
    persistence.discard(session.session_id)
    gate.opened.set()
    until(lambda: not persistence._queue.slots or persistence._breaker.is_failing)
    with persistence._lock:
        assert not persistence.is_pending(session)


# -- the journal ---------------------------------------------------------------


def test_growth_that_the_journal_can_not_take_stays(make: Make) -> None:
    """It is over the limit, but not lost."""
    size = 1
    limits = QueueLimits(max_pending_bytes=100, when_full="spill")
    persistence = make(
        save_many=down,
        limits=limits,
        size_of=lambda _: size,
        keep=lambda _: False,
        revive=lambda _: None,
    )
    for _ in range(3):
        persistence.schedule_save(None, UserSession())
    size = 80
    assert not persistence.flush(timeout=PATIENCE)

    assert (3, 0) == (persistence.status().pending, persistence.status().spilled)


def test_a_save_at_once_is_let_go_of_only_if_the_journal_has_it(make: Make) -> None:
    """A journal that raises has it not: the caller is told that it does not wait."""

    def keep(_: UserSession) -> bool:
        if persistence.is_pending("waits"):
            raise OSError(28, "No space left")
        return True

    limits = QueueLimits(max_pending=1, when_full="spill")
    persistence = make(
        save_one=down_for_one, save_many=down, limits=limits, keep=keep, revive=lambda _: None
    )
    with pytest.raises(OSError, match="No space left"):
        persistence.schedule_save(None, UserSession(session_id="waits"))
    with pytest.raises(QueueFullError):
        persistence.save_now(UserSession())

    assert 0 == persistence.status().spilled


def test_what_was_let_go_of_and_saved_since_is_not_lost(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """The journal has nothing of it any more, as all is stored."""
    gate = Gate()

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        gate()
        return [None] * len(sessions)

    persistence = make(
        debounce_ms=0,
        save_many=save_many,
        save_one=lambda _: None,
        limits=QueueLimits(max_pending=1, when_full="spill"),
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


# -- the end -------------------------------------------------------------------


def test_who_joins_during_the_end_ends_nobody() -> None:
    """Threads may still make persistence while a process ends or forks."""

    class One:
        def save_at_exit(self) -> None:
            """Save nothing."""

    exits, over = Exits(), Event()
    kept = [One() for _ in range(300)]
    for one in kept:
        exits._savers.add(one)  # type: ignore[arg-type]

    def join() -> None:
        while not over.is_set():
            for one in [One() for _ in range(50)]:
                exits.add(one)  # type: ignore[arg-type]

    interval = sys.getswitchinterval()
    joining = Thread(target=join)
    sys.setswitchinterval(1e-6)
    joining.start()
    try:
        for _ in range(150):
            exits.save_all()
    finally:
        sys.setswitchinterval(interval)
        over.set()
        joining.join()
