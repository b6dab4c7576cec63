# SPDX-License-Identifier: Apache-2.0
"""One session's save: from the live object to a settled outcome, by compare-and-set."""

from __future__ import annotations

from typing import Final

import attrs

from sessionkit.attempting import intend
from sessionkit.codec import EncodedParts
from sessionkit.errors import (
    ConflictError,
    SerializationError,
    SessionGoneError,
    SessionKitError,
    StorageError,
    UnavailableError,
)
from sessionkit.events import (
    ConflictResolved,
    SessionGone,
    SessionSaved,
    StoreWentBack,
)
from sessionkit.moments import to_micros
from sessionkit.records import SessionWrite
from sessionkit.save_context import SaveContext
from sessionkit.session import UserSession
from sessionkit.settling import went_back, why_gone
from sessionkit.tracking import Attempt, Seen, Track

TOUCH_INTERVAL: Final = 60_000_000
"""Microseconds of activity that are not worth a write of their own."""


@attrs.define(kw_only=True, eq=False)
class Save:
    """
    A save in progress.

    ``next_write`` and ``settle`` alternate until the save is done; the write in
    between is the caller's, so that many saves can share one batch.

    Attributes:
        context: What every save needs.
        session: The live session.
        track: Its place between app and store.
        done: True when nothing is left to write.
        error: Why it failed, or None.
        refused: Values that could not be encoded; all else was saved.
    """

    context: SaveContext
    session: UserSession
    track: Track
    done: bool = False
    error: Exception | None = None
    refused: tuple[SerializationError, ...] = ()
    _fresh: bool = False

    def next_write(self) -> SessionWrite | None:
        """Return what is to be written now; None when nothing is (see ``done`` and ``error``)."""
        try:
            if self.track.attempt is None:
                self._make_attempt()
        except Exception as error:  # noqa: BLE001 - a strategy's bug fails its own session only
            self._fail(error)
            return None
        if self.track.attempt is None:
            self._touch()
            return None
        return self.track.attempt.write

    def _make_attempt(self) -> None:
        if self.track.gone is not None:
            raise SessionGoneError(self.session.session_id, self.track.gone)
        intent = intend(self.context, self.session, self.track)
        self.refused = intent.refused
        self.track.attempt = intent.attempt
        if intent.attempt is None:
            self._contributed(intent.ours)
        self._fresh = True

    def settle(self, outcome: StorageError | None) -> None:
        """Take a write's outcome; unless ``done``, ask for the next write."""
        attempt = self.track.attempt
        if attempt is None:
            msg = "an outcome without a write"
            raise RuntimeError(msg)
        if isinstance(outcome, UnavailableError):
            # It may have landed: the very same write goes first when the store is back.
            self._fail(outcome)
            return
        self.track.attempt = None
        if outcome is None:
            self._landed(attempt)
        elif isinstance(outcome, ConflictError):
            self._meet(attempt)
        else:
            self._fail(outcome)

    def give_up(self, reason: str) -> None:
        """End a save that is not done; it may be tried again."""
        if not self.done:
            self._fail(UnavailableError(f"session {self.session.session_id!r}: {reason}"))

    def _fail(self, error: Exception) -> None:
        self.error = error
        self.done = True

    # -- what came of it -------------------------------------------------------

    def _landed(self, attempt: Attempt) -> None:
        track, head = self.track, attempt.write.head
        track.stored = Seen(head=head, parts=attempt.target, layout=attempt.layout)
        track.replaces = None
        track.rewrite = False
        self._contributed(attempt.ours)
        # After a resent write the newer state follows; otherwise that was all.
        self.done = self._fresh
        event = SessionSaved(
            session_id=head.session_id, version=head.version, parts=attempt.changed
        )
        self.context.emit(event)
        if attempt.differed:
            strategy = type(self.context.strategy).__name__
            self.context.emit(
                ConflictResolved(
                    session_id=head.session_id, strategy=strategy, parts=attempt.differed
                )
            )

    def _contributed(self, ours: EncodedParts) -> None:
        self.track.base = ours
        self.track.foreign = False
        if self.track.stored is not None:
            self.session.version = self.track.stored.head.version
            self.session.save_id = self.track.stored.head.save_id

    def _touch(self) -> None:
        self.done = True
        stored = self.track.stored
        activity = to_micros(self.session.last_activity)
        if stored is None or activity - stored.head.last_activity < TOUCH_INTERVAL:
            return
        ends = self.context.expiry.of(created_at=stored.head.created_at, last_activity=activity)
        try:
            found = self.context.touch(self.session, activity, ends)
        except StorageError as error:
            self._fail(error)
            return
        if found:
            head = attrs.evolve(stored.head, last_activity=activity, expires_at=ends)
            self.track.stored = attrs.evolve(stored, head=head)
        else:
            self._gone("deleted")

    # -- what is no conflict, before any strategy is asked ---------------------

    def _meet(self, attempt: Attempt) -> None:
        try:
            seen = self.context.look(self.session.session_id)
        except SessionKitError as error:
            self._fail(error)
            return
        known = self.track.stored
        reason = why_gone(known.head if known else None, seen, self.session.user_id)
        if reason is not None:
            self._gone(reason)
        elif seen is None:
            self.track.replaces = None
        else:
            self._met(seen, attempt)

    def _met(self, seen: Seen, attempt: Attempt) -> None:
        track, known = self.track, self.track.stored
        if not seen.usable:
            self._write_over(seen)
        elif attempt.write.head.save_id in seen.head.recent:
            # Ours landed, its answer was lost, and someone wrote on top.
            track.base, track.stored, track.foreign = attempt.ours, seen, True
        elif known and went_back(known.head, seen.head):
            event = StoreWentBack(
                session_id=self.session.session_id,
                acknowledged=known.head.version,
                found=seen.head.version,
            )
            self.context.emit(event)
            self._write_over(seen)
        else:
            track.stored, track.replaces, track.foreign = seen, None, True

    def _write_over(self, seen: Seen) -> None:
        """Store all parts again: what was acknowledged, or else what we have, is the truth."""
        known = self.track.stored
        if known is None:
            self.track.replaces = seen
        else:
            self.track.stored = attrs.evolve(known, head=seen.head, layout=seen.layout)
            self.track.rewrite = True

    def _gone(self, reason: str) -> None:
        self.track.gone = reason
        self.context.emit(SessionGone(session_id=self.session.session_id, reason=reason))
        self._fail(SessionGoneError(self.session.session_id, reason))
