# SPDX-License-Identifier: Apache-2.0
"""Who waits is woken when its own question is answered, and not before."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import RLock, Thread

import pytest
from session_harness.stores import PATIENCE

from sessionkit.persistence.writer import Waiters


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
