# SPDX-License-Identifier: Apache-2.0
"""The one thread that saves what is due in batches, and looks at sessions in use now and then."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from threading import TIMEOUT_MAX, Thread, current_thread, get_ident
from typing import Final

from sessionkit.persistence.attempts import Passing, SaveAttempts, keep_found
from sessionkit.persistence.health import StoreHealth
from sessionkit.persistence.queue import SaveQueue, Slot
from sessionkit.persistence.saver import Saver
from sessionkit.session.session import UserSession

_SHORTEST_LOOK: Final = 1.0
"""Seconds between two looks at the sessions in use, at least: each is encoded and compared."""

_IDLE_WAIT: Final = 10.0
"""Seconds that the thread waits for work before it ends."""

_LOGGER: Final = logging.getLogger("sessionkit")


class Use:
    """
    A use of a session.

    Attributes:
        session: The session.
    """

    __slots__ = ("session",)

    def __init__(self, session: UserSession) -> None:
        """Begin; attrs would take twice as long."""
        self.session = session


class SessionsInUse:
    """
    The sessions that runs of the app's code use: they are looked at now and then, since what changes them may announce nothing.

    Attributes:
        look_at: When they are looked at next, in seconds; infinite where there are none.
    """

    def __init__(self, every: float) -> None:
        """Begin with none; they are looked at every so many seconds."""
        self._every = max(_SHORTEST_LOOK, every)
        self._uses: set[Use] = set()
        self.look_at = math.inf

    def __len__(self) -> int:
        """Return how many uses there are."""
        return len(self._uses)

    def add(self, use: Use) -> None:
        """Begin a use; needs no lock, as all that each rerun does."""
        self._uses.add(use)

    def remove(self, use: Use) -> None:
        """End a use; needs no lock."""
        self._uses.discard(use)

    def plan_look(self, now: float) -> None:
        """Set when they are looked at next."""
        self.look_at = now + self._every if self._uses else math.inf

    def sessions(self, session_id: str | None = None) -> list[UserSession]:
        """Return the sessions in use, of an id or all, each once."""
        used = {id(use.session): use.session for use in list(self._uses)}
        return [one for one in used.values() if session_id in {None, one.session_id}]


class Writer:
    """
    The thread that saves what is due in batches, one after the other.

    Attributes:
        in_use: The sessions that it looks at.
        thread: The thread, while there is one.
    """

    def __init__(  # noqa: PLR0913 - each is handed in
        self,
        queue: SaveQueue,
        saver: Saver,
        health: StoreHealth,
        attempts: SaveAttempts,
        *,
        clock: Callable[[], float],
        batch_size: int,
        look_every: float,
        can_find: bool,
        owner: object,
    ) -> None:
        """
        Begin without a thread: the first session starts it.

        Args:
            queue: Says what is due.
            saver: Its journal keeps what is found.
            health: Says when the store may be tried.
            attempts: Saves.
            clock: Returns seconds that never go back.
            batch_size: Sessions saved together, at most.
            look_every: Seconds between two looks at sessions in use.
            can_find: Whether the saver saves sessions that nobody has scheduled.
            owner: Lives for as long as the thread does: at the process's end it saves what waits.
        """
        self._queue = queue
        self._saver = saver
        self._health = health
        self._attempts = attempts
        self._clock = clock
        self._batch_size = batch_size
        self._can_find = can_find
        self._owner = owner
        self.in_use: Final = SessionsInUse(look_every)
        self.thread: Thread | None = None

    # -- what nobody has scheduled --------------------------------------------

    def begin_use(self, session: UserSession) -> Use:
        """Look at a session now and then until the use is removed."""
        use = Use(session)
        self.in_use.add(use)
        if self.in_use.look_at == math.inf or self.thread is None:
            with self._queue.lock:
                if self.in_use.look_at == math.inf:
                    self.in_use.plan_look(self._clock())
                if not self._queue.closed:
                    self.wake()
        return use

    def find(self, sessions: Iterable[UserSession]) -> list[UserSession]:
        """Queue sessions that don't wait yet, and return them: their saves find out whether they have changed."""
        if not self._can_find:
            return []
        with self._queue.lock:
            return [] if self._queue.closed else self._queue.put_idle(sessions, self._clock())

    def _look(self) -> None:
        with self._queue.lock:
            self.in_use.plan_look(self._clock())
        keep_found(self._saver, self.find(self.in_use.sessions()))

    # -- the thread -----------------------------------------------------------

    def is_current_thread(self) -> bool:
        """Return whether the calling thread is the writer's own."""
        return current_thread() is self.thread

    def wake(self) -> None:
        """Have the writer look; a new one takes the place of one that ended or died. The caller holds the lock."""
        if self.thread is None or not self.thread.is_alive():
            self.thread = Thread(target=self._run, name="sessionkit-writer", daemon=True)
            try:
                self.thread.start()
            except RuntimeError:  # the interpreter is shutting down: ``flush`` saves by itself
                self.thread = None
        self._queue.changed.notify_all()

    def _run(self) -> None:
        try:
            while self._wait():
                if self._clock() >= self.in_use.look_at:
                    self._look()
                else:
                    self.save_due()
        except (
            BaseException
        ):  # a bug of ours: it must not be told to nobody, nor start over at once
            _LOGGER.exception("the writer died; another one takes its place with the next change")
            with self._queue.lock:
                if self.is_current_thread():
                    self.thread = None

    def _wait(self) -> bool:
        """Wait until something is due; return False when the thread has nothing to live for."""
        queue = self._queue
        with queue.lock:
            while True:
                while queue.resting:
                    queue.changed.wait()
                due = queue.next_due()
                look_in = math.inf if queue.closed else self.in_use.look_at - self._clock()
                if due is None and look_in == math.inf:
                    idle = queue.closed or not queue.changed.wait(_IDLE_WAIT)
                    in_use = bool(self.in_use) and not queue.closed
                    if idle and not in_use and queue.next_due() is None:
                        self.thread = None
                        return False
                    continue
                left = math.inf
                if due is not None:
                    left = max(due, self._health.retry_at) - self._clock()
                if min(left, look_in) <= 0:
                    return True
                queue.changed.wait(min(left, look_in, TIMEOUT_MAX))

    def save_due(self, passing: Passing = ()) -> bool:
        """Save a batch of what is due, on the calling thread; return whether there was any."""
        slots: list[Slot] = []
        try:
            with self._queue.lock:
                if self._queue.resting:
                    return False
                # One is enough to find out whether the store is back.
                limit = 1 if self._health.is_failing else self._batch_size
                slots += self._queue.take(self._clock(), limit, get_ident())
                if not slots:
                    return False
            self._attempts.run(slots, passing)
        except BaseException:  # Ctrl-C too: no session stays in flight behind; raised again
            self._attempts.put_back(slots)
            raise
        return True
