# SPDX-License-Identifier: Apache-2.0
"""
Saves live sessions by compare-and-set, many in as few writes as a storage allows.

A save meets others in the store, is sent again, and ends with an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final

import attrs

from sessionkit.encoding.codec import Encoded, EncodedParts
from sessionkit.errors import (
    ConflictError,
    PartlySavedError,
    SessionGoneError,
    SessionKitError,
    StorageError,
    UnavailableError,
)
from sessionkit.events import (
    ConflictResolved,
    SessionGone,
    SessionSaved,
    SessionStoredAgain,
)
from sessionkit.merge.stamps import STAMPS
from sessionkit.records import MOST_AHEAD, SessionWrite, short
from sessionkit.repository.attempt import encode_to_save, intend
from sessionkit.repository.refresh import record_missing, record_seen, write_over
from sessionkit.repository.stored_sessions import ATTEMPTS
from sessionkit.repository.tracks import (
    Attempt,
    LastSeen,
    ResolvedConflict,
    SaveContext,
    Track,
    gone_reason,
    why_gone,
)
from sessionkit.session.ended import empty
from sessionkit.session.fields import NOTHING, micros_now, to_micros
from sessionkit.session.session import Origin, UserSession
from sessionkit.storage import BatchStorage, Storage

_IDENTITY: Final = ("session_id", "created_at", "user_id")
"""What two heads have in common if they are the same user's same session."""


def save_one(context: SaveContext, session: UserSession, track: Track) -> Save:
    """Do as :func:`save_each` for one session; the caller holds its track's lock."""
    save = Save(context=context, session=session, track=track)
    _drive(context, [save])
    return save


def save_each(
    context: SaveContext,
    track_of: Callable[[UserSession], Track],
    sessions: Sequence[UserSession],
) -> list[Save]:
    """
    Save sessions, all of different ids.

    Args:
        context: What every save needs.
        track_of: Returns a session's track; may ask the store.
        sessions: The sessions.

    Returns:
        Their saves, all done, by session id.
    """
    saves = [_begin(context, track_of, session) for session in sessions]
    with ExitStack() as locks:
        # Always in the same order, or two batches could wait for each other. Not by session id:
        # a session that waits here may get another one, and keeps its lock.
        for save in sorted(saves, key=lambda save: id(save.track.lock)):
            locks.enter_context(save.track.lock)
        saves.sort(key=lambda save: save.session.session_id)
        _drive(context, saves)
    return saves


def _begin(
    context: SaveContext, track_of: Callable[[UserSession], Track], session: UserSession
) -> Save:
    try:
        return Save(context=context, session=session, track=track_of(session))
    except SessionKitError as error:
        nowhere = Track(base=None)
        return Save(context=context, session=session, track=nowhere, error=error, done=True)


def _drive(context: SaveContext, saves: Sequence[Save]) -> None:
    try:
        _alternate(context, saves)
    finally:
        if context.observer is not None:
            context.observer.settled(saves)
        for save in saves:
            last = save.track.last
            save.track.decoded.forget(but=None if last is None else last.get(STAMPS))


def _alternate(context: SaveContext, saves: Sequence[Save]) -> None:
    for _ in range(ATTEMPTS):
        writing = [
            (save, write)
            for save in saves
            if not save.done and (write := save.next_write()) is not None
        ]
        if not writing:
            return
        if context.observer is not None:
            context.observer.sending([save for save, _ in writing])
        outcomes = _write(context.storage, [write for _, write in writing])
        for (save, _), outcome in zip(writing, outcomes, strict=True):
            save.settle(outcome)
    for save in saves:
        save.give_up(f"met another writer {ATTEMPTS} times in a row")


def _write(storage: Storage, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
    if len(writes) == 1 or not isinstance(storage, BatchStorage):
        return [_write_one(storage, write) for write in writes]
    try:
        return storage.write_many(writes)
    except StorageError as error:
        return [error] * len(writes)


def _write_one(storage: Storage, write: SessionWrite) -> StorageError | None:
    try:
        storage.write(write)
    except StorageError as error:
        return error
    return None


@attrs.define(kw_only=True, eq=False)
class Save:
    """
    A save in progress.

    ``next_write`` and ``settle`` alternate until the save is done; the write in
    between is the caller's, so that many saves can share one batch.

    Attributes:
        context: What every save needs.
        session: The live session.
        track: What is known of it; the caller holds its lock.
        done: True when nothing is left to write.
        error: Why it failed, or None.
    """

    context: SaveContext
    session: UserSession
    track: Track
    done: bool = False
    error: Exception | None = None
    _fresh: bool = False
    _encoded: Encoded | None = None

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
            return self.next_write() if self.track.missing and not self.done else None
        return self.track.attempt.write

    def _make_attempt(self) -> None:
        if self.track.gone is not None:
            self._drop_late(self.track.gone)
            raise SessionGoneError(self.session.session_id, self.track.gone)
        if self.track.newly_owned:
            self._check_owner()
        self._record_shared()
        if self._encoded is None:
            # Once: what the app changes from now on is the next save's, however often this one
            # meets other writers.
            self._encoded = encode_to_save(self.context, self.session, self.track)
        intent = intend(self.context, self.session, self.track, self._encoded)
        self.track.attempt = intent.attempt
        if intent.attempt is None:
            self._record_contributed(self._encoded.parts)
            self._tell_resolved(intent.resolved)
        self._fresh = True

    def _drop_late(self, reason: str) -> None:
        """Drop what was put into an object that had ended already, and tell."""
        if self.session.ended and empty(self.session):
            self.context.emit(SessionGone(session_id=self.session.session_id, reason=reason))

    def _record_shared(self) -> None:
        """Record what another object of this id stored, rather than meet it in the store."""
        known, seen = self.track.stored, self.track.shared.last_seen
        if known is None or seen is None or seen.head.version <= known.head.version:
            return
        same = all(getattr(seen.head, name) == getattr(known.head, name) for name in _IDENTITY)
        if same and seen.usable and not seen.head.ended:
            record_seen(self.context, self.session, self.track, seen)

    def settle(self, outcome: StorageError | None) -> None:
        """Take a write's outcome; unless ``done``, ask for the next write."""
        attempt = self.track.attempt
        if attempt is None:
            msg = "an outcome without a write"
            raise RuntimeError(msg)
        if outcome is None:
            self._record_landed(attempt)
        elif isinstance(outcome, ConflictError):
            self._meet(attempt)
        else:
            # A write whose answer was lost may have landed, whatever is said to it the next
            # time: it stays, and goes first when the store is back.
            if self._fresh and not isinstance(outcome, UnavailableError):
                self.track.attempt = None
            self._fail(outcome)

    def check(self) -> None:
        """Raise what went wrong; values that could not be encoded count as that, too."""
        if self.error is not None:
            raise self.error
        if self._encoded is not None and self._encoded.refused:
            first, *rest = self._encoded.refused
            others = f"; nor were {', '.join(error.path for error in rest)}" if rest else ""
            reason = f"{first.reason} (not saved{others}; all else was)"
            raise PartlySavedError(reason, first.path)

    def give_up(self, reason: str) -> None:
        """End a save that is not done; it may be tried again."""
        if not self.done:
            self._fail(UnavailableError(f"session {short(self.session.session_id)!r}: {reason}"))

    def _fail(self, error: Exception) -> None:
        self.error = error
        self.done = True

    # -- what came of it -------------------------------------------------------

    def _record_landed(self, attempt: Attempt) -> None:
        track, head = self.track, attempt.write.head
        track.attempt = None
        track.newly_owned |= self._gives_owner(attempt)
        track.stored = LastSeen(
            head=head,
            parts=attempt.target,
            layout=attempt.layout,
            authenticated=attempt.authenticated,
            not_read=track.stored.not_read if track.stored else NOTHING,
        )
        track.shared.last_seen = track.stored
        track.replaces = None
        if self.session.provisional or self.session.unused:
            self.session.provisional = self.session.unused = False
        if self.session.origin is Origin.PROVISIONAL:
            self.session.origin = Origin.NEW  # else what was found there would have said so
        anew, track.missing, track.rewrite = track.missing, False, False
        self._record_contributed(attempt.ours)
        # After a resent write the newer state follows; otherwise that was all.
        self.done = self._fresh
        event = SessionSaved(
            session_id=head.session_id, version=head.version, parts=attempt.changed
        )
        self.context.emit(event)
        if anew:
            self.context.emit(SessionStoredAgain(session_id=head.session_id, version=head.version))
        self._tell_resolved(attempt.resolved)
        try:
            self._check_owner()
        except SessionKitError as error:
            self._fail(error)

    def _gives_owner(self, attempt: Attempt) -> bool:
        """Return whether a write stores an owner that what it replaces has not."""
        replaced = None if attempt.write.expected is None else self.track.stored
        return replaced is None or replaced.head.user_id != attempt.write.head.user_id

    def _check_owner(self) -> None:
        """
        End the session, if its owner's sessions were all ended while it could not be stored.

        After it was stored: whoever ends them notes that first, and looks then which are stored.
        """
        track = self.track
        if track.newly_owned and track.stored is not None:
            if self.context.end_if_revoked(track.stored, self.session.owned_at):
                self._record_gone("ended")
                raise SessionGoneError(self.session.session_id, "ended")
            track.newly_owned = False
        self.session.owned_at = micros_now()

    def _tell_resolved(self, resolved: ResolvedConflict | None) -> None:
        if resolved is None:
            return
        self.track.add_report(resolved.report)
        event = ConflictResolved(
            session_id=self.session.session_id,
            strategy=self.context.strategy_name,
            parts=resolved.parts,
            report=resolved.report,
        )
        self.context.emit(event)

    def _record_contributed(self, ours: EncodedParts) -> None:
        self.track.base = ours
        self.track.foreign = False
        stored = self.track.stored
        if stored is not None:
            self.session.version = stored.head.version
            if stored.parts == ours:
                # Not before the live session has what others changed: a copy of it that
                # is saved later would take that for removed.
                self.session.save_id = stored.head.save_id

    def _touch(self) -> None:
        self.done = True
        track, stored = self.track, self.track.stored
        activity = to_micros(self.session.last_activity)
        interval = self.context.expiry.touch_interval
        # What lies more than a day ahead is taken back: the session would never expire.
        if stored is None or -MOST_AHEAD <= activity - stored.head.last_activity < interval:
            return
        ends = self.context.expiry.of(created_at=stored.head.created_at, last_activity=activity)
        try:
            found = self.context.storage.touch(
                self.session.session_id, last_activity=activity, expires_at=ends
            )
            seen = None if found else self.context.load_parts(self.session.session_id, stored, None)
        except StorageError as error:
            self._fail(error)
            return
        if found:
            head = attrs.evolve(stored.head, last_activity=activity, expires_at=ends)
            track.stored = attrs.evolve(stored, head=head)
        elif seen is None:
            record_missing(track)
            self.done = False
        elif reason := gone_reason(stored.head, seen, self.session.user_id):
            self._record_gone(reason)

    # -- what is no conflict, before any strategy is asked ---------------------

    def _meet(self, attempt: Attempt) -> None:
        try:
            seen = self.context.load_parts(
                self.session.session_id, self.track.stored, self.track.decoded
            )
        except SessionKitError as error:
            self._fail(error)  # the attempt stays: what became of it is not known yet
            return
        track = self.track
        track.attempt = None
        reason = why_gone(self.context, self.session, track, seen)
        if reason is not None:
            self._record_gone(reason)
        elif seen is None:
            record_missing(track)
        elif not seen.usable:
            write_over(track, seen)
        elif attempt.write.head.save_id in seen.head.recent:
            # Ours landed, its answer was lost, and someone wrote on top.
            track.newly_owned |= self._gives_owner(attempt)
            track.base, track.stored, track.foreign = attempt.ours, seen, True
            track.missing = False
            track.shared.last_seen = seen
        else:
            record_seen(self.context, self.session, track, seen)

    def _record_gone(self, reason: str) -> None:
        self.track.gone = reason
        self.context.emit(SessionGone(session_id=self.session.session_id, reason=reason))
        self._fail(SessionGoneError(self.session.session_id, reason))
