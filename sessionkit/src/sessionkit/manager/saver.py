# SPDX-License-Identifier: Apache-2.0
"""Saves a manager's sessions: soon, in the background, or at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import attrgetter
from time import time_ns
from typing import Final
from weakref import WeakKeyDictionary

from sessionkit.errors import QueueFullError, SessionGoneError, text_of
from sessionkit.events import SaveFailed
from sessionkit.journal.replay import JournalRecovery
from sessionkit.manager.lost_sessions import LostSessions
from sessionkit.manager.parts import ManagerParts
from sessionkit.manager.store import make_recovery
from sessionkit.persistence.limits import QueueLimits
from sessionkit.persistence.persistence import SessionPersistence
from sessionkit.persistence.writer import Use
from sessionkit.plugins.plugins import Plugins
from sessionkit.repository.repository import Repository
from sessionkit.session.arguments import SESSION
from sessionkit.session.fields import to_micros, utc_now
from sessionkit.session.held_forms import ask_for_forms, form_debounce
from sessionkit.session.session import UserSession
from sessionkit.settings.settings import Settings
from sessionkit.status import PersistenceStatus

_SETTLED: Final = ("saved", "incomplete")


_KEPT_IN_MEMORY: Final = (
    "a newer release of sessionkit has stored this session; changes stay in memory, lest they "
    "damage what is stored"
)


class BackgroundSaver(ManagerParts):
    """
    Saves sessions in the background, or at once.

    Attributes:
        persistence: The queue of saves and its writer.
    """

    def __init__(
        self,
        settings: Settings,
        plugins: Plugins,
        now: Callable[[], datetime],
        clock: Callable[[], float],
    ) -> None:
        """Begin with nothing to save."""
        super().__init__(settings, plugins, now, clock)
        # To ask a clock for a date takes as long as all else that an input costs.
        self._nanoseconds = time_ns if now is utc_now else lambda: to_micros(now()) * 1000
        persistence = self.settings.persistence
        self._recovery = self._make_recovery()
        self._turned_away: WeakKeyDictionary[UserSession, tuple[str, str | None]] = (
            WeakKeyDictionary()
        )
        self.persistence = SessionPersistence(
            persistence.debounce_ms,
            persistence.max_wait_ms,
            save_many=self._save_many,
            save_one=self._save_one,
            batch_size=persistence.batch_size,
            limits=QueueLimits(
                max_pending=persistence.max_pending,
                max_pending_bytes=persistence.max_pending_bytes,
                when_full=persistence.when_full,
                full_timeout_ms=persistence.full_timeout_ms,
            ),
            exit_timeout_ms=persistence.exit_timeout_ms,
            on_failure=self._save_failed,
            debounce_of=form_debounce,
            size_of=self._size_of,
            keep=None if self._recovery is None else self._recovery.journal.keep,
            stored_as=attrgetter("save_id"),
            live=self._live_in_the_end,
        )

        self._lost_sessions = LostSessions(
            live=self._live,
            repository=lambda: self.repository,
            later=self._later,
            store_again=self.schedule_save,
            record_loss=self.persistence.record_loss,
            emit=self.emit,
        )

    def schedule_save(self, session: UserSession) -> None:
        """
        Have the session saved soon, if it changed; never waits for the store.

        Where too many sessions wait already, an event tells that this one does not.

        Raises:
            SessionKitError: If the manager was closed.
        """
        if not isinstance(session, UserSession):
            SESSION.check(session)  # says what is wrong; each rerun comes by
        try:
            self.queue(session)
        except QueueFullError as error:
            self._turned_away[session] = str(error), session.save_id
            self._save_failed(session, error, False)  # noqa: FBT003 - FailureObserver

    def queue(self, session: UserSession) -> None:
        """Do as :meth:`schedule_save`, and raise :class:`QueueFullError` if that is the policy."""
        # Written out, as all that each input and each rerun does.
        times = session.change_times
        times.others = now = self._nanoseconds()
        if times.new:
            times.inputs.update(dict.fromkeys(times.new, now))
            times.new = []
        if not self.persistence.schedule_again(session) and self._live.is_saved(session):
            self.persistence.schedule_save(None, session)

    def save(self, session: UserSession, *, immediate: bool = False) -> None:
        """
        Save a session, soon or at once, with all its forms: also those that don't save themselves.

        Args:
            session: The session.
            immediate: True to save now, and to raise what went wrong.

        Raises:
            SerializationError: If a value can't be kept; all else was saved.
            UnavailableError: If the store can't be reached; it is tried again by itself.
            QueueFullError: If too many sessions wait to be saved already, and that is the policy.
            SessionGoneError: If the session was ended, deleted or replaced.
            ConflictError: If the conflict strategy refused.
            PluginError: If the strategy failed; nothing was stored.
            RejectedError: If the store will not take it.
        """
        SESSION.check(session)
        ask_for_forms(session)
        if not immediate:
            self.queue(session)
        elif self._live.is_saved(session):
            session.change_times.others = self._nanoseconds()
            self.persistence.save_now(session)
        else:
            self.repository.save(session)  # says why it can't be saved

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

    @contextmanager
    def in_use(self, session: UserSession) -> Iterator[None]:
        """
        Have what changes in a session stored while a block of code takes long, and after it; for threads and jobs.

        Args:
            session: The session.
        """
        SESSION.check(session)
        use = self.begin_use(session)
        try:
            yield
        finally:
            self.schedule_save(session)
            self.end_use(use)

    def discard(self, session_id: str) -> None:
        """Forget what waits under an id, such as one that was ended."""
        self.persistence.discard(session_id)
        if self._recovery is not None:
            self._recovery.journal.forget(session_id)

    def follow(self, former: UserSession, session: UserSession) -> None:
        """Have what waits to be saved of a session that has moved saved of its new object."""
        waits = self.persistence.is_pending(former)
        self.persistence.discard(former.session_id)
        if self._recovery is not None:
            self._recovery.journal.follow(former, session)
        if waits:
            self.schedule_save(session)

    def flush(self, session_id: str | None = None, timeout: float | None = None) -> bool:
        """Save now what waits; arguments and result are those of :meth:`SessionPersistence.flush`."""
        return self.persistence.flush(session_id, timeout)

    def close(self, timeout: float | None = None) -> None:
        """Save what waits and close the storage; closing twice is fine."""
        self.persistence.close(timeout)
        if self._recovery is not None:
            self._recovery.journal.close()
        self._close_store()

    def _live_in_the_end(self) -> list[UserSession]:
        live = self._live.stored()
        self._lost_sessions.look_in_the_end(live)
        return live

    def _record_lost(self, session_id: str) -> None:
        self._lost_sessions.record_lost(session_id)

    def _is_own_thread(self) -> bool:
        return self.persistence.is_own_thread()

    def _make_recovery(self) -> JournalRecovery | None:
        if self.settings.persistence.journal is None:
            return None
        return make_recovery(self.assembly, lambda: self.repository, self.now, self.emit)

    def _opened(self, repository: Repository) -> None:
        if self._recovery is not None:
            self._recovery.recover(repository, self._later)

    def _later(self, work: Callable[[], object]) -> None:
        """Have the writer do something, again and again while the store is down."""
        self.persistence.schedule_save(None, UserSession(), lambda _: work(), bounded=False)

    def _save_many(self, sessions: Sequence[UserSession]) -> list[Exception | None]:
        repository = self.repository
        outcomes = repository.save_many(sessions, whole=False)
        for session in sessions:
            if session.held_by and repository.struck_off(session):
                self._part_from_struck_off(session)
        return outcomes

    def _save_one(self, session: UserSession) -> None:
        repository = self.repository
        repository.save(session)
        if session.held_by and repository.struck_off(session):
            self._part_from_struck_off(session)

    def _part_from_struck_off(self, session: UserSession) -> None:
        """Go on with a session in another object where devices that have this one were logged out elsewhere."""

    def _size_of(self, session: UserSession) -> int:
        # Before the store was opened nothing is known of any session.
        return 0 if self._repository is None else self._repository.encoded_size(session)

    def _save_failed(self, session: UserSession, error: Exception, retrying: bool) -> None:  # noqa: FBT001 - FailureObserver
        if isinstance(error, SessionGoneError):
            self._live.drop(session)  # the repository told
            self._live.let_go_if_gone(session)
        else:
            said = text_of(error, session.session_id)
            failed = SaveFailed(session_id=session.session_id, error=said, retrying=retrying)
            self.emit(failed)
