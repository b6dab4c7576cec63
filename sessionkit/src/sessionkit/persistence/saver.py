# SPDX-License-Identifier: Apache-2.0
"""Who saves the sessions of a queue, and what a save comes to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import attrs

from sessionkit.errors import PartlySavedError, UnavailableError, text_of
from sessionkit.persistence.queue import SaveFunction
from sessionkit.records import short
from sessionkit.session.session import UserSession

SaveMany = Callable[[Sequence[UserSession]], Sequence[Exception | None]]
"""Saves a batch; returns for each what went wrong, or None."""

FailureObserver = Callable[[UserSession, Exception, bool], Any]
"""Told of each failed save: the session, the error, and whether it will be tried again."""

_LOGGER: Final = logging.getLogger("sessionkit")


@attrs.frozen
class SaveOutcome:
    """
    What a save came to.

    Attributes:
        error: What went wrong, or None.
        wrote: Whether the store took a write: a save that finds nothing to store does not show that the store is there.
    """

    error: Exception | None = None
    wrote: bool = False

    @property
    def is_stored(self) -> bool:
        """Whether all is stored, but perhaps values that can't be kept."""
        return self.error is None or isinstance(self.error, PartlySavedError)

    @property
    def is_down(self) -> bool:
        """Whether it can be tried again."""
        return isinstance(self.error, UnavailableError)


SAVED: Final = SaveOutcome(wrote=True)

NOTHING_TO_SAVE: Final = SaveOutcome()


class Saver(Protocol):
    """Saves the sessions of a queue; called without any lock of the queue's."""

    @property
    def keep(self) -> Callable[[UserSession], Any] | None:
        """A journal's: told of each session after it was scheduled, on that thread; None without a journal."""

    def save(self, session: UserSession) -> SaveOutcome:
        """Save one session that someone waits for; an exception that is raised is an outcome, too."""

    def save_many(self, sessions: Sequence[UserSession]) -> Sequence[SaveOutcome]:
        """Save a batch, and return an outcome for each session, in their order."""

    def failed(self, session: UserSession, error: Exception, *, retrying: bool) -> None:
        """Hear of a failed save that nobody is told of else; *retrying* says whether it will be tried again."""

    def debounce_of(self, session: UserSession) -> float | None:
        """Return how long a session's save waits for more changes, in seconds; None for as long as usual."""

    def size_of(self, session: UserSession) -> int:
        """Return how many bytes a session holds, encoded, as far as it is known; raises nothing."""

    def live(self) -> Iterable[UserSession]:
        """Return the sessions that are looked at in the end, whatever was scheduled."""


def log_failure(session: UserSession, error: Exception, retrying: bool) -> None:  # noqa: FBT001 - FailureObserver
    """Log a failed save: what is done when nobody else is told."""
    then = "trying again" if retrying else "this state is not stored"
    said = text_of(error, session.session_id)
    _LOGGER.warning("session %s was not saved (%s): %s", short(session.session_id), then, said)


@attrs.frozen(kw_only=True, eq=False)
class FunctionSaver:
    """
    A saver made of functions, each of which may be left out; :class:`~sessionkit.SessionPersistence` says what they do.

    At least one of *one* and *many* is there, or nothing is saved by it.
    """

    one: SaveFunction | None = None
    many: SaveMany | None = None
    on_failure: FailureObserver = log_failure
    debounce: Callable[[UserSession], float | None] | None = None
    keep: Callable[[UserSession], Any] | None = None
    size: Callable[[UserSession], int] | None = None
    stored_as: Callable[[UserSession], object] | None = None
    all_live: Callable[[], Iterable[UserSession]] | None = None

    def save(self, session: UserSession) -> SaveOutcome:
        """Save one session."""
        if self.one is None:
            return self.save_many([session])[0]
        before, error = self._mark(session), None
        try:
            self.one(session)
        except PartlySavedError as partly:
            error = partly
        return self._outcome(session, error, before)

    def save_many(self, sessions: Sequence[UserSession]) -> list[SaveOutcome]:
        """Save a batch; without a function for it, one by one."""
        if self.many is None:
            return [self._alone(session) for session in sessions]
        before = [self._mark(session) for session in sessions]
        errors = self.many(sessions)
        if len(errors) != len(sessions):
            msg = f"save_many returned {len(errors)} outcomes for {len(sessions)} sessions"
            raise ValueError(msg)
        return [
            self._outcome(session, error, mark)
            for session, error, mark in zip(sessions, errors, before, strict=True)
        ]

    def _alone(self, session: UserSession) -> SaveOutcome:
        try:
            return self.save(session)
        except Exception as error:  # noqa: BLE001 - one that fails is not to fail the others
            return SaveOutcome(error)

    def _mark(self, session: UserSession) -> object:
        return None if self.stored_as is None else self.stored_as(session)

    def _outcome(
        self, session: UserSession, error: Exception | None, before: object
    ) -> SaveOutcome:
        if error is not None and not isinstance(error, PartlySavedError):
            return SaveOutcome(error)
        return SaveOutcome(error, self.stored_as is None or self.stored_as(session) != before)

    def failed(self, session: UserSession, error: Exception, *, retrying: bool) -> None:
        """Tell the observer."""
        self.on_failure(session, error, retrying)

    def debounce_of(self, session: UserSession) -> float | None:
        """Return the session's own debounce, or None."""
        return None if self.debounce is None else self.debounce(session)

    def size_of(self, session: UserSession) -> int:
        """Return the session's size; 0 where nobody knows it."""
        if self.size is None:
            return 0
        try:
            return self.size(session)
        except Exception:  # its bug must neither end the writer nor reach the app
            _LOGGER.exception("the size of session %s is not known", short(session.session_id))
            return 0

    def live(self) -> Iterable[UserSession]:
        """Return the sessions that are looked at in the end."""
        return () if self.all_live is None else self.all_live()
