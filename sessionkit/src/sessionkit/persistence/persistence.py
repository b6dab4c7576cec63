# SPDX-License-Identifier: Apache-2.0
"""Write-behind: saves sessions a little later, together, on one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sessionkit.errors import ConfigError
from sessionkit.persistence.exits import save_before_exit
from sessionkit.persistence.flushing import FailureObserver, SaveMany, log_failure
from sessionkit.persistence.pressure import SPILL, QueueLimits
from sessionkit.persistence.slots import SaveFunction
from sessionkit.persistence.standing import Standing
from sessionkit.persistence.ways import Ways
from sessionkit.session.arguments import SESSION
from sessionkit.session.fields import utc_now
from sessionkit.session.session import UserSession


class SessionPersistence(Standing):
    """
    Saves sessions after their changes have paused.

    However often a session is scheduled within the window, it is saved once,
    as it is at that moment. Never are two saves of one session in flight. What
    waits is saved at exit; ``close`` does it at once. Any number of threads use one at once.
    """

    def __init__(  # noqa: PLR0913 - each is handed in, by keyword
        self,
        debounce_ms: float = 500,
        max_wait_ms: float = 5000,
        *,
        save_many: SaveMany | None = None,
        save_one: SaveFunction | None = None,
        batch_size: int = 100,
        limits: QueueLimits | None = None,
        exit_timeout_ms: float = 10_000,
        on_failure: FailureObserver = log_failure,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        debounce_of: Callable[[UserSession], float | None] | None = None,
        keep: Callable[[UserSession], Any] | None = None,
        revive: Callable[[str], UserSession | None] | None = None,
        size_of: Callable[[UserSession], int] | None = None,
        stored_as: Callable[[UserSession], object] | None = None,
    ) -> None:
        """
        Start with nothing to save; the thread starts with the first session.

        Args:
            debounce_ms: How long a save waits for more changes, in milliseconds.
            max_wait_ms: How long a save waits at most, in milliseconds.
            save_many: Saves sessions that are scheduled without a function of their own.
            save_one: Saves one session for :meth:`save_now`; *save_many* does when None.
            batch_size: Sessions saved together, at most.
            limits: How much may wait.
            exit_timeout_ms: How long the process's end waits for the store, in milliseconds.
            on_failure: Told of failed saves: of a store that is down once a session, of
                a save that was refused once a reason.
            clock: Returns seconds that never go back.
            now: Returns the present moment; it is shown, and decides nothing.
            debounce_of: Returns how long a session's save waits for more changes, in
                seconds; None for *debounce_ms*. Asked at each schedule.
            keep: A journal's: told of each session after it was scheduled, on that thread.
            revive: A journal's: makes a session again that the queue had no room for.
            size_of: Returns how many bytes a session holds, encoded.
            stored_as: Returns what each write of a session changes, such as its
                ``save_id``: a save that changed nothing doesn't show that the store is back.

        Raises:
            ConfigError: If a time is negative, ``batch_size`` is not positive, or
                sessions are to be spilled and there is no journal.
        """
        if min(debounce_ms, max_wait_ms, exit_timeout_ms) < 0 or batch_size < 1:
            msg = "debounce_ms, max_wait_ms and exit_timeout_ms are 0 or more, batch_size is 1 or more"
            raise ConfigError(msg)
        limits = QueueLimits() if limits is None else limits
        if limits.when_full == SPILL and (keep is None or revive is None):
            msg = (
                f"when_full is {SPILL!r}, which needs a journal: set one, or choose another policy"
            )
            raise ConfigError(msg)
        super().__init__(
            Ways(
                debounce=debounce_ms / 1000,
                max_wait=max_wait_ms / 1000,
                save_many=save_many,
                save_one=save_one,
                batch_size=batch_size,
                limits=limits,
                exit_timeout=exit_timeout_ms / 1000,
                on_failure=on_failure,
                clock=clock,
                now=now,
                debounce_of=debounce_of,
                keep=keep,
                revive=revive,
                size_of=size_of,
                stored_as=stored_as,
            )
        )
        self._keep, self._debounce_of = keep, debounce_of
        save_before_exit(self)

    def schedule_save(
        self,
        session_id: str | None,
        session: UserSession,
        save_fn: SaveFunction | None = None,
        *,
        bounded: bool = True,
    ) -> None:
        """
        Have a session saved soon.

        Args:
            session_id: The session's id; None takes what it has.
            session: Read when it is saved. Another object under a queued id is saved, too.
            save_fn: Saves it; without one it is saved in a batch.
            bounded: False for work that is never refused, however much waits.

        Raises:
            ConfigError: If the ids differ, or there is neither *save_fn* nor ``save_many``.
            QueueFullError: If too many sessions wait already, and that is the policy.
            SessionKitError: If this object was closed.
        """
        SESSION.check(session)
        if session_id is not None and session_id != session.session_id:
            msg = f"session_id is {session_id!r}, but the session's own is {session.session_id!r}"
            raise ConfigError(msg)
        if self.schedule_again(session, save_fn):
            return
        told = self._enter(session, save_fn, bounded=bounded)
        if self._keep is not None and save_fn is None and not told:
            self._keep(session)

    def schedule_again(self, session: UserSession, save_fn: SaveFunction | None = None) -> bool:
        """
        Have a session saved soon that waits to be saved already: what all changes but the first need.

        Returns:
            False when it doesn't wait, or not for this function: :meth:`schedule_save` queues it.
        """
        slot, debounce_of = self._queue.slots.get(id(session)), self._debounce_of
        # Without the lock: what is seen to wait here is encoded after this, with what was changed
        # before. A save that begins meanwhile has it all.
        if (
            slot is None
            or not slot.dirty
            or not slot.entry
            or self._thread is None
            or slot.save_fn is not save_fn
            or (debounce_of is not None and debounce_of(session) != slot.own_debounce)
        ):
            return False
        slot.last = self._clock()
        if self._keep is not None and save_fn is None:
            self._keep(session)
        return True

    def discard(self, session_id: str) -> None:
        """Forget what waits under an id, such as one that was ended, and what was rejected."""
        with self._lock:
            self._queue.discard(session_id)
            self._spill.discard(session_id)
            self._rejected.discard(session_id)
            self._incomplete.discard(session_id)
            self._settled.notify()
