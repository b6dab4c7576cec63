# SPDX-License-Identifier: Apache-2.0
"""Threads that wait for something of their own to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition, RLock

Predicate = Callable[[], bool]


class Waiters:
    """
    As :class:`threading.Condition`, but who changes something asks each thread's question for it.

    A condition wakes all who wait, and each looks whether it was meant: of eight threads
    that wait for sessions of their own, seven would wake for nothing after every save.
    """

    def __init__(self, lock: RLock) -> None:
        """Begin with nobody; *lock* guards what the questions are about."""
        self._lock = lock
        self._waiting: list[tuple[Predicate, Condition]] = []

    def wait_for(self, predicate: Predicate, timeout: float | None = None) -> bool:
        """
        Wait until something is true; call it with the lock held, which is let go of meanwhile.

        Args:
            predicate: What is to become true; asked by any thread, with the lock held.
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            Whether it is true.
        """
        if predicate():
            return True
        deadline = None if timeout is None else time.monotonic() + timeout
        turn = Condition(self._lock)
        entry = (predicate, turn)
        self._waiting.append(entry)
        try:
            return self._wait(predicate, turn, deadline)
        finally:
            self._waiting.remove(entry)

    @staticmethod
    def _wait(predicate: Predicate, turn: Condition, deadline: float | None) -> bool:
        left = None
        while True:
            if deadline is not None and (left := deadline - time.monotonic()) <= 0:
                return predicate()
            turn.wait(left)
            if predicate():
                return True

    def notify(self) -> None:
        """Wake those for whom it is true; call it with the lock held, after each change."""
        for predicate, turn in self._waiting:
            if predicate():
                turn.notify()

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)
