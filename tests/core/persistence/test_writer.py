# SPDX-License-Identifier: Apache-2.0
"""The writer's thread, what becomes of saves that fail, and who is woken when one is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import Queue, SimpleQueue
from threading import RLock, Thread

import pytest
from session_harness.stores import PATIENCE
from session_harness.writers import Failure, Make, Saves, Seconds, schedule, wait_until

from sessionkit.persistence import SessionPersistence
from sessionkit.persistence.writer import Waiters
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
        thread = persistence._thread
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
    writer = persistence._thread
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
        patch.setattr(persistence, "_wait", bug)
        schedule(persistence, "s")
        wait_until(lambda: persistence._thread is None)
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
    writer = persistence._thread

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
    assert persistence._thread is writer
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


# -- who waits is woken when its own question is answered, and not before ------


class Board:
    """Facts under one lock, and threads that wait for them."""

    def __init__(self) -> None:
        """Begin with no fact."""
        self.lock = RLock()
        self.waiters = Waiters(self.lock)
        self.facts: set[str] = set()
        self.woken: SimpleQueue[str] = SimpleQueue()
        self.asked: list[str] = []

    def knows(self, fact: str) -> Callable[[], bool]:
        """Return the question for a fact."""

        def ask() -> bool:
            self.asked.append(fact)
            return fact in self.facts

        return ask

    def waits(self, fact: str) -> Thread:
        """Have a thread wait for a fact; return when it does."""

        def wait() -> None:
            with self.lock:
                assert self.waiters.wait_for(self.knows(fact), PATIENCE)
                self.woken.put(fact)

        with self.lock:
            before = len(self.waiters)
        thread = Thread(target=wait)
        thread.start()
        while True:
            with self.lock:
                if len(self.waiters) > before:
                    return thread

    def tell(self, fact: str) -> None:
        """Add a fact."""
        with self.lock:
            self.facts.add(fact)
            self.waiters.notify()


@pytest.fixture
def board() -> Board:
    """Give a board."""
    return Board()


def test_what_is_true_is_not_waited_for(board: Board) -> None:
    """Nobody has to tell."""
    board.facts.add("one")
    with board.lock:
        assert board.waiters.wait_for(board.knows("one"))


def test_only_who_waited_for_it_is_woken(board: Board) -> None:
    """The other one is asked for, and sleeps on."""
    threads = [board.waits("one"), board.waits("other")]
    board.asked.clear()
    board.tell("one")
    assert "one" == board.woken.get(timeout=PATIENCE)
    threads[0].join(PATIENCE)

    assert 1 == board.asked.count("other")  # by who told, not by the thread itself
    assert 1 == len(board.waiters)
    board.tell("other")
    threads[1].join(PATIENCE)
    assert 0 == len(board.waiters)


def test_a_time_out_says_whether_it_is_true(board: Board) -> None:
    """Also where nobody told of it."""
    with board.lock:
        assert not board.waiters.wait_for(board.knows("one"), 0.001)
        assert not board.waiters.wait_for(board.knows("one"), -1.0)
        questions = iter([False, True])
        assert board.waiters.wait_for(lambda: next(questions), 0.001)
    assert 0 == len(board.waiters)


def test_an_answer_that_is_taken_away_again_is_waited_for_again(board: Board) -> None:
    """Between the waking and the thread's turn another one was quicker."""
    thread = board.waits("one")
    with board.lock:
        board.facts.add("one")
        board.waiters.notify()
        board.facts.discard("one")
    assert thread.is_alive()
    board.tell("one")
    thread.join(PATIENCE)
    assert "one" == board.woken.get_nowait()


def test_the_lock_is_let_go_of_however_often_it_is_held(board: Board) -> None:
    """A thread may hold it twice."""

    def wait() -> None:
        with board.lock, board.lock:
            board.waiters.wait_for(board.knows("one"), PATIENCE)
            board.woken.put("one")

    thread = Thread(target=wait)
    thread.start()
    while not board.asked:
        pass
    board.tell("one")
    thread.join(PATIENCE)
    assert "one" == board.woken.get_nowait()


def test_a_question_that_raises_leaves_nobody_behind(board: Board) -> None:
    """Its own thread is told."""
    answers = iter([False])

    def ask() -> bool:
        for answer in answers:
            return answer
        raise ZeroDivisionError

    with board.lock, pytest.raises(ZeroDivisionError):
        board.waiters.wait_for(ask, 0.001)
    assert 0 == len(board.waiters)
