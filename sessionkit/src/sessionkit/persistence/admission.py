# SPDX-License-Identifier: Apache-2.0
"""Which sessions may wait to be saved, and what is done with more than that."""

from __future__ import annotations

import time
from threading import get_ident

from sessionkit.errors import ConfigError
from sessionkit.persistence.immediate import Immediate
from sessionkit.persistence.pressure import RAISE, SPILL
from sessionkit.persistence.released import released
from sessionkit.persistence.slots import SaveFunction
from sessionkit.session.session import UserSession


class Admission(Immediate):
    """Lets a bounded number of sessions wait. One that waits already is never refused."""

    def _enter(
        self, session: UserSession, save_fn: SaveFunction | None, *, bounded: bool = True
    ) -> bool:
        """Queue a session, or do what the limits say; return whether the journal was told."""
        if save_fn is None and self._ways.save_many is None:
            msg = "pass save_fn, or make SessionPersistence(save_many=repository.save_many)"
            raise ConfigError(msg)
        size = 0 if id(session) in self._queue.slots else self._size_of(session)
        deadline: float | None = None
        while not self._admit(session, save_fn, size if bounded else None):
            if self._ways.limits.when_full == SPILL and save_fn is None:
                self._spill_over(session)
                return True
            # Who saves makes the room that others wait for.
            if self._ways.limits.when_full == RAISE or get_ident() in self._saving:
                raise self._full(session)
            now = time.monotonic()
            deadline = deadline or now + self._ways.limits.full_timeout_ms / 1000
            self._await_room(session, size, deadline - now)
        return False

    def _admit(self, session: UserSession, save_fn: SaveFunction | None, size: int | None) -> bool:
        debounce_of = self._ways.debounce_of
        debounce = None if debounce_of is None else debounce_of(session)
        with self._lock:
            self._check_open(session)
            new = id(session) not in self._queue.slots
            if new and size is not None and not self._fits(size):
                # Room is made by saving, sooner than would be needed else.
                self._queue.relieve(self._clock(), self._ways.batch_size)
                self._wake()
                return False
            # A thread that could not be started, such as for a limit of the system, may start now.
            if self._queue.put(session, save_fn, self._clock(), debounce) or self._thread is None:
                self._wake()
            if new and size:
                self._queue.weigh(self._queue.open(session), size)
            return True

    def _fits(self, size: int) -> bool:
        return self._ways.limits.takes(len(self._queue), self._queue.size, size)

    def _await_room(self, session: UserSession, size: int, timeout: float) -> None:
        # The writer may need the lock of the very session that the caller holds.
        with released(session.lock), self._lock:
            if not self._settled.wait_for(lambda: self._closed or self._fits(size), timeout):
                raise self._full(session)

    def _spill_over(self, session: UserSession) -> None:
        """Leave a session to the journal, and keep its id; one that it can't take is not let go of."""
        try:
            kept = self._ways.keep is None or self._ways.keep(session) is not False
        except Exception as error:
            # Whatever a journal raises, it does not have the session: that is what the app is told.
            raise self._full(session, error) from error
        if not kept:
            raise self._full(session)
        with self._lock:
            self._spill.add(session, self._clock())
