# SPDX-License-Identifier: Apache-2.0
"""Write-behind: saves sessions a little later, together, on one thread."""

from __future__ import annotations

import atexit
import logging
import os
import time
from collections.abc import Callable, Sequence
from threading import Condition, Thread
from typing import Final
from weakref import WeakSet

from sessionkit.breaker import Breaker
from sessionkit.errors import ConfigError, SessionKitError, UnavailableError
from sessionkit.flushing import FailureObserver, SaveMany, log_failure, save_slots
from sessionkit.ids import short
from sessionkit.session import UserSession
from sessionkit.write_queue import SaveFunction, Slot, WriteQueue

_LINGER: Final = 10.0
_EXIT_TIMEOUT: Final = 10.0

logger = logging.getLogger("sessionkit")


class SessionPersistence:
    """
    Saves sessions after their changes have paused.

    However often a session is scheduled within the window, it is saved once,
    as it is at that moment. Never are two saves of one session in flight. What
    waits is saved at exit; ``close`` does it at once.
    """

    def __init__(  # noqa: PLR0913 - each is handed in, by keyword
        self,
        debounce_ms: float = 500,
        max_wait_ms: float = 5000,
        *,
        save_many: SaveMany | None = None,
        batch_size: int = 100,
        on_failure: FailureObserver = log_failure,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Start with nothing to save; the thread starts with the first session.

        Args:
            debounce_ms: How long a save waits for more changes, in milliseconds.
            max_wait_ms: How long a save waits at most, in milliseconds.
            save_many: Saves sessions that are scheduled without a function of their own.
            batch_size: Sessions saved together, at most.
            on_failure: Told of each failed save.
            clock: Returns seconds that never go back.

        Raises:
            ConfigError: If a time is negative or ``batch_size`` is not positive.
        """
        if min(debounce_ms, max_wait_ms) < 0 or batch_size < 1:
            msg = "debounce_ms and max_wait_ms are 0 or more, batch_size is 1 or more"
            raise ConfigError(msg)
        self._times = (debounce_ms / 1000, max_wait_ms / 1000)
        self._save_many = save_many
        self._batch_size = batch_size
        self._on_failure = on_failure
        self._clock = clock
        self._closed = False
        self._start_empty()
        _LIVE.add(self)

    def _start_empty(self) -> None:
        """Begin anew; after a fork the parent still owns what waited."""
        self._changed = Condition()
        self._queue = WriteQueue(*self._times)
        self._thread: Thread | None = None
        self._breaker = Breaker()

    def schedule_save(
        self, session_id: str | None, session: UserSession, save_fn: SaveFunction | None = None
    ) -> None:
        """
        Have a session saved soon.

        Args:
            session_id: The session's id; None takes what it has.
            session: Read when it is saved. Another object under a queued id is saved, too.
            save_fn: Saves it; without one it is saved in a batch.

        Raises:
            ConfigError: If the ids differ, or there is neither *save_fn* nor ``save_many``.
            SessionKitError: If this object was closed.
        """
        if session_id is not None and session_id != session.session_id:
            msg = f"session_id is {session_id!r}, but the session's own is {session.session_id!r}"
            raise ConfigError(msg)
        if save_fn is None and self._save_many is None:
            msg = "pass save_fn, or make SessionPersistence(save_many=repository.save_many)"
            raise ConfigError(msg)
        with self._changed:
            if self._closed:
                msg = f"session {session.session_id!r} is scheduled after close(): it would be lost"
                raise SessionKitError(msg)
            if self._queue.put(session, save_fn, self._clock()) is not None:
                self._wake()

    def _wake(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._run, name="sessionkit-writer", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down: ``flush`` saves by itself
                self._thread = None
        self._changed.notify_all()

    def is_pending(self, session_id: str) -> bool:
        """Return whether a session of this id waits or is being saved."""
        with self._changed:
            return any(True for _ in self._queue.of(session_id))

    def discard(self, session_id: str) -> None:
        """Forget what waits under an id, such as one that was ended."""
        with self._changed:
            self._queue.discard(session_id)

    def flush(self, session_id: str | None = None, timeout: float | None = None) -> bool:
        """
        Save now what waits.

        Args:
            session_id: Only this session; None for all.
            timeout: Seconds to wait for it. None waits until each was tried; 0
                only signals and never blocks.

        Returns:
            True when nothing is left to save; False when the time was over or a
            save failed (it is tried again by itself if the store was unavailable).
        """
        with self._changed:
            slots = self._queue.hurry(session_id, self._clock())
            self._breaker.reset()
            if not slots:
                return True
            failures = [slot.failures for slot in slots]
            self._wake()
            if timeout == 0:
                return False
            if self._thread is not None:
                self._changed.wait_for(lambda: _all_tried(slots, failures), timeout)
        if self._thread is None:
            self._save_due()
        return not any(slot.dirty or slot.in_flight for slot in slots) and all(
            slot.failures <= before for slot, before in zip(slots, failures, strict=True)
        )

    def close(self, timeout: float | None = None) -> bool:
        """
        Save what waits and take nothing more; closing twice is fine.

        Returns:
            As :meth:`flush`; what could not be saved is logged.
        """
        done = self.flush(timeout=timeout)
        with self._changed:
            self._closed = True
            left = sorted({short(slot.session.session_id) for slot in self._queue.of(None)})
            for session in [slot.session for slot in self._queue.of(None)]:
                self._queue.discard(session.session_id)
            self._changed.notify_all()
        if left:
            logger.error("closed with unsaved changes of sessions %s", ", ".join(left))
        return done

    # -- the writer ------------------------------------------------------------

    def _run(self) -> None:
        while self._wait():
            self._save_due()

    def _wait(self) -> bool:
        """Wait until something is due; return False when the thread has nothing to live for."""
        with self._changed:
            while True:
                due = self._queue.next_due()
                if due is None:
                    idle = self._closed or not self._changed.wait(_LINGER)
                    if idle and self._queue.next_due() is None:
                        self._thread = None
                        return False
                    continue
                left = max(due, self._breaker.retry_at) - self._clock()
                if left <= 0:
                    return True
                self._changed.wait(left)

    def _save_due(self) -> None:
        with self._changed:
            slots = self._queue.take(self._clock(), self._batch_size)
        if not slots:
            return
        outcomes = save_slots(slots, self._save_many)
        for slot, outcome in zip(slots, outcomes, strict=True):
            if outcome is not None:
                self._report(slot.session, outcome)
        with self._changed:
            down = all(isinstance(outcome, UnavailableError) for outcome in outcomes)
            retry_at = self._breaker.note(self._clock(), down=down)
            for slot, outcome in zip(slots, outcomes, strict=True):
                self._settle(slot, outcome, retry_at)
            self._changed.notify_all()

    def _settle(self, slot: Slot, outcome: Exception | None, retry_at: float) -> None:
        if outcome is None:
            self._queue.saved(slot)
        elif isinstance(outcome, UnavailableError) and not self._closed:
            self._queue.failed(slot, retry_at)
        else:
            self._queue.failed(slot, None)

    def _report(self, session: UserSession, error: Exception) -> None:
        try:
            self._on_failure(session, error, isinstance(error, UnavailableError))
        except Exception:  # an observer's bug must not end the writer
            logger.exception("the observer of failed saves failed itself")


def _all_tried(slots: Sequence[Slot], failures: Sequence[int]) -> bool:
    return all(
        slot.failures > before or not (slot.dirty or slot.in_flight)
        for slot, before in zip(slots, failures, strict=True)
    )


_LIVE: Final[WeakSet[SessionPersistence]] = WeakSet()


def _close_all() -> None:
    for persistence in list(_LIVE):
        persistence.close(timeout=_EXIT_TIMEOUT)


def _forget_all() -> None:
    for persistence in list(_LIVE):
        persistence._start_empty()  # noqa: SLF001 - the same module


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
