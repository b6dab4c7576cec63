# SPDX-License-Identifier: Apache-2.0
"""The one thread that saves what is due."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import TIMEOUT_MAX, Thread, current_thread, get_ident
from typing import Final

from sessionkit.errors import UnavailableError, text_of
from sessionkit.persistence.flushing import save_slots
from sessionkit.persistence.outcomes import Outcomes, logger
from sessionkit.persistence.slots import Awaited, Slot
from sessionkit.persistence.spilling import Spilled
from sessionkit.session.fields import short
from sessionkit.session.session import UserSession

_LINGER: Final = 10.0
"""Seconds that the thread waits for work before it ends."""


class Writer(Outcomes):
    """Saves what is due in batches, one after the other."""

    def _start_empty(self) -> None:
        super()._start_empty()
        self._thread: Thread | None = None
        self._saving: set[int] = set()  # the threads that are in the midst of a save
        self._resting = False

    def _wake(self) -> None:
        """Have the writer look; a new one takes the place of one that ended or died."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            if thread is not None:
                self._put_back(self._queue.of(None), thread.ident)
            self._thread = Thread(target=self._run, name="sessionkit-writer", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down: ``flush`` saves by itself
                self._thread = None
        self._changed.notify_all()

    def _run(self) -> None:
        try:
            while self._wait():
                self._recall()
                self._save_due()
        except BaseException:  # noqa: BLE001 - such as SystemExit in a plugin
            logger.exception("the writer died; another one takes its place")
        with self._lock:
            if self._thread is current_thread():  # it died
                self._put_back(self._queue.of(None), get_ident())
                self._thread = None
                if self._next_due() is not None:
                    self._wake()

    def _wait(self) -> bool:
        """Wait until something is due; return False when the thread has nothing to live for."""
        with self._lock:
            while True:
                while self._resting:
                    self._changed.wait()
                due = self._next_due()
                if due is None:
                    idle = self._closed or not self._changed.wait(_LINGER)
                    if idle and self._next_due() is None:
                        self._thread = None
                        return False
                    continue
                left = max(due, self._breaker.retry_at) - self._clock()
                if left <= 0:
                    return True
                self._changed.wait(min(left, TIMEOUT_MAX))

    def _next_due(self) -> float | None:
        if len(self._spill) and self._room():
            return -math.inf
        return self._queue.next_due()

    def _save_due(self) -> bool:
        """Save a batch of what is due; return whether there was any."""
        with self._lock:
            if self._resting:
                return False
            # One is enough to find out whether the store is back.
            limit = 1 if self._breaker.is_failing else self._ways.batch_size
            slots = self._queue.take(self._clock(), limit, get_ident())
            if not slots:
                return False
            self._begun(slots)
        with self._in_save(slots):
            self._conclude(slots, save_slots(slots, self._ways.save_many))
        return True

    @contextmanager
    def _in_save(self, slots: Sequence[Slot]) -> Iterator[None]:
        """Mark the thread; whatever ends it, what it did not finish is tried again."""
        thread = get_ident()
        outermost = thread not in self._saving
        self._saving.add(thread)
        try:
            yield
        finally:
            if outermost:
                self._saving.discard(thread)
            if any(slot.in_flight and slot.saver == thread for slot in slots):
                with self._lock:
                    self._put_back(slots, thread)

    def _put_back(self, slots: Iterator[Slot] | Sequence[Slot], thread: int | None) -> None:
        """Queue what a thread left behind in the midst of a save, and pause: it may happen again."""
        left = [slot for slot in slots if slot.in_flight and slot.saver == thread]
        retry_at = self._went_down("a save was broken off", left[0].batch if left else None)
        for slot in left:
            self._queue.failed(slot, retry_at)
            slot.tell(None, done=False)
        self._settled.notify()

    # -- what was let go of ----------------------------------------------------

    def _room(self) -> int:
        return self._ways.limits.room(len(self._queue), self._queue.size)

    def _recall(self) -> None:
        """Bring back what was let go of, as far as there is room."""
        for _ in range(self._ways.batch_size):
            with self._lock:
                entries = self._spill.first(1) if self._room() and not self._resting else []
            if not entries or not self._bring_back(entries[0]):
                return

    def _bring_back(self, entry: Spilled) -> bool:
        """Queue what an id stands for; return False if that has to wait."""
        with self._lock:
            number = self._breaker.begin()
        try:
            sessions = entry.sessions() or self._revived(entry)
        except UnavailableError as error:
            with self._lock:
                self._went_down(text_of(error), number)
            return False
        sizes = [self._size_of(session) for session in sessions]
        with self._lock:
            if self._spill.remove(entry):
                for session, size in zip(sessions, sizes, strict=True):
                    slot = self._queue_again(session, size, entry.since)
                    entry.awaited.append(Awaited.of(slot))
                entry.gone = not sessions
                self._settled.notify()
        return True

    def _queue_again(self, session: UserSession, size: int, since: float) -> Slot:
        self._queue.put(session, None, self._clock())
        slot = self._queue.open(session)
        slot.first = min(slot.first, since)
        self._queue.hurry_one(slot)
        self._queue.weigh(slot, size)
        return slot

    def _revived(self, entry: Spilled) -> list[UserSession]:
        """Make a session again; none when all of it was stored meanwhile, or the journal can't."""
        revive = self._ways.revive
        session = None
        try:
            session = None if revive is None else revive(entry.session_id)
        except UnavailableError:
            raise
        except Exception:  # noqa: BLE001 - the journal's bug must not end the writer
            logger.exception("session %s could not be revived", short(entry.session_id))
            entry.lost = True
        return [] if session is None else [session]
