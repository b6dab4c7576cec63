# SPDX-License-Identifier: Apache-2.0
"""What an app does with saves: schedule them, save now, flush, ask how they stand, close."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from threading import RLock, get_ident, main_thread
from typing import Any, Final, NoReturn

from sessionkit.errors import ConfigError, QueueFullError, SessionKitError, UnavailableError
from sessionkit.persistence.attempts import SaveAttempts, keep_found
from sessionkit.persistence.exits import EXITS, save_before_exit
from sessionkit.persistence.health import StoreHealth
from sessionkit.persistence.queue import (
    RAISE,
    AwaitedSave,
    QueueLimits,
    SaveFunction,
    SaveQueue,
    Slot,
)
from sessionkit.persistence.refusals import Refusals
from sessionkit.persistence.saver import (
    FailureObserver,
    FunctionSaver,
    SaveMany,
    Saver,
    log_failure,
)
from sessionkit.persistence.writer import Use, Writer
from sessionkit.records import short
from sessionkit.session.arguments import SESSION, SESSION_ID_OR_ALL, SESSION_OR_ID, TIMEOUT
from sessionkit.session.fields import utc_now
from sessionkit.session.session import UserSession
from sessionkit.status import PersistenceStatus, RejectedSave, State

_LOGGER: Final = logging.getLogger("sessionkit")

_PATIENCE: Final = 2.0
"""Seconds that a fork waits for saves in flight, at most."""

_CALLERS: Final = (BaseException,)
"""What goes on to who saves on their own thread: the interrupt, the time limit or the cancellation is theirs."""

_ENDING: Final = (KeyboardInterrupt, SystemExit)
"""The same at the end of the process, where others have still to be saved."""

_NAMED: Final = 10
"""How many sessions a report names."""


class SessionPersistence:
    """
    Saves sessions write-behind: debounced, in batches on one thread, retried while the store is down.

    However often a session is scheduled within the window, it is saved once,
    as it is at that moment. Never are two saves of one session in flight. What
    waits is saved at exit; ``close`` does it at once. Any number of threads use one at once.
    """

    def __init__(  # noqa: PLR0913 - each is handed in, by keyword
        self,
        debounce_ms: float = 500,
        max_wait_ms: float = 5000,
        *,
        saver: Saver | None = None,
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
        size_of: Callable[[UserSession], int] | None = None,
        stored_as: Callable[[UserSession], object] | None = None,
        live: Callable[[], Iterable[UserSession]] | None = None,
    ) -> None:
        """
        Start with nothing to save; the thread starts with the first session.

        Args:
            debounce_ms: How long a save waits for more changes, in milliseconds.
            max_wait_ms: How long a save waits at most, in milliseconds.
            saver: Does all that functions may be given for below, in their place.
            save_many: Saves sessions that are scheduled without a function of their own;
                *save_one* does, one by one, when None.
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
            size_of: Returns how many bytes a session holds, encoded.
            stored_as: Returns what each write of a session changes, such as its
                ``save_id``: a save that changed nothing doesn't show that the store is back.
            live: Returns the sessions that are looked at in the end, whatever was scheduled.

        Raises:
            ConfigError: If a time is negative, or ``batch_size`` is not positive.
        """
        if min(debounce_ms, max_wait_ms, exit_timeout_ms) < 0 or batch_size < 1:
            msg = "debounce_ms, max_wait_ms and exit_timeout_ms are 0 or more, batch_size is 1 or more"
            raise ConfigError(msg)
        self._can_save = any(one is not None for one in (saver, save_many, save_one))
        self._saver: Saver = (
            saver
            if saver is not None
            else FunctionSaver(
                one=save_one,
                many=save_many,
                on_failure=on_failure,
                debounce=debounce_of,
                keep=keep,
                size=size_of,
                stored_as=stored_as,
                all_live=live,
            )
        )
        # Looked up once: they are asked at each input.
        self._debounce_of, self._keep = self._saver.debounce_of, self._saver.keep
        self._debounce, self._max_wait = debounce_ms / 1000, max_wait_ms / 1000
        self._batch_size = batch_size
        self._limits = QueueLimits() if limits is None else limits
        self._exit_timeout = exit_timeout_ms / 1000
        self._clock = clock
        self._now = now
        self._begin()
        save_before_exit(self)

    def _begin(self, *, closed: bool = False) -> None:
        """Begin with nothing to save; after a fork anew, as the parent still owns what waited."""
        self._queue = SaveQueue(self._debounce, self._max_wait, self._limits, closed=closed)
        self._slots = self._queue.slots
        self._health = StoreHealth()
        self._refusals = Refusals()
        self._lost_at: datetime | None = None
        self._attempts = SaveAttempts(
            self._queue,
            self._saver,
            self._health,
            self._refusals,
            clock=self._clock,
            now=self._now,
        )
        self._writer = Writer(
            self._queue,
            self._saver,
            self._health,
            self._attempts,
            clock=self._clock,
            batch_size=self._batch_size,
            look_every=self._max_wait,
            can_find=self._can_save,
            owner=self,
        )

    # -- soon ------------------------------------------------------------------

    def schedule_save(
        self,
        session_id: str | None,
        session: UserSession,
        save_fn: SaveFunction | None = None,
        *,
        bounded: bool = True,
    ) -> None:
        """
        Have a session saved soon; while the interpreter ends, now.

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
        if not isinstance(session, UserSession):
            SESSION.check(session)  # as in save_now
        if session_id is not None and session_id != session.session_id:
            msg = f"session_id is {short(session_id)!r}, but the session's own is {short(session.session_id)!r}"
            raise ConfigError(msg)
        if not self.schedule_again(session, save_fn):
            self.begin_to_wait(session, save_fn, bounded=bounded)

    def schedule_again(self, session: UserSession, save_fn: SaveFunction | None = None) -> bool:
        """
        Have a session saved soon that waits to be saved already: what all changes but the first need.

        Returns:
            False when it doesn't wait, or not for this function: :meth:`schedule_save` queues it.
        """
        slot = self._slots.get(id(session))
        # Without the lock: what is seen to wait here is encoded after this, with what was changed
        # before. A save that begins meanwhile has it all.
        if (
            slot is None
            or not slot.dirty
            or not slot.entry
            or self._writer.thread is None
            or slot.save_fn is not save_fn
            or self._debounce_of(session) != slot.own_debounce
        ):
            return False
        slot.last = self._clock()
        if self._keep is not None and save_fn is None:
            self._keep(session)
        return True

    def begin_to_wait(
        self, session: UserSession, save_fn: SaveFunction | None = None, *, bounded: bool = True
    ) -> None:
        """
        Do as :meth:`schedule_save`, where :meth:`schedule_again` has said that the session does not wait.

        One that waits already stays. Of all others a full queue takes one more only as its limits say.
        """
        self._enter(session, save_fn, bounded=bounded)
        if self._keep is not None and save_fn is None:
            self._keep(session)
        if EXITS.over or not main_thread().is_alive():
            self._save_in_the_end(session)

    def _enter(self, session: UserSession, save_fn: SaveFunction | None, *, bounded: bool) -> None:
        if save_fn is None and not self._can_save:
            self._refuse_to_save()
        new = id(session) not in self._queue.slots
        size = self._saver.size_of(session) if new else 0
        deadline: float | None = None
        while not self._admit(session, save_fn, size if bounded else None):
            # Who saves makes the room that others wait for.
            if self._limits.when_full == RAISE or self._attempts.is_inside():
                raise self._queue.full_error(session)
            now = time.monotonic()
            deadline = deadline or now + self._limits.full_timeout_ms / 1000
            self._await_room(session, size, deadline - now)

    def _admit(self, session: UserSession, save_fn: SaveFunction | None, size: int | None) -> bool:
        debounce = self._debounce_of(session)
        queue = self._queue
        with queue.lock:
            queue.check_open(session)
            new = id(session) not in queue.slots
            if new and size is not None and not queue.has_room(size):
                # Room is made by saving, sooner than would be needed else.
                queue.relieve(self._clock(), self._batch_size)
                self._writer.wake()
                return False
            first = queue.put(session, save_fn, self._clock(), debounce, size if new else None)
            # A thread that could not be started, such as for a limit of the system, may start now.
            if first or self._writer.thread is None:
                self._writer.wake()
            return True

    def _await_room(self, session: UserSession, size: int, timeout: float) -> None:
        queue = self._queue
        # The writer may need the lock of the very session that the caller holds.
        with release_locks(session.lock), queue.lock:
            if not queue.settled.wait_for(lambda: queue.closed or queue.has_room(size), timeout):
                raise queue.full_error(session)

    def _refuse_to_save(self) -> NoReturn:
        msg = "pass save_fn, or make SessionPersistence(save_many=repository.save_many)"
        raise ConfigError(msg)

    # -- now -------------------------------------------------------------------

    def save_now(self, session: UserSession) -> None:
        """
        Save a session now, and return when it is stored.

        However many threads call it for one session, there are never two saves of it at
        once: who comes during a save waits for it, and then one of those who wait saves for all
        of them. It is tried even while the store is known to be down.

        Args:
            session: The session. Its lock is let go of meanwhile, if the caller holds it.

        Raises:
            SerializationError: If a value can't be kept; all else was saved.
            UnavailableError: If the store can't be reached; it is tried again by itself.
            QueueFullError: If the store can't be reached, and too many sessions wait for it.
            SessionGoneError: If the session was ended, deleted or replaced.
            ConflictError: If the conflict strategy refused.
            PluginError: If the strategy failed; nothing was stored.
            RejectedError: If the store will not take it.
            SessionKitError: If this object was closed, or it is called in the midst of a
                save of this session, such as by an observer: it follows then.
        """
        if not isinstance(session, UserSession):
            SESSION.check(session)  # says what is wrong
        with release_locks(session.lock):
            error = self._save_now(session)
        if error is not None:
            raise error

    def _save_now(self, session: UserSession) -> Exception | None:
        """Return what came of a save that began after now: another thread's, or our own."""
        queue, attempts, writer = self._queue, self._attempts, self._writer
        with queue.lock:
            queue.check_open(session)
            slot = queue.slots.get(id(session))
            if slot is None:
                if not self._can_save:
                    self._refuse_to_save()
                slot = queue.open(session)
            if slot.in_flight and attempts.is_inside():
                queue.put(session, slot.save_fn, self._clock())
                name = short(session.session_id)
                msg = f"session {name} is being saved; a save in the midst of a save can't wait for it, and follows"
                raise SessionKitError(msg)
            needed = slot.begun + 1
            slot.waiters += 1
        try:
            with queue.lock:
                # In the midst of a save nobody waits for one that has yet to begin.
                while slot.done < needed and (
                    slot.in_flight or (queue.resting and not attempts.is_inside())
                ):
                    queue.settled.wait()
                if slot.done >= needed:
                    return slot.told
                queue.begin([slot], self._clock(), get_ident())
            [error] = attempts.run([slot], _CALLERS, asked=True)
            waits = isinstance(error, UnavailableError) and not isinstance(error, QueueFullError)
            if waits and slot.save_fn is None and self._keep is not None:
                self._keep(session)
            return error
        finally:
            # What was to be saved is left to others, if something interrupted this thread.
            with queue.lock:
                slot.leave()
                if slot.in_flight:
                    attempts.put_back([slot])
                if not slot.waiters:
                    queue.again_or_out(slot)
                    if slot.dirty:
                        writer.wake()

    # -- before it is too late -------------------------------------------------

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
        found = self._writer.find(self._writer.in_use.sessions(session_id))
        if timeout != 0:
            keep_found(self._saver, found)
        queue = self._queue
        with queue.lock:
            awaited = [AwaitedSave.of(slot) for slot in queue.hurry(session_id)]
            if not awaited:
                return True
            self._health.let_through(queue.tries)
            self._writer.wake()
            if timeout == 0 or self._attempts.is_inside():
                return False
            is_over = self._until_tried(awaited)
        # Who saves needs the locks of the sessions, and the caller may hold some.
        with release_locks(*(slot.session.lock for slot in queue.of(session_id))):
            with queue.lock:
                if self._writer.thread is not None:
                    queue.settled.wait_for(is_over, timeout)
            if self._writer.thread is None:
                self._save_here(is_over, timeout)
        return all(one.stored for one in awaited)

    def _until_tried(self, awaited: Sequence[AwaitedSave]) -> Callable[[], bool]:
        before = self._queue.tries  # what had begun says nothing of now
        return lambda: self._health.failed > before or all(one.tried for one in awaited)

    def _save_here(self, is_over: Callable[[], bool], timeout: float | None) -> None:
        """Do without the writer: while the interpreter shuts down no thread can be started."""
        begin = time.monotonic()
        while not is_over() and (timeout is None or time.monotonic() - begin < timeout):
            if not self._writer.save_due(_ENDING):
                return

    def _save_in_the_end(self, session: UserSession) -> None:
        """Save what comes while the interpreter ends, such as in an ``atexit`` function of the app's: nobody does later."""
        if not self.flush(session.session_id, self._exit_timeout):
            self._log_left()

    def close(self, timeout: float | None = None) -> bool:
        """
        Save what waits and take nothing more; closing twice is fine.

        Args:
            timeout: As for :meth:`flush`.

        Returns:
            As :meth:`flush`; what could not be saved is logged, and what was rejected.
        """
        self._put_live()
        done = self.flush(timeout=timeout)
        queue = self._queue
        with queue.lock:
            if not queue.closed:
                self._log_rejected()
            queue.closed = True
            self._log_left()
            for slot in queue.of(None):
                queue.let_go(slot)
            queue.changed.notify_all()
            queue.settled.notify_all()
        return done

    def _put_live(self) -> None:
        """Queue all live sessions in the end: what nobody announced is found, and what has not changed costs no write."""
        if not self._queue.closed:
            keep_found(self._saver, self._writer.find(list(self._saver.live())))

    def _log_left(self) -> None:
        slots = self._queue.waiting(None)
        if not slots:
            return
        errors = [slot.error for slot in slots if slot.error]
        _LOGGER.error(
            "%s with unsaved changes of %s, the oldest %.1f s old: %s; %s",
            "closed" if self._queue.closed else "the process ends",
            _listed({slot.session.session_id for slot in slots}),
            self._clock() - min(slot.since for slot in slots),
            errors[-1] if errors else "the time was over",
            self._fate,
        )

    def _log_rejected(self) -> None:
        if rejected := self._refusals.rejected.of(None):
            names = {one.session.session_id for one in rejected}
            said = "closed with rejected changes of %s: %s; %s"
            _LOGGER.error(said, _listed(names), rejected[-1].error, self._fate)

    @property
    def _fate(self) -> str:
        return "they are lost" if self._saver.keep is None else "the journal has them"

    # -- the process ends or forks ---------------------------------------------

    def save_at_exit(self) -> None:
        """Save what waits, trying again until ``exit_timeout`` is over, and log what was not saved."""
        begin, timeout = time.monotonic(), self._exit_timeout
        self._put_live()
        queue = self._queue
        if not queue.closed and not self.flush(timeout=timeout):
            with queue.lock:
                if self._writer.thread is not None:  # it tries again by itself
                    left = timeout - (time.monotonic() - begin)
                    queue.settled.wait_for(lambda: not queue.waiting(None), left)
        self.close(timeout=0)

    def before_fork(self) -> None:
        """Let saves in flight end, and begin none: their locks would stay locked in the child."""
        queue, thread = self._queue, get_ident()
        queue.lock.acquire()
        queue.resting = True
        queue.settled.wait_for(lambda: not queue.is_saving(thread), _PATIENCE)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._queue.resting = False
        self._queue.changed.notify_all()
        self._queue.settled.notify_all()
        self._queue.lock.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: what waits is the parent's."""
        self._begin(closed=self._queue.closed)

    # -- how it stands ---------------------------------------------------------

    def status(self, session: str | UserSession | None = None) -> PersistenceStatus:
        """
        Return how saves stand; asks no store and waits for nobody.

        Args:
            session: Of this session, or of all objects of this id; None for all. The object
                is found at once, an id among all that wait.
        """
        SESSION_OR_ID.check(session)
        session_id = session.session_id if isinstance(session, UserSession) else session
        slots, health, now = self._queue.waiting(session), self._health, self._clock()
        rejected = self._refusals.rejected.of(session_id)
        not_kept = self._refusals.incomplete.of(session)
        # The store may be down for one session alone: that says nothing of all.
        troubled = [slot for slot in slots if slot.down_since] if session_id is not None else []
        offline = bool(troubled or (slots and health.is_failing))
        return PersistenceStatus(
            state=_state(
                offline=offline,
                rejected=bool(rejected),
                waiting=bool(slots),
                incomplete=bool(not_kept),
            ),
            pending=len(slots),
            pending_bytes=sum(slot.size for slot in slots),
            oldest_age=max(0.0, now - min(slot.since for slot in slots)) if slots else None,
            last_error=_last_error(slots, rejected, health if offline else None),
            offline_since=_down_since(troubled, health) if offline else None,
            retry_in=_retry_in(troubled, health, now) if offline else None,
            rejected=rejected,
            not_kept=not_kept,
            refusal=rejected[-1].refusal if rejected else None,
            lost_at=self._lost_at,
        )

    def record_loss(self) -> None:
        """Record that the store turned out to have lost sessions, just now: the status says so."""
        self._lost_at = self._now()

    def is_pending(self, session: str | UserSession) -> bool:
        """Return whether a session, or one of an id, waits or is being saved."""
        SESSION_OR_ID.check(session)
        return bool(self._queue.waiting(session))

    def discard(self, session_id: str) -> None:
        """Forget what waits under an id, such as one that was ended, and what was rejected."""
        with self._queue.lock:
            self._queue.discard(session_id)
            self._refusals.discard(session_id)
            self._queue.settled.notify_all()

    # -- what is looked at without being scheduled -----------------------------

    def begin_use(self, session: UserSession) -> Use:
        """
        Look at a session now and then until :meth:`end_use`: what changes it may announce nothing before it ends.

        Such as a run of a page that waits for a model, streams an answer, or shows a dashboard for hours. A
        session may be used several times at once.

        Args:
            session: The session; it is held meanwhile.

        Returns:
            What is to be ended.
        """
        return self._writer.begin_use(session)

    def end_use(self, use: Use) -> None:
        """End a use, once what it changed last has been scheduled; ending it twice is fine."""
        self._writer.in_use.remove(use)

    def is_own_thread(self) -> bool:
        """Return whether the calling thread is the writer's own: nobody waits there for what is raised."""
        return self._writer.is_current_thread()


def _listed(session_ids: Collection[str]) -> str:
    """Return how many sessions there are, and the short ids of some."""
    shown = sorted(map(short, session_ids))[:_NAMED]
    more = f" and {len(session_ids) - _NAMED} more" if len(session_ids) > _NAMED else ""
    plural = "" if len(session_ids) == 1 else "s"
    return f"{len(session_ids)} session{plural} ({', '.join(shown)}{more})"


def _state(*, offline: bool, rejected: bool, waiting: bool, incomplete: bool) -> State:
    if offline:
        return "offline"
    if rejected:
        return "rejected"
    if waiting:
        return "saving"
    return "incomplete" if incomplete else "saved"


def _last_error(
    slots: list[Slot], rejected: tuple[RejectedSave, ...], offline: StoreHealth | None
) -> str | None:
    if offline is not None and offline.is_failing:
        return offline.error
    errors = [slot.error for slot in slots if slot.down_since and slot.error]
    if not errors:
        errors = [one.error for one in rejected]
    return errors[-1] if errors else None


def _down_since(troubled: list[Slot], health: StoreHealth) -> datetime | None:
    times = [slot.down_since for slot in troubled if slot.down_since]
    return min(times, default=None) or health.since


def _retry_in(troubled: list[Slot], health: StoreHealth, now: float) -> float:
    later = min((slot.not_before for slot in troubled), default=0.0)
    return max(0.0, max(later, health.retry_at) - now)


def release_locks(*locks: RLock) -> AbstractContextManager[None]:
    """
    Let go of locks that the calling thread holds, however often, and take them back.

    That is what :class:`threading.Condition` does when it waits, and how.

    Args:
        *locks: The locks; those that the thread doesn't hold are left alone.
    """
    untyped: tuple[Any, ...] = locks
    held = [lock for lock in untyped if lock._is_owned()]  # noqa: SLF001 - the interface that Condition uses
    return _released(held) if held else nullcontext()


@contextmanager
def _released(held: Sequence[Any]) -> Iterator[None]:
    states = [lock._release_save() for lock in held]  # noqa: SLF001 - as above
    try:
        yield
    finally:
        for lock, state in zip(held, states, strict=True):
            lock._acquire_restore(state)  # noqa: SLF001 - the same
