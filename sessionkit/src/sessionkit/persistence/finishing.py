# SPDX-License-Identifier: Apache-2.0
"""What waits is saved now: at a flush, at the end, and before a process forks."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from threading import get_ident
from typing import Final

from sessionkit.persistence.admission import Admission
from sessionkit.persistence.outcomes import logger
from sessionkit.persistence.released import released
from sessionkit.persistence.slots import Awaited, Slot
from sessionkit.persistence.spilling import Spilled
from sessionkit.session.arguments import SESSION_ID_OR_ALL, TIMEOUT
from sessionkit.session.fields import short
from sessionkit.session.session import UserSession

_PATIENCE: Final = 2.0
"""Seconds that a fork waits for saves in flight, at most."""

_NAMED: Final = 10
"""How many sessions a report names."""


class Finishing(Admission):
    """Saves what waits before it is too late."""

    def flush(self, session_id: str | None = None, timeout: float | None = None) -> bool:
        """
        Save now what waits.

        Args:
            session_id: Only this session; None for all.
            timeout: Seconds to wait for it. None waits until each was tried, or the
                store turns out to be down; 0 only signals and never blocks.

        Returns:
            True when nothing is left to save; False when the time was over or a
            save failed (it is tried again by itself if the store was unavailable).

        Raises:
            TypeError: If an argument is none of these: ``flush(10)`` names no session.
        """
        SESSION_ID_OR_ALL.check(session_id)
        TIMEOUT.check(timeout)
        with self._lock:
            awaited: list[Awaited | Spilled] = []
            awaited += [Awaited.of(slot) for slot in self._queue.hurry(session_id)]
            awaited += self._spill.of(session_id)
            if not awaited:
                return True
            self._breaker.let_through()
            self._wake()
            if timeout == 0 or get_ident() in self._saving:
                return False
            is_over = self._until_tried(awaited)
        # Who saves needs the locks of the sessions, and the caller may hold some.
        with released(*(slot.session.lock for slot in self._queue.of(session_id))):
            with self._lock:
                if self._thread is not None:
                    self._settled.wait_for(is_over, timeout)
            if self._thread is None:
                self._save_here(is_over, timeout)
        return all(one.stored for one in awaited)

    def _until_tried(self, awaited: Sequence[Awaited | Spilled]) -> Callable[[], bool]:
        before = self._breaker.tries  # what had begun says nothing of now
        return lambda: self._breaker.failed > before or all(one.tried for one in awaited)

    def _save_here(self, is_over: Callable[[], bool], timeout: float | None) -> None:
        """Do without the writer: while the interpreter shuts down no thread can be started."""
        begin = time.monotonic()
        while not is_over() and (timeout is None or time.monotonic() - begin < timeout):
            self._recall()
            if not self._save_due():
                return

    def close(self, timeout: float | None = None) -> bool:
        """
        Save what waits and take nothing more; closing twice is fine.

        Args:
            timeout: As for :meth:`flush`.

        Returns:
            As :meth:`flush`; what could not be saved is logged, and what was rejected.
        """
        done = self.flush(timeout=timeout)
        with self._lock:
            if not self._closed:
                self._log_rejected()
            self._closed = True
            self._log_left()
            for slot in self._queue.of(None):
                self._let_go(slot)
            for entry in self._spill.of(None):
                self._spill.discard(entry.session_id)
            self._changed.notify_all()
            self._settled.notify()
        return done

    def _log_left(self) -> None:
        slots, spilled = self._waiting(None), self._spill.of(None)
        if not slots and not spilled:
            return
        names = {slot.session.session_id for slot in slots} | {one.session_id for one in spilled}
        oldest = self._clock() - min(self._since(slots, spilled))
        errors = [slot.error for slot in slots if slot.error]
        logger.error(
            "closed with unsaved changes of %s, the oldest %.1f s old: %s; %s",
            _listed(names),
            oldest,
            errors[-1] if errors else "the time was over",
            self._fate,
        )

    def _log_rejected(self) -> None:
        if rejected := self._rejected.of(None):
            names = {one.session.session_id for one in rejected}
            said = "closed with rejected changes of %s: %s; %s"
            logger.error(said, _listed(names), rejected[-1].error, self._fate)

    @property
    def _fate(self) -> str:
        return "the journal has them" if self._ways.keep else "they are lost"

    @staticmethod
    def _since(slots: Sequence[Slot], spilled: Sequence[Spilled]) -> list[float]:
        """Return when the oldest changes came."""
        return [slot.since for slot in slots] + [one.since for one in spilled]

    def _waiting(self, which: str | UserSession | None) -> list[Slot]:
        """Return the slots of a session, an id, or all, in which something waits; needs no lock."""
        if isinstance(which, UserSession):
            slot = self._queue.slots.get(id(which))
            return [slot] if slot is not None and slot.waits else []
        return [slot for slot in self._queue.of(which) if slot.waits]

    # -- the process ends or forks ---------------------------------------------

    def save_at_exit(self) -> None:
        """Save what waits, trying again until ``exit_timeout`` is over, and log what was not saved."""
        begin, timeout = time.monotonic(), self._ways.exit_timeout
        if not self._closed and not self.flush(timeout=timeout):
            with self._lock:
                if self._thread is not None:  # it tries again by itself
                    left = timeout - (time.monotonic() - begin)
                    self._settled.wait_for(
                        lambda: not self._waiting(None) and not len(self._spill), left
                    )
        self.close(timeout=0)

    def before_fork(self) -> None:
        """Let saves in flight end, and begin none: their locks would stay locked in the child."""
        thread = get_ident()
        self._lock.acquire()
        self._resting = True
        self._settled.wait_for(lambda: not self._is_saving(thread), _PATIENCE)

    def _is_saving(self, thread: int) -> bool:
        """Return whether any other thread is in the midst of a save."""
        return any(slot.in_flight and slot.saver != thread for slot in self._queue.of(None))

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._resting = False
        self._changed.notify_all()
        self._settled.notify()
        self._lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: what waits is the parent's."""
        self._start_empty()


def _listed(session_ids: Collection[str]) -> str:
    """Return how many sessions there are, and the short ids of some."""
    shown = sorted(map(short, session_ids))[:_NAMED]
    more = f" and {len(session_ids) - _NAMED} more" if len(session_ids) > _NAMED else ""
    plural = "" if len(session_ids) == 1 else "s"
    return f"{len(session_ids)} session{plural} ({', '.join(shown)}{more})"
