# SPDX-License-Identifier: Apache-2.0
"""Saves that someone waits for: one save for all who wait, never two at once, each has an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any

import pytest
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
)

from sessionkit.errors import (
    ConfigError,
    QueueFullError,
    RejectedError,
    SessionKitError,
    UnavailableError,
)
from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.queue import QueueLimits, Slot
from sessionkit.persistence.saver import SaveMany
from sessionkit.session import UserSession


def wait_for_waiters(persistence: SessionPersistence, session: UserSession, count: int) -> None:
    """Wait until so many threads wait for saves of a session, the one that saves it included."""
    wait_until(lambda: persistence._queue.slots[id(session)].waiters >= count)


def each(save: Callable[[UserSession], None]) -> SaveMany:
    """Return a function that saves a batch, one by one."""

    def save_many(sessions: Sequence[UserSession]) -> list[Exception | None]:
        for session in sessions:
            save(session)
        return [None] * len(sessions)

    return save_many


class Counted:
    """Saves one session at a time, and notices where two do."""

    def __init__(self) -> None:
        """Begin with no save."""
        self.seen: list[dict[str, Any]] = []
        self.flying = 0
        self.most = 0
        self.first = Gate()
        self._lock = Lock()

    def __call__(self, session: UserSession) -> None:
        """Save; the first save waits at its gate."""
        with self._lock:
            self.flying += 1
            self.most = max(self.most, self.flying)
        self.seen.append(dict(session.inputs))
        if len(self.seen) == 1:
            self.first()
        with self._lock:
            self.flying -= 1


def test_it_is_stored_on_return(persistence: SessionPersistence, saves: Saves) -> None:
    """And nothing is left that would save it again."""
    session = UserSession(session_id="s", inputs={"n": 1})
    persistence.schedule_save("s", session)
    persistence.save_now(session)

    assert ("s", {"n": 1}) == saves.done.get_nowait()
    assert not persistence.is_pending("s")
    assert persistence.flush()
    assert saves.done.empty()


def test_a_lone_caller_saves_on_its_own_thread(make: Make) -> None:
    """It costs no switch to another one: none is started."""
    persistence = make(save_one=lambda _: None)
    persistence.save_now(UserSession(session_id="s"))

    assert persistence._writer.thread is None
    assert not persistence.is_pending("s")


def test_those_who_wait_are_served_by_one_save(make: Make) -> None:
    """Who comes during a save waits for the next one; one of them makes it for all."""
    save = Counted()
    persistence = make(save_one=save)
    session = UserSession(session_id="s", inputs={"first": 1})
    threads = in_threads(lambda: persistence.save_now(session))
    assert save.first.reached.wait(PATIENCE)

    def change_and_save(number: int) -> None:
        session.set_input(f"key{number}", number)
        persistence.save_now(session)

    threads += in_threads(*(lambda number=number: change_and_save(number) for number in range(20)))
    wait_for_waiters(persistence, session, 21)
    save.first.opened.set()
    join(threads)

    assert (2, 1) == (len(save.seen), save.most)
    assert 21 == len(save.seen[-1])


def test_in_the_midst_of_a_save_nobody_waits_for_another_to_begin(make: Make) -> None:
    """It may be held up until saves in flight are over, as before a fork."""
    one, other = UserSession(session_id="one"), UserSession(session_id="other")
    gate = Gate()

    def save(session: UserSession) -> None:
        if session is one:
            gate()
            persistence.save_now(other)

    persistence = make(save_one=save)
    threads = in_threads(lambda: persistence.save_now(one))
    assert gate.reached.wait(PATIENCE)
    with persistence._queue.lock:
        persistence._queue.resting = True
    threads += in_threads(lambda: persistence.save_now(other))
    wait_for_waiters(persistence, other, 1)
    gate.opened.set()
    join(threads)

    assert persistence.flush(timeout=PATIENCE)


def test_it_waits_for_a_save_of_the_writer(make: Make) -> None:
    """Which may have begun before the change; then it saves itself."""
    save = Counted()
    persistence = make(save_many=each(save), save_one=save)
    session = UserSession(session_id="s", inputs={"n": 1})
    persistence.schedule_save("s", session)
    persistence.flush(timeout=0)
    assert save.first.reached.wait(PATIENCE)
    session.inputs["n"] = 2
    threads = in_threads(lambda: persistence.save_now(session))
    wait_for_waiters(persistence, session, 1)
    save.first.opened.set()
    join(threads)

    assert ([{"n": 1}, {"n": 2}], 1) == (save.seen, save.most)


def test_each_who_waits_is_told_what_went_wrong(make: Make) -> None:
    """By the save that began after the call."""
    gate, errors = Gate(), SimpleQueue[str]()
    outcomes = iter([None, RejectedError("too large")])

    def save(_: UserSession) -> None:
        error = next(outcomes)
        if error is None:
            gate()
        else:
            raise error

    persistence = make(save_one=save)
    session = UserSession(session_id="s")

    def try_it() -> None:
        try:
            persistence.save_now(session)
        except RejectedError as error:
            errors.put(str(error))

    threads = in_threads(try_it)
    assert gate.reached.wait(PATIENCE)
    threads += in_threads(try_it, try_it)
    wait_for_waiters(persistence, session, 3)
    gate.opened.set()
    join(threads)

    assert ["too large"] * 2 == [errors.get_nowait() for _ in range(errors.qsize())]


def test_the_writer_leaves_alone_what_someone_is_about_to_save(
    make: Make, seconds: Seconds, saves: Saves
) -> None:
    """Who waits is to be told what a save of the writer would only log."""
    gate = Gate()
    persistence = make(save_one=gate, save_many=saves.many)
    session = UserSession(session_id="s")
    threads = in_threads(lambda: persistence.save_now(session))
    assert gate.reached.wait(PATIENCE)
    threads += in_threads(lambda: persistence.save_now(session))
    wait_for_waiters(persistence, session, 2)
    persistence.schedule_save("s", session)
    schedule(persistence, "other")
    seconds.move(persistence, 60.0)
    assert "other" == saves.next()[0]
    gate.opened.set()
    join(threads)

    assert saves.done.empty()


def test_an_unavailable_store_leaves_it_queued(make: Make, saves: Saves) -> None:
    """The caller is told; the writer tries again. The breaker holds no explicit try back."""
    tries: list[str] = []

    def down(session: UserSession) -> None:
        tries.append(session.session_id)
        unavailable(session)

    persistence = make(save_one=down, save_many=saves.many)
    session = UserSession(session_id="s", inputs={"n": 1})
    for _ in range(3):
        with pytest.raises(UnavailableError, match="down"):
            persistence.save_now(session)
    assert 0.0 < (persistence.status().retry_in or 0.0) <= 0.2
    assert persistence.is_pending("s")
    assert persistence.flush()

    assert ["s"] * 3 == tries
    assert ("s", {"n": 1}) == saves.done.get_nowait()


# -- inside of a save, under a lock, interrupted -------------------------------


def test_inside_of_its_own_save_it_says_so_and_follows(make: Make) -> None:
    """A function that saves, or an observer, can't wait for the save that it is part of."""
    told: list[str] = []

    def save(session: UserSession) -> None:
        if not told:
            with pytest.raises(SessionKitError, match="in the midst of a save") as caught:
                persistence.save_now(session)
            told.append(str(caught.value))

    persistence = make()
    session = UserSession(session_id="s")
    persistence.schedule_save("s", session, save)
    assert persistence.flush()
    assert persistence.flush()

    assert 1 == len(told)
    assert not persistence.is_pending("s")


def test_inside_of_a_save_another_session_can_be_saved(make: Make, saves: Saves) -> None:
    """And a flush only signals."""
    other = UserSession(session_id="other")
    flushed: list[bool] = []

    def save(_: UserSession) -> None:
        persistence.save_now(other)
        flushed.append(persistence.flush())

    persistence = make(save_one=saves)
    persistence.schedule_save("s", UserSession(session_id="s"), save)
    assert persistence.flush()

    assert "other" == saves.done.get_nowait()[0]
    assert [False] == flushed


def test_the_callers_lock_on_the_session_holds_nobody_up(make: Make) -> None:
    """The writer needs it to encode; who holds it and waits for the writer would wait for ever."""
    reached, seen = Event(), []

    def save(session: UserSession) -> None:
        reached.set()
        with session.lock:
            seen.append(dict(session.inputs))

    persistence = make(save_many=each(save))
    session = UserSession(session_id="s")
    with session.lock:
        session.inputs["n"] = 1
        persistence.schedule_save("s", session)
        persistence.flush(timeout=0)
        assert reached.wait(PATIENCE)
        persistence.save_now(session)

    assert [{"n": 1}] * 2 == seen


def test_a_save_that_is_interrupted_leaves_it_queued(make: Make, saves: Saves) -> None:
    """Such as by Ctrl-C; who else waits makes the save."""
    gate = Gate()
    calls: list[str] = []

    def save(session: UserSession) -> None:
        calls.append(session.session_id)
        if len(calls) == 1:
            gate()
            raise KeyboardInterrupt

    persistence = make(save_one=save, save_many=saves.many)
    session = UserSession(session_id="s")
    interrupted = Event()

    def first() -> None:
        try:
            persistence.save_now(session)
        except KeyboardInterrupt:
            interrupted.set()

    threads = in_threads(first)
    assert gate.reached.wait(PATIENCE)
    threads += in_threads(lambda: persistence.save_now(session))
    wait_for_waiters(persistence, session, 2)
    gate.opened.set()
    join(threads)

    assert interrupted.is_set()
    assert ["s", "s"] == calls
    assert not persistence.is_pending("s")


def test_an_interrupt_while_waiting_leaves_no_one_waiting(
    make: Make, saves: Saves, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer leaves sessions alone that someone waits for: nobody does here."""
    persistence = make(save_one=saves, save_many=saves.many)
    begin = persistence._queue.begin

    def interrupted(slots: Sequence[Slot], now: float, saver: int) -> None:
        patch.undo()
        begin(slots, now, saver)
        raise KeyboardInterrupt

    session = UserSession(session_id="s")
    with monkeypatch.context() as patch:
        patch.setattr(persistence._queue, "begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            persistence.save_now(session)
    persistence.schedule_save(None, session)
    assert persistence.flush(timeout=PATIENCE)

    assert "s" == saves.next()[0]


# -- refused -------------------------------------------------------------------


def test_a_full_queue_takes_no_failed_save_that_did_not_wait(make: Make) -> None:
    """Or explicit saves during an outage would fill the memory."""
    persistence = make(
        save_one=unavailable, save_many=lambda _: [], limits=QueueLimits(max_pending=1)
    )
    waiting, other = UserSession(session_id="waiting"), UserSession(session_id="other")
    persistence.schedule_save("waiting", waiting)
    with pytest.raises(QueueFullError, match="down"):
        persistence.save_now(other)
    with pytest.raises(UnavailableError, match="down"):
        persistence.save_now(waiting)

    assert (True, False) == (persistence.is_pending("waiting"), persistence.is_pending("other"))
    persistence.discard("waiting")


def test_wrong_use_is_refused(make: Make) -> None:
    """Without anything to save with, or after close."""
    with pytest.raises(ConfigError, match="save_fn"):
        make().save_now(UserSession(session_id="s"))
    closed = make(save_one=lambda _: None)
    closed.close()
    with pytest.raises(SessionKitError, match=r"after close\(\)"):
        closed.save_now(UserSession(session_id="s"))
