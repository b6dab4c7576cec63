# SPDX-License-Identifier: Apache-2.0
"""
The one thread that saves what is due, and what follows from each outcome: stored, retried or rejected.

:class:`SaveOptions` is how, :class:`SaveOutcomes` keeps what is known of saves and of the store, :class:`Writer` is
the thread; what else :class:`~sessionkit.SessionPersistence` can do is built on it in ``persistence``.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import TIMEOUT_MAX, Condition, RLock, Thread, current_thread, get_ident
from typing import Any, Final

import attrs

from sessionkit.errors import (
    PartlySavedError,
    QueueFullError,
    RejectedError,
    SessionGoneError,
    SessionKitError,
    UnavailableError,
    UnclearError,
    text_of,
)
from sessionkit.persistence.health import Breaker, retry_delay
from sessionkit.persistence.limits import QueueLimits
from sessionkit.persistence.queue import SaveFunction, Slot, WriteQueue
from sessionkit.persistence.refusals import IncompleteSaves, RejectedSaves
from sessionkit.records import short
from sessionkit.session.session import UserSession

SaveMany = Callable[[Sequence[UserSession]], Sequence[Exception | None]]
"""Saves a batch; returns an outcome for each."""

FailureObserver = Callable[[UserSession, Exception, bool], None]
"""Told of each failed save: the session, the error, and whether it will be tried again."""

Predicate = Callable[[], bool]

_SHORTEST_LOOK: Final = 1.0
"""Seconds between two looks at the sessions in use, at least: each is encoded and compared."""

UNCLEAR_FOR: Final = 300.0
"""Seconds that a save is tried again which the store refuses for an unclear reason; then it is refused for good."""

_IDLE_WAIT: Final = 10.0
"""Seconds that the thread waits for work before it ends."""

_LOGGER: Final = logging.getLogger("sessionkit")


@attrs.frozen(kw_only=True)
class SaveOptions:
    """
    How a queue saves; the arguments of :class:`~sessionkit.SessionPersistence`, in seconds.

    Attributes:
        debounce: How long a save waits for more changes.
        max_wait: How long it waits at most.
        save_many: Saves a batch.
        save_one: Saves one session that someone waits for.
        batch_size: Sessions saved together, at most.
        limits: How much may wait.
        exit_timeout: How long the process's end waits.
        on_failure: Told of failed saves.
        clock: Returns seconds that never go back.
        now: Returns the present moment; only shown.
        debounce_of: Returns how long a session's save waits for more changes, or None.
        keep: Told of each session that was queued.
        size_of: Returns how many bytes a session holds.
        stored_as: Returns what each write of a session changes.
        live: Returns the sessions that are looked at in the end, whatever was scheduled.
    """

    debounce: float
    max_wait: float
    save_many: SaveMany | None
    save_one: SaveFunction | None
    batch_size: int
    limits: QueueLimits
    exit_timeout: float
    on_failure: FailureObserver
    clock: Callable[[], float]
    now: Callable[[], datetime]
    debounce_of: Callable[[UserSession], float | None] | None
    keep: Callable[[UserSession], Any] | None
    size_of: Callable[[UserSession], int] | None
    stored_as: Callable[[UserSession], object] | None
    live: Callable[[], Iterable[UserSession]] | None


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


class SaveOutcomes:
    """The queue, what is known of the store, and what was rejected, all under one lock; takes each outcome."""

    def __init__(self, options: SaveOptions) -> None:
        """Begin with nothing to save."""
        self._options = options
        self._clock = options.clock
        self._closed = False
        self._start_empty()

    def _start_empty(self) -> None:
        """Begin anew; after a fork the parent still owns what waited."""
        self._lock = RLock()
        self._changed = Condition(self._lock)  # for the writer: there is something to look at
        self._settled = Waiters(self._lock)  # for all others: saves are over
        self._queue = WriteQueue(self._options.debounce, self._options.max_wait)
        self._breaker = Breaker()
        self._offline_since: datetime | None = None
        self._offline_error = ""
        self._rejected, self._incomplete = RejectedSaves(), IncompleteSaves()
        self._lost_at: datetime | None = None

    def _check_open(self, session: UserSession) -> None:
        if self._closed:
            msg = f"session {short(session.session_id)!r} is scheduled after close(): it would be lost"
            raise SessionKitError(msg)

    def _size_of(self, session: UserSession) -> int:
        # Not under the lock: whoever knows it may have to wait for a save that wants the lock.
        try:
            return 0 if self._options.size_of is None else self._options.size_of(session)
        except Exception:  # its bug must neither end the writer nor reach the app
            _LOGGER.exception("the size of session %s is not known", short(session.session_id))
            return 0

    def _begun(self, slots: Sequence[Slot]) -> None:
        """Number a try, and remember what tells later whether the store took a write."""
        number = self._breaker.begin()
        for slot in slots:
            slot.batch = number
        if self._options.stored_as is not None:
            for slot in slots:
                slot.mark = self._options.stored_as(slot.session)

    def _conclude(
        self, slots: Sequence[Slot], outcomes: Sequence[Exception | None], *, asked: bool = False
    ) -> None:
        """
        Take what came of saves.

        Args:
            slots: What was saved.
            outcomes: An outcome for each.
            asked: Whether someone waited for it, who is told by an exception.
        """
        if not any(outcomes):
            self._conclude_well(slots)
            return
        outcomes = [self._in_the_end(*pair) for pair in zip(slots, outcomes, strict=True)]
        for slot, error in self._note(slots, outcomes):
            if not asked:
                self._report(slot.session, error)
        pairs = zip(slots, outcomes, strict=True)
        down = [slot for slot, outcome in pairs if isinstance(outcome, UnavailableError)]
        sizes = {slot: self._size_of(slot.session) for slot in down}
        with self._lock:
            alone = self._judge(slots, outcomes, asked=asked)
            for slot, outcome in zip(slots, outcomes, strict=True):
                self._settle(slot, outcome, sizes.get(slot, 0), alone=slot in alone)
            self._settled.notify()

    def _in_the_end(self, slot: Slot, outcome: Exception | None) -> Exception | None:
        """Return what a save came to: what was unclear for long enough is refused for good."""
        if not isinstance(outcome, UnclearError):
            slot.unclear_since = None
            return outcome
        now = self._clock()
        if slot.unclear_since is None:
            slot.unclear_since = now
        tried_for = now - slot.unclear_since
        if tried_for < UNCLEAR_FOR:
            return outcome
        refused = RejectedError(f"{outcome}; it was tried again for {tried_for:.0f} s")
        refused.__cause__ = outcome
        return refused

    def _conclude_well(self, slots: Sequence[Slot]) -> None:
        with self._lock:
            if any(map(self._was_answered, slots)):
                self._answered()
            for slot in slots:
                self._settle(slot, None)
            self._settled.notify()

    def _note(
        self, slots: Sequence[Slot], outcomes: Sequence[Exception | None]
    ) -> list[tuple[Slot, Exception]]:
        """Keep what was refused; return the failures that nobody was told of."""
        now = self._options.now()
        news = []
        with self._lock:
            for slot, error in zip(slots, outcomes, strict=True):
                if error is None or is_stored(error):
                    continue
                if self._is_news(slot, error, now):
                    news.append((slot, error))
                slot.error = text_of(error, slot.session.session_id)
        return news

    def _is_news(self, slot: Slot, error: Exception, now: datetime) -> bool:
        if isinstance(error, UnavailableError):
            first = slot.down_since is None
            slot.down_since = slot.down_since or now
            return first
        if isinstance(error, SessionGoneError):
            self._rejected.saved(slot.session)
            return True
        return self._rejected.note(slot.session, error, now)

    def _report(self, session: UserSession, error: Exception) -> None:
        retrying = isinstance(error, UnavailableError) and not self._closed
        try:
            self._options.on_failure(session, error, retrying)
        except BaseException:  # whatever an observer raises, it must not end the writer
            _LOGGER.exception("the observer of failed saves failed itself")

    # -- is the store down? ---------------------------------------------------

    def _judge(
        self, slots: Sequence[Slot], outcomes: Sequence[Exception | None], *, asked: bool
    ) -> set[Slot]:
        """
        Open or close the breaker.

        Returns:
            The slots that the store is unavailable for although it takes others: each waits by
            itself, and they hold nobody up.
        """
        pairs = list(zip(slots, outcomes, strict=True))
        down = {slot for slot, outcome in pairs if isinstance(outcome, UnavailableError)}
        if any(is_stored(outcome) and self._was_answered(slot) for slot, outcome in pairs):
            self._answered()
            return down
        troubled = {
            slot
            for slot, outcome in pairs
            if isinstance(outcome, BrokenOffError | UnclearError)
            or (
                slot in down
                and (slot.alone or (slot.failures and self._breaker.answers > slot.answers))
            )
        }
        if down - troubled and not (asked and self._breaker.is_failing):
            first = next(slot for slot in slots if slot in down)
            self._went_down(first.error or "", first.batch)
        return troubled

    def _went_down(self, error: str, number: int | None) -> float:
        """Hold all tries back, after the one of this number; return until when."""
        self._offline_since = self._offline_since or self._options.now()
        self._offline_error = error
        return self._breaker.note(self._clock(), down=True, number=number)

    def _was_answered(self, slot: Slot) -> bool:
        """Return whether a save that succeeded has met the store: where nothing changed it asks no store."""
        stored_as = self._options.stored_as
        return (
            stored_as is None or slot.down_since is not None or stored_as(slot.session) != slot.mark
        )

    def _answered(self) -> None:
        if self._breaker.is_failing:
            self._changed.notify_all()
        self._offline_since = None
        self._breaker.note(self._clock(), down=False)

    def _settle(
        self,
        slot: Slot,
        outcome: Exception | None,
        size: int = 0,
        *,
        alone: bool = False,
    ) -> None:
        error = outcome
        if is_stored(outcome):
            self._queue.saved(slot)
            self._rejected.saved(slot.session)
            self._incomplete.saved(slot.session)
        elif isinstance(outcome, UnavailableError) and not self._closed:
            error = self._try_again(slot, outcome, size, alone=alone)
        else:
            self._queue.failed(slot, None)
        slot.tell(error)

    def _try_again(self, slot: Slot, error: Exception, size: int, *, alone: bool) -> Exception:
        """Queue it again, if it may wait; return what to tell those who do."""
        now, waited = self._clock(), slot.queued or slot.dirty
        # Where the store is down for all it is the breaker that holds them back.
        retry_at = now + retry_delay(slot.failures) if alone else now
        slot.alone, slot.answers = alone, self._breaker.answers
        self._queue.failed(slot, retry_at)
        self._queue.weigh(slot, size)
        full = self._options.limits.is_over(len(self._queue), self._queue.size)
        if not slot.dirty or waited or not full:
            return error
        self._let_go(slot)
        return self._full(slot.session, error)

    def _let_go(self, slot: Slot) -> None:
        slot.dirty = False
        self._queue.again_or_out(slot)

    def _full(self, session: UserSession, cause: Exception | None = None) -> QueueFullError:
        """Return what is raised where a session can't wait."""
        reason = f"; {cause}" if cause else ""
        error = QueueFullError(
            f"session {short(session.session_id)} can't wait to be saved: {len(self._queue)} sessions with"
            f" {self._queue.size} bytes wait already (max_pending {self._options.limits.max_pending},"
            f" max_pending_bytes {self._options.limits.max_pending_bytes}){reason}"
        )
        error.__cause__ = cause
        return error


class Writer(SaveOutcomes):
    """The thread that saves what is due in batches, one after the other."""

    def _start_empty(self) -> None:
        super()._start_empty()
        self._thread: Thread | None = None
        self._saving: set[int] = set()  # the threads that are in the midst of a save
        self._resting = False
        self._in_use: set[Use] = set()
        self._look_at = math.inf

    # -- sessions in use ------------------------------------------------------

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
        use = Use(session)
        self._in_use.add(use)  # without the lock, as all that each rerun does
        if self._look_at == math.inf or self._thread is None:
            with self._lock:
                if self._look_at == math.inf:
                    self._look_at = self._clock() + self._look_every
                if not self._closed:
                    self._wake()
        return use

    def end_use(self, use: Use) -> None:
        """End a use, once what it changed last has been scheduled; ending it twice is fine."""
        self._in_use.discard(use)

    @property
    def _look_every(self) -> float:
        return max(_SHORTEST_LOOK, self._options.max_wait)

    def _look(self) -> None:
        """Queue the sessions in use: their saves find out whether they have changed."""
        with self._lock:
            self._look_at = self._clock() + self._look_every if self._in_use else math.inf
            found = self._put_used(None)
        for session in found:
            self._keep_found(session)

    def _put_used(self, session_id: str | None) -> list[UserSession]:
        used = {id(use.session): use.session for use in list(self._in_use)}
        return self._put_all(one for one in used.values() if session_id in {None, one.session_id})

    def _put_all(self, sessions: Iterable[UserSession]) -> list[UserSession]:
        """Queue sessions that don't wait yet; return them."""
        if self._closed or self._options.save_many is None:
            return []
        slots = self._queue.slots
        found = [one for one in sessions if (slot := slots.get(id(one))) is None or not slot.dirty]
        for session in found:
            self._queue.put(session, None, self._clock())
        return found

    def _keep_found(self, session: UserSession) -> None:
        try:
            if self._options.keep is not None:
                self._options.keep(session)
        except BaseException:  # a journal's bug must not end the writer
            _LOGGER.exception("session %s was not kept", short(session.session_id))

    # -- the thread -----------------------------------------------------------

    def is_own_thread(self) -> bool:
        """Return whether the calling thread is the writer's own: nobody waits there for what is raised."""
        return current_thread() is self._thread

    def _wake(self) -> None:
        """Have the writer look; a new one takes the place of one that ended or died."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            self._thread = Thread(target=self._run, name="sessionkit-writer", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down: ``flush`` saves by itself
                self._thread = None
        self._changed.notify_all()

    def _run(self) -> None:
        try:
            while self._wait():
                if self._clock() >= self._look_at:
                    self._look()
                    continue
                self._save_due()
        except (
            BaseException
        ):  # a bug of ours: it must not be told to nobody, nor start over at once
            _LOGGER.exception("the writer died; another one takes its place with the next change")
            with self._lock:
                if self._thread is current_thread():
                    self._thread = None

    def _wait(self) -> bool:
        """Wait until something is due; return False when the thread has nothing to live for."""
        with self._lock:
            while True:
                while self._resting:
                    self._changed.wait()
                due = self._queue.next_due()
                look_in = math.inf if self._closed else self._look_at - self._clock()
                if due is None and look_in == math.inf:
                    idle = self._closed or not self._changed.wait(_IDLE_WAIT)
                    in_use = bool(self._in_use) and not self._closed
                    if idle and not in_use and self._queue.next_due() is None:
                        self._thread = None
                        return False
                    continue
                left = math.inf
                if due is not None:
                    left = max(due, self._breaker.retry_at) - self._clock()
                if min(left, look_in) <= 0:
                    return True
                self._changed.wait(min(left, look_in, TIMEOUT_MAX))

    def _save_due(self, passing: Passing = ()) -> bool:
        """Save a batch of what is due; return whether there was any."""
        slots: list[Slot] = []
        with self._in_save(slots):
            with self._lock:
                if self._resting:
                    return False
                # One is enough to find out whether the store is back.
                limit = 1 if self._breaker.is_failing else self._options.batch_size
                slots += self._queue.take(self._clock(), limit, get_ident())
                if not slots:
                    return False
                self._begun(slots)
            self._conclude(slots, save_slots(slots, self._options.save_many, passing))
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

    def _put_back(self, slots: Sequence[Slot], thread: int) -> None:
        """Queue what a thread leaves behind in the midst of a save: each pauses by itself, since it may happen again."""
        for slot in slots:
            if slot.in_flight and slot.saver == thread:
                self._queue.failed(slot, self._clock() + retry_delay(slot.failures))
                slot.error = "the save was broken off"
                slot.tell(None, done=False)
        self._settled.notify()


# -- saving, and what came of it ---------------------------------------------


Passing = tuple[type[BaseException], ...]
"""What ends a save and goes on to whoever called for it: their Ctrl-C, or a time limit of theirs."""


class BrokenOffError(UnavailableError):
    """
    What a save's end by something that is no :class:`Exception` comes to on the writer's own thread.

    Such as ``asyncio.CancelledError``, gevent's ``Timeout`` or ``SystemExit``, from a plugin or an
    app's function. It says nothing of the store: the session is tried again by itself.
    """


def save_slots(
    slots: Sequence[Slot], save_many: SaveMany | None, passing: Passing = ()
) -> list[Exception | None]:
    """
    Save slots and return an outcome for each, in their order.

    Args:
        slots: Each with a function of its own, or for the batch.
        save_many: Saves the batch.
        passing: What goes on to the caller; all else is an outcome, whatever is raised.
    """
    outcomes: dict[Slot, Exception | None] = {}
    batch = [slot for slot in slots if slot.save_fn is None]
    if batch and save_many is not None:
        outcomes.update(zip(batch, _together(batch, save_many, passing), strict=True))
    for slot in slots:
        if slot.save_fn is not None:
            outcomes[slot] = outcome_of(slot.save_fn, slot.session, passing)
    return [outcomes[slot] for slot in slots]


def _together(
    batch: Sequence[Slot], save_many: SaveMany, passing: Passing
) -> Sequence[Exception | None]:
    try:
        outcomes = save_many([slot.session for slot in batch])
        if len(outcomes) != len(batch):
            msg = f"save_many returned {len(outcomes)} outcomes for {len(batch)} sessions"
            raise ValueError(msg)  # noqa: TRY301 - a plugin's bug, as any other
    except SessionKitError as error:  # the store can't be opened
        return [error] * len(batch)
    except BaseException as error:  # noqa: BLE001 - a plugin's bug must not end the writer
        failure = _failure(error, passing)
        if len(batch) == 1:
            return [failure]
        # only one may be to blame
        return [_together([slot], save_many, passing)[0] for slot in batch]
    return outcomes


def outcome_of(
    save_fn: SaveFunction, session: UserSession, passing: Passing = ()
) -> Exception | None:
    """Save one session and return what went wrong, or None; raises what is *passing* alone."""
    try:
        save_fn(session)
    except BaseException as error:  # noqa: BLE001 - the app's own function
        return _failure(error, passing)
    return None


def _failure(error: BaseException, passing: Passing) -> Exception:
    if isinstance(error, Exception):
        return error
    if isinstance(error, passing):
        raise error
    said = text_of(error)
    name = type(error).__name__
    broken_off = BrokenOffError(
        f"the save was broken off by {name}{'' if said == name else f': {said}'}"
    )
    broken_off.__cause__ = error
    return broken_off


def is_stored(outcome: Exception | None) -> bool:
    """Return whether a save is done: all is stored, but perhaps values that can't be kept."""
    return outcome is None or isinstance(outcome, PartlySavedError)


def log_failure(session: UserSession, error: Exception, retrying: bool) -> None:  # noqa: FBT001 - FailureObserver
    """Log a failed save: what is done when nobody else is told."""
    then = "trying again" if retrying else "this state is not stored"
    said = text_of(error, session.session_id)
    _LOGGER.warning("session %s was not saved (%s): %s", short(session.session_id), then, said)


# -- locks that many wait for ------------------------------------------------


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


@contextmanager
def release_locks(*locks: RLock) -> Iterator[None]:
    """
    Let go of locks that the calling thread may hold, however often, and take them back.

    That is what :class:`threading.Condition` does when it waits, and how.

    Args:
        *locks: The locks; those that the thread doesn't hold are left alone.
    """
    untyped: tuple[Any, ...] = locks
    held = [lock for lock in untyped if lock._is_owned()]  # noqa: SLF001 - the interface that Condition uses
    states = [lock._release_save() for lock in held]  # noqa: SLF001 - the same
    try:
        yield
    finally:
        for lock, state in zip(held, states, strict=True):
            lock._acquire_restore(state)  # noqa: SLF001 - the same
