# SPDX-License-Identifier: Apache-2.0
"""
What an app does with saves: schedule them, save now, flush, ask how they stand, close.

:class:`SessionPersistence`, at the end, is the whole; the classes before it are its parts, one on top of the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from threading import Condition, get_ident, main_thread
from typing import Any, Final

from sessionkit.errors import (
    ConfigError,
    QueueFullError,
    SessionKitError,
    UnavailableError,
)
from sessionkit.persistence.exits import EXITS, save_before_exit
from sessionkit.persistence.limits import RAISE, QueueLimits
from sessionkit.persistence.queue import AwaitedSave, SaveFunction, SharedSave, Slot
from sessionkit.persistence.writer import (
    FailureObserver,
    SaveMany,
    SaveOptions,
    Writer,
    log_failure,
    outcome_of,
    release_locks,
    save_slots,
)
from sessionkit.records import short
from sessionkit.session.arguments import SESSION, SESSION_ID_OR_ALL, SESSION_OR_ID, TIMEOUT
from sessionkit.session.fields import utc_now
from sessionkit.session.session import UserSession
from sessionkit.status import PersistenceStatus, RejectedSave, State

_LOGGER: Final = logging.getLogger("sessionkit")

_SHARE_WAIT: Final = 50e-6
"""Seconds that a save waits for others to share it, where the last one was shared."""

_PATIENCE: Final = 2.0
"""Seconds that a fork waits for saves in flight, at most."""

_CALLERS: Final = (BaseException,)
"""What goes on to who saves on their own thread: the interrupt, the time limit or the cancellation is theirs."""

_ENDING: Final = (KeyboardInterrupt, SystemExit)
"""The same at the end of the process, where others have still to be saved."""

_NAMED: Final = 10
"""How many sessions a report names."""


class ImmediateSaves(Writer):
    """Saves now, on the thread of one of those who wait: one save serves all who wait for a session."""

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
        SESSION.check(session)
        with release_locks(session.lock):
            error = self._outcome(session)
        if error is not None:
            raise error

    def _outcome(self, session: UserSession) -> Exception | None:
        """Return what came of a save that began after now: another thread's, or our own."""
        while True:
            slot, shared, leads = self._share_next(session)
            try:
                if leads:
                    self._lead(slot, shared)
                else:
                    shared.wait()
            finally:
                self._leave(slot, shared if leads else None)
            if shared.done:
                return shared.error

    def _share_next(self, session: UserSession) -> tuple[Slot, SharedSave, bool]:
        """Join those who wait for the next save of a session; the first of them is to make it."""
        saving = get_ident() in self._saving
        with self._lock:
            slot = self._open(session)
            if slot.in_flight and saving:
                self._queue.put(session, slot.save_fn, self._clock())
                name = short(session.session_id)
                msg = f"session {name} is being saved; a save in the midst of a save can't wait for it, and follows"
                raise SessionKitError(msg)
            # In the midst of a save nobody may wait for a thread that waits for saves to end.
            shared, leads = None if saving else slot.next_shared, False
            if shared is None:
                shared, leads = SharedSave(), True
                slot.next_shared = slot.next_shared or shared
            else:
                self._join(slot, shared)
            slot.waiters += 1
            return slot, shared, leads

    def _join(self, slot: Slot, shared: SharedSave) -> None:
        shared.threads += 1
        if slot.turn is not None and shared.threads == slot.expected:
            slot.turn.notify_all()  # nobody else is to be waited for

    def _open(self, session: UserSession) -> Slot:
        self._check_open(session)
        known = id(session) in self._queue.slots
        slot = self._queue.open(session)
        if not known and self._options.save_one is None and self._options.save_many is None:
            self._queue.drop(slot)
            msg = "pass save_fn, or make SessionPersistence(save_many=repository.save_many)"
            raise ConfigError(msg)
        return slot

    def _lead(self, slot: Slot, shared: SharedSave) -> None:
        """Save for all who wait, once nobody else saves."""
        with self._lock:
            self._await_turn(slot)
            if slot.next_shared is shared and shared.threads < slot.expected:
                # Whom the last save served are likely to be back at once, and to share this one.
                self._turn(slot).wait(_SHARE_WAIT)
                self._await_turn(slot)
            if slot.next_shared is shared:
                slot.next_shared = None  # who comes from now on waits for the next one
            slot.shared = shared
            slot.begin(get_ident(), self._clock())
            self._begun([slot])
        with self._in_save([slot]):
            self._conclude([slot], [self._save(slot)], asked=True)
        if isinstance(shared.error, UnavailableError) and not isinstance(
            shared.error, QueueFullError
        ):
            self._keep_queued(slot)

    def _leave(self, slot: Slot, led: SharedSave | None) -> None:
        """Wait no more; what was to be saved is left to others, if something interrupted this thread."""
        with self._lock:
            slot.waiters -= 1
            if led is not None and not led.over:
                self._break_off(slot, led)
            if not slot.waiters:
                self._queue.again_or_out(slot)
                if slot.dirty:
                    self._wake()

    def _break_off(self, slot: Slot, shared: SharedSave) -> None:
        if slot.in_flight and slot.saver == get_ident():
            self._put_back([slot], get_ident())
        if slot.next_shared is shared:
            slot.next_shared = None
        shared.end(None, done=False)

    def _await_turn(self, slot: Slot) -> None:
        """Wait until a save may begin."""
        while True:
            if self._resting and get_ident() not in self._saving:
                self._settled.wait_for(lambda: not self._resting)
            elif slot.in_flight:
                self._turn(slot).wait()
            else:
                return

    def _turn(self, slot: Slot) -> Condition:
        slot.turn = slot.turn or Condition(self._lock)
        return slot.turn

    def _save(self, slot: Slot) -> Exception | None:
        save_one = slot.save_fn or self._options.save_one
        if save_one is None:
            return save_slots([slot], self._options.save_many, _CALLERS)[0]
        return outcome_of(save_one, slot.session, _CALLERS)

    def _keep_queued(self, slot: Slot) -> None:
        """Have the journal keep what waits for the store now."""
        if self._options.keep is not None and slot.save_fn is None:
            self._options.keep(slot.session)


class QueueAdmission(ImmediateSaves):
    """Lets a bounded number of sessions wait, and does what the limits say with more. One that waits already stays."""

    def _enter(
        self, session: UserSession, save_fn: SaveFunction | None, *, bounded: bool = True
    ) -> None:
        """Queue a session, or do what the limits say."""
        if save_fn is None and self._options.save_many is None:
            msg = "pass save_fn, or make SessionPersistence(save_many=repository.save_many)"
            raise ConfigError(msg)
        size = 0 if id(session) in self._queue.slots else self._size_of(session)
        deadline: float | None = None
        while not self._admit(session, save_fn, size if bounded else None):
            # Who saves makes the room that others wait for.
            if self._options.limits.when_full == RAISE or get_ident() in self._saving:
                raise self._full(session)
            now = time.monotonic()
            deadline = deadline or now + self._options.limits.full_timeout_ms / 1000
            self._await_room(session, size, deadline - now)

    def _admit(self, session: UserSession, save_fn: SaveFunction | None, size: int | None) -> bool:
        debounce_of = self._options.debounce_of
        debounce = None if debounce_of is None else debounce_of(session)
        with self._lock:
            self._check_open(session)
            new = id(session) not in self._queue.slots
            if new and size is not None and not self._fits(size):
                # Room is made by saving, sooner than would be needed else.
                self._queue.relieve(self._clock(), self._options.batch_size)
                self._wake()
                return False
            # A thread that could not be started, such as for a limit of the system, may start now.
            if self._queue.put(session, save_fn, self._clock(), debounce) or self._thread is None:
                self._wake()
            if new and size:
                self._queue.weigh(self._queue.open(session), size)
            return True

    def _fits(self, size: int) -> bool:
        return self._options.limits.takes(len(self._queue), self._queue.size, size)

    def _await_room(self, session: UserSession, size: int, timeout: float) -> None:
        # The writer may need the lock of the very session that the caller holds.
        with release_locks(session.lock), self._lock:
            if not self._settled.wait_for(lambda: self._closed or self._fits(size), timeout):
                raise self._full(session)


class ShutdownSaves(QueueAdmission):
    """Saves what waits before it is too late: a flush, the close, the end of the process, a fork."""

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
            found = self._put_used(session_id)
        if timeout != 0:
            for session in found:
                self._keep_found(session)
        with self._lock:
            awaited = [AwaitedSave.of(slot) for slot in self._queue.hurry(session_id)]
            if not awaited:
                return True
            self._breaker.let_through()
            self._wake()
            if timeout == 0 or get_ident() in self._saving:
                return False
            is_over = self._until_tried(awaited)
        # Who saves needs the locks of the sessions, and the caller may hold some.
        with release_locks(*(slot.session.lock for slot in self._queue.of(session_id))):
            with self._lock:
                if self._thread is not None:
                    self._settled.wait_for(is_over, timeout)
            if self._thread is None:
                self._save_here(is_over, timeout)
        return all(one.stored for one in awaited)

    def _until_tried(self, awaited: Sequence[AwaitedSave]) -> Callable[[], bool]:
        before = self._breaker.tries  # what had begun says nothing of now
        return lambda: self._breaker.failed > before or all(one.tried for one in awaited)

    def _save_here(self, is_over: Callable[[], bool], timeout: float | None) -> None:
        """Do without the writer: while the interpreter shuts down no thread can be started."""
        begin = time.monotonic()
        while not is_over() and (timeout is None or time.monotonic() - begin < timeout):
            if not self._save_due(_ENDING):
                return

    def _save_in_the_end(self, session: UserSession) -> None:
        """Save what comes while the interpreter ends, such as in an ``atexit`` function of the app's: nobody does later."""
        if not self.flush(session.session_id, self._options.exit_timeout):
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
        with self._lock:
            if not self._closed:
                self._log_rejected()
            self._closed = True
            self._log_left()
            for slot in self._queue.of(None):
                self._let_go(slot)
            self._changed.notify_all()
            self._settled.notify()
        return done

    def _put_live(self) -> None:
        """Queue all live sessions in the end: what nobody announced is found, and what has not changed costs no write."""
        live = [] if self._options.live is None or self._closed else list(self._options.live())
        with self._lock:
            found = self._put_all(live)
        for session in found:
            self._keep_found(session)

    def _log_left(self) -> None:
        slots = self._waiting(None)
        if not slots:
            return
        names = {slot.session.session_id for slot in slots}
        oldest = self._clock() - min(slot.since for slot in slots)
        errors = [slot.error for slot in slots if slot.error]
        _LOGGER.error(
            "%s with unsaved changes of %s, the oldest %.1f s old: %s; %s",
            "closed" if self._closed else "the process ends",
            _listed(names),
            oldest,
            errors[-1] if errors else "the time was over",
            self._fate,
        )

    def _log_rejected(self) -> None:
        if rejected := self._rejected.of(None):
            names = {one.session.session_id for one in rejected}
            said = "closed with rejected changes of %s: %s; %s"
            _LOGGER.error(said, _listed(names), rejected[-1].error, self._fate)

    @property
    def _fate(self) -> str:
        return "the journal has them" if self._options.keep else "they are lost"

    def _waiting(self, which: str | UserSession | None) -> list[Slot]:
        """Return the slots of a session, an id, or all, in which something waits; needs no lock."""
        if isinstance(which, UserSession):
            slot = self._queue.slots.get(id(which))
            return [slot] if slot is not None and slot.waits else []
        return [slot for slot in self._queue.of(which) if slot.waits]

    # -- the process ends or forks --------------------------------------------

    def save_at_exit(self) -> None:
        """Save what waits, trying again until ``exit_timeout`` is over, and log what was not saved."""
        begin, timeout = time.monotonic(), self._options.exit_timeout
        self._put_live()
        if not self._closed and not self.flush(timeout=timeout):
            with self._lock:
                if self._thread is not None:  # it tries again by itself
                    left = timeout - (time.monotonic() - begin)
                    self._settled.wait_for(lambda: not self._waiting(None), left)
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


class StatusReport(ShutdownSaves):
    """Says what waits, what was rejected, and whether the store is down; read off the queue, without its lock."""

    def status(self, session: str | UserSession | None = None) -> PersistenceStatus:
        """
        Return how saves stand; asks no store and waits for nobody.

        Args:
            session: Of this session, or of all objects of this id; None for all. The object
                is found at once, an id among all that wait.
        """
        SESSION_OR_ID.check(session)
        session_id = session.session_id if isinstance(session, UserSession) else session
        slots = self._waiting(session)
        rejected, not_kept = self._rejected.of(session_id), self._incomplete.of(session)
        # The store may be down for one session alone: that says nothing of all.
        troubled = [slot for slot in slots if slot.down_since] if session_id is not None else []
        offline = bool(troubled or (slots and self._breaker.is_failing))
        return PersistenceStatus(
            state=_state(
                offline=offline,
                rejected=bool(rejected),
                waiting=bool(slots),
                incomplete=bool(not_kept),
            ),
            pending=len(slots),
            pending_bytes=sum(slot.size for slot in slots),
            oldest_age=self._oldest_age(slots),
            last_error=self._last_error(slots, rejected, offline=offline),
            offline_since=self._down_since(troubled) if offline else None,
            retry_in=self._retry_in(troubled) if offline else None,
            rejected=rejected,
            not_kept=not_kept,
            refusal=rejected[-1].refusal if rejected else None,
            lost_at=self._lost_at,
        )

    def record_loss(self) -> None:
        """Record that the store turned out to have lost sessions, just now: the status says so."""
        self._lost_at = self._options.now()

    def is_pending(self, session: str | UserSession) -> bool:
        """Return whether a session, or one of an id, waits or is being saved."""
        SESSION_OR_ID.check(session)
        return bool(self._waiting(session))

    def _oldest_age(self, slots: list[Slot]) -> float | None:
        since = min((slot.since for slot in slots), default=None)
        return None if since is None else max(0.0, self._clock() - since)

    def _last_error(
        self, slots: list[Slot], rejected: tuple[RejectedSave, ...], *, offline: bool
    ) -> str | None:
        if offline and self._breaker.is_failing:
            return self._offline_error
        errors = [slot.error for slot in slots if slot.down_since and slot.error]
        if not errors:
            errors = [one.error for one in rejected]
        return errors[-1] if errors else None

    def _down_since(self, troubled: list[Slot]) -> datetime | None:
        times = [slot.down_since for slot in troubled if slot.down_since]
        return min(times, default=None) or self._offline_since

    def _retry_in(self, troubled: list[Slot]) -> float:
        later = min((slot.not_before for slot in troubled), default=0.0)
        return max(0.0, max(later, self._breaker.retry_at) - self._clock())


def _state(*, offline: bool, rejected: bool, waiting: bool, incomplete: bool) -> State:
    if offline:
        return "offline"
    if rejected:
        return "rejected"
    if waiting:
        return "saving"
    return "incomplete" if incomplete else "saved"


class SessionPersistence(StatusReport):
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
        limits = QueueLimits() if limits is None else limits
        super().__init__(
            SaveOptions(
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
                size_of=size_of,
                stored_as=stored_as,
                live=live,
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
        SESSION.check(session)
        if session_id is not None and session_id != session.session_id:
            msg = f"session_id is {short(session_id)!r}, but the session's own is {short(session.session_id)!r}"
            raise ConfigError(msg)
        if self.schedule_again(session, save_fn):
            return
        self._enter(session, save_fn, bounded=bounded)
        if self._keep is not None and save_fn is None:
            self._keep(session)
        if EXITS.over or not main_thread().is_alive():
            self._save_in_the_end(session)

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
            self._rejected.discard(session_id)
            self._incomplete.discard(session_id)
            self._settled.notify()
