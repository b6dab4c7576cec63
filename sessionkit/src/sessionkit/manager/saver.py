# SPDX-License-Identifier: Apache-2.0
"""Saves a manager's sessions: soon, in the background, or at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from time import time_ns
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import attrs

from sessionkit.errors import PartlySavedError, QueueFullError, SessionGoneError, text_of
from sessionkit.events import SaveFailed
from sessionkit.manager.live_sessions import LiveSessions
from sessionkit.manager.lost_sessions import LostSessions
from sessionkit.manager.store import Store
from sessionkit.persistence.persistence import SessionPersistence
from sessionkit.persistence.queue import QueueLimits
from sessionkit.persistence.saver import NOTHING_TO_SAVE, SAVED, SaveOutcome
from sessionkit.persistence.writer import Use
from sessionkit.repository.repository import Repository
from sessionkit.session.arguments import SESSION
from sessionkit.session.fields import to_micros, utc_now
from sessionkit.session.forms import ask_for_forms, form_debounce
from sessionkit.session.session import UserSession
from sessionkit.settings.types import name_of_serializer
from sessionkit.status import PersistenceStatus

if TYPE_CHECKING:
    from sessionkit.journal import JournalRecovery

_SETTLED: Final = ("saved", "incomplete")


_KEPT_IN_MEMORY: Final = (
    "a newer release of sessionkit has stored this session; changes stay in memory, lest they "
    "damage what is stored"
)


class BackgroundSaver:
    """
    Saves sessions in the background, or at once.

    Attributes:
        persistence: The queue of saves and its writer.
        recovery: The journal, and what stores what it holds; None without one.
    """

    def __init__(
        self,
        store: Store,
        live: LiveSessions,
        *,
        now: Callable[[], datetime],
        part_from_struck_off: Callable[[UserSession], None],
    ) -> None:
        """
        Begin with nothing to save.

        Args:
            store: Where sessions are stored.
            live: The live sessions.
            now: Returns the present moment, aware.
            part_from_struck_off: Has a session go on in another object, without devices that were struck off elsewhere.
        """
        self._store = store
        self._live = live
        # To ask a clock for a date takes as long as all else that an input costs.
        self._nanoseconds = time_ns if now is utc_now else lambda: to_micros(now()) * 1000
        self.recovery: Final = _make_recovery(store, now)
        self._turned_away: WeakKeyDictionary[UserSession, tuple[str, str | None]] = (
            WeakKeyDictionary()
        )
        self._lost_sessions = LostSessions(
            live=live,
            store=store,
            later=self.later,
            store_again=self.schedule_save,
            record_loss=self._record_loss,
            emit=store.emit,
        )
        settings = store.settings.persistence
        self.persistence: Final = SessionPersistence(
            settings.debounce_ms,
            settings.max_wait_ms,
            saver=RepositorySaver(
                store=store,
                live_sessions=live,
                keep=None if self.recovery is None else self._keep,
                part_from_struck_off=part_from_struck_off,
                lost_sessions=self._lost_sessions,
            ),
            batch_size=settings.batch_size,
            limits=QueueLimits(
                max_pending=settings.max_pending,
                max_pending_bytes=settings.max_pending_bytes,
                when_full=settings.when_full,
                full_timeout_ms=settings.full_timeout_ms,
            ),
            exit_timeout_ms=settings.exit_timeout_ms,
        )

    def schedule_save(self, session: UserSession) -> None:
        """
        Have the session saved soon, if it changed; never waits for the store.

        Where too many sessions wait already, an event tells that this one does not.

        Raises:
            SessionKitError: If the manager was closed.
        """
        self.queue(session, raises=False)

    def queue(self, session: UserSession, *, raises: bool = True) -> None:
        """Do as :meth:`schedule_save`, and raise :class:`QueueFullError` if that is the policy, unless it *raises* nothing."""
        # Written out, as all that each input and each rerun does.
        try:
            times = session.change_times
        except AttributeError:
            SESSION.check(session)  # says what is wrong
            raise
        times.clock = clock = self._nanoseconds
        times.others = clock()
        if not self.persistence.schedule_again(session) and (
            self._live.all_saved or self._live.is_saved(session)
        ):
            try:
                self.persistence.begin_to_wait(session)
            except QueueFullError as error:
                if raises:
                    raise
                self._turned_away[session] = str(error), session.save_id
                self._store.emit(failed_save(session, error, retrying=False))

    def save(self, session: UserSession, *, immediate: bool = False) -> None:
        """Save a session, soon or at once, with all its forms; see ``SessionManager.save``."""
        if not isinstance(session, UserSession):
            SESSION.check(session)
        session.unused = False  # whoever asks means it, whatever is in there
        if session.form_states:
            ask_for_forms(session)
        if not immediate:
            self.queue(session)
        elif self._live.all_saved or self._live.is_saved(session):
            session.change_times.others = self._nanoseconds()
            self.persistence.save_now(session)
        else:
            self._store.repository.save(session)  # says why it can't be saved

    def is_pending(self, session_id: str) -> bool:
        """Return whether changes of this session wait to be saved."""
        return self.persistence.is_pending(self._live.held(session_id) or session_id)

    def save_status(self, session: UserSession) -> PersistenceStatus:
        """Return how the saves of a session stand; never waits for the store."""
        SESSION.check(session)
        if not self._live.is_saved(session):
            return PersistenceStatus(state="rejected", last_error=_KEPT_IN_MEMORY, refusal="newer")
        status = self.persistence.status(session)
        known = self._turned_away.get(session)
        if known is None:
            return status
        error, save_id = known
        if status.state in _SETTLED and session.save_id == save_id:
            return PersistenceStatus(state="rejected", last_error=error, refusal="full")
        del self._turned_away[session]  # it was let in since
        return status

    def begin_use(self, session: UserSession) -> Use | None:
        """
        Look at a session now and then, until :meth:`end_use`: for hosts, whose runs may take long.

        What changes in it is found every ``max_wait_ms``, stored, and kept by the journal.

        Args:
            session: The session; it is held meanwhile, and may be used several times at once.

        Returns:
            What :meth:`end_use` ends; None for a session that is never stored.
        """
        return self.persistence.begin_use(session) if self._live.is_saved(session) else None

    def end_use(self, use: object) -> None:
        """End a use that :meth:`begin_use` began, once what it changed last has been scheduled."""
        if isinstance(use, Use):
            self.persistence.end_use(use)

    def discard(self, session_id: str) -> None:
        """Forget what waits under an id, such as one that was ended."""
        self.persistence.discard(session_id)
        if self.recovery is not None:
            self.recovery.journal.forget(session_id)

    def follow(self, former: UserSession, session: UserSession) -> None:
        """Have what waits to be saved of a session that has moved saved of its new object."""
        waits = self.persistence.is_pending(former)
        self.persistence.discard(former.session_id)
        if self.recovery is not None:
            self.recovery.journal.follow(former, session)
        if waits:
            self.schedule_save(session)

    def close(self, timeout: float | None = None) -> None:
        """Save what waits, and close the journal; closing twice is fine."""
        self.persistence.close(timeout)
        if self.recovery is not None:
            self.recovery.journal.close()

    def replay_journal(self, repository: Repository) -> None:
        """Store what dead processes left in the journal."""
        if self.recovery is not None:
            self.recovery.recover(repository, self.later)

    def _keep(self, session: UserSession) -> None:
        """Have the journal keep what a session has; of one that is not to be stored, nothing."""
        if self.recovery is not None and not self._live.unused.is_left_out(session):
            self.recovery.journal.keep(session)

    def record_lost(self, session_id: str) -> None:
        """Record that the store had lost a session, or a save of it, and look at the others soon."""
        self._lost_sessions.record_lost(session_id)

    def later(self, work: Callable[[], object]) -> None:
        """Have the writer do something, again and again while the store is down."""
        self.persistence.schedule_save(None, UserSession(), lambda _: work(), bounded=False)

    def _record_loss(self) -> None:
        self.persistence.record_loss()


def _make_recovery(store: Store, now: Callable[[], datetime]) -> JournalRecovery | None:
    """Return the journal that the settings ask for, or None; it observes all saves from now on."""
    settings = store.settings.persistence
    if settings.journal is None:
        return None
    from sessionkit.journal import (  # noqa: PLC0415 - it loads sqlite3, which who keeps none may not need
        Journal,
        JournalRecovery,
    )

    assembly, serializer = store.assembly, store.settings.serializer
    name = name_of_serializer(serializer)
    journal = Journal(
        settings.journal,
        codec=cache(lambda: assembly.codec(serializer)),
        tracks=assembly.tracks(name),
        now=now,
        emit=store.emit,
        fsync=settings.journal_fsync,
    )
    assembly.observer = journal
    return JournalRecovery(journal=journal, repository=lambda: store.repository, emit=store.emit)


@attrs.frozen(kw_only=True, eq=False)
class RepositorySaver:
    """
    Saves what the queue holds through the repository, and says what becomes of it.

    Attributes:
        store: Where sessions are stored.
        live_sessions: The live sessions.
        keep: The journal's; None without one.
        part_from_struck_off: Has a session go on in another object, without the devices that were struck off elsewhere.
        lost_sessions: Looks in the end whether the store has lost live sessions.
    """

    store: Store
    live_sessions: LiveSessions
    keep: Callable[[UserSession], Any] | None
    part_from_struck_off: Callable[[UserSession], None]
    lost_sessions: LostSessions

    debounce_of = staticmethod(form_debounce)

    def save(self, session: UserSession) -> SaveOutcome:
        """Save one session."""
        repository = self.store.if_open or self.store.repository
        before = session.save_id
        try:
            repository.save(session, whole=False)  # whoever waits has asked for the forms
        except PartlySavedError as partly:
            return SaveOutcome(partly, wrote=session.save_id != before)
        if session.held_by:
            self._follow_devices(repository, session)
        return NOTHING_TO_SAVE if session.save_id == before else SAVED

    def save_many(self, sessions: Sequence[UserSession]) -> list[SaveOutcome]:
        """Save a batch; nothing is stored of those in which nothing was done."""
        used = [one for one in sessions if not self.live_sessions.unused.is_left_out(one)]
        outcomes = dict(zip(used, self._save_used(used), strict=True)) if used else {}
        return [outcomes.get(session, NOTHING_TO_SAVE) for session in sessions]

    def _save_used(self, sessions: Sequence[UserSession]) -> list[SaveOutcome]:
        repository, before = self.store.repository, [session.save_id for session in sessions]
        errors = repository.save_many(sessions, whole=False)
        for session in sessions:
            if session.held_by:
                self._follow_devices(repository, session)
        return list(map(_outcome, sessions, errors, before))

    def _follow_devices(self, repository: Repository, session: UserSession) -> None:
        """Have a session go on without those who have this object, if they were struck off elsewhere."""
        if repository.struck_off(session):
            self.part_from_struck_off(session)

    def failed(self, session: UserSession, error: Exception, *, retrying: bool) -> None:
        """Let go of a session that is gone; of all else an event tells."""
        if isinstance(error, SessionGoneError):
            self.live_sessions.drop(session)  # the repository told
            self.live_sessions.let_go_if_gone(session)
        else:
            self.store.emit(failed_save(session, error, retrying=retrying))

    def size_of(self, session: UserSession) -> int:
        """Return how many bytes a session had when it was last encoded."""
        return session.encoded_size

    def live(self) -> list[UserSession]:
        """Return the live sessions that were stored before, and those in which nothing was done when someone looked last."""
        live = self.live_sessions.stored()
        self.lost_sessions.look_in_the_end(live)
        return [*live, *(one for one in self.live_sessions.all() if one.unused)]


def failed_save(session: UserSession, error: Exception, *, retrying: bool) -> SaveFailed:
    """Return the event of a save that failed."""
    said = text_of(error, session.session_id)
    return SaveFailed(session_id=session.session_id, error=said, retrying=retrying)


def _outcome(session: UserSession, error: Exception | None, before: str | None) -> SaveOutcome:
    if error is None:
        return NOTHING_TO_SAVE if session.save_id == before else SAVED
    return SaveOutcome(error, wrote=session.save_id != before)
