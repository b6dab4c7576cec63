# SPDX-License-Identifier: Apache-2.0
"""
A session moves to a fresh id, with all its state.

First the new id is stored, then the old one is ended: a crash in between loses
nothing, but leaves both. The old one is what it was, and the new one is a copy that
no browser holds a token of; it expires by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from sessionkit.encoding.codec import EncodedParts
from sessionkit.errors import ConflictError, SessionGoneError, StorageError, UnavailableError
from sessionkit.events import SessionEnded, SessionGone
from sessionkit.merge.strategies import Merge
from sessionkit.repository.refresh import take_in
from sessionkit.repository.save import save_one
from sessionkit.repository.stored import ATTEMPTS, Tombstones
from sessionkit.repository.tracks import (
    Attempt,
    SaveContext,
    Seen,
    Track,
    Tracks,
    went_back,
    why_gone,
)
from sessionkit.session.fields import new_save_id, short
from sessionkit.session.session import UserSession


@attrs.define(kw_only=True, eq=False)
class Left:
    """
    An id that a session has left, until it is ended.

    Attributes:
        session_id: The id.
        session: The session, which has another one now.
        save_id: The tombstone's, so that it is known again after a lost answer.
        base: What the session began as under this id; None when unknown.
        known: What was last seen in the store; the session holds all of it.
        attempt: A last write that may or may not have landed.
        late: What others stored meanwhile, on its way to the new id.
    """

    session_id: str
    session: UserSession
    save_id: str = attrs.field(factory=new_save_id)
    base: EncodedParts | None = None
    known: Seen | None = None
    attempt: Attempt | None = None
    late: tuple[UserSession, Seen] | None = None

    def base_of(self, seen: Seen) -> EncodedParts | None:
        """Return what others who stored *seen* started from; all of it is in the session."""
        attempt, known = self.attempt, self.known
        saves = (seen.head.save_id, *seen.head.recent)
        if attempt is not None and attempt.write.head.save_id in saves:
            return attempt.target
        if known is None:
            return self.base
        if not went_back(known.head, seen.head):
            return known.parts
        return seen.parts if seen.head.save_id in known.head.recent else None


@attrs.frozen(kw_only=True)
class Rotations:
    """
    Moves sessions to fresh ids.

    Attributes:
        context: What every save needs.
        tracks: What is known of live sessions.
        track_of: Returns a session's track; may ask the store.
        tombstones: Ends ids.
    """

    context: SaveContext
    tracks: Tracks
    track_of: Callable[[UserSession], Track]
    tombstones: Tombstones

    def rotate(self, session: UserSession, new_id: str) -> Left:
        """
        Store a session under a fresh id, unsaved changes too; it has that id from now on.

        Args:
            session: The session. When this raises, it is as it was.
            new_id: The fresh id.

        Returns:
            What :meth:`finish` ends.

        Raises:
            SessionGoneError: If it was ended, deleted or replaced.
            StorageError: If the store can't be reached or refused the session; after
                a lost answer a copy may be stored under the new id.
        """
        track = self.track_of(session)
        with track.lock:
            self._settle(session, track)
            before = (session.version, session.save_id, track.replaces, track.rewrite)
            left = self._leave(session, track, new_id)
            error = save_one(self.context, self.track_of, session).error
            if error is not None:
                _come_back(session, track, left, before)
                raise error
        return left

    def leave(self, session: UserSession, new_id: str, change: Callable[[], None]) -> Left:
        """
        Give a session a fresh id in memory: its next save stores it there whole.

        Args:
            session: The session.
            new_id: The fresh id.
            change: Changes the session under its new id only: nothing of it is stored under the old one.

        Returns:
            What :meth:`finish` ends, once the session is stored.

        Raises:
            SessionGoneError: If the session was ended, deleted or replaced.
        """
        track = self.track_of(session)
        with track.lock:
            try:
                self._settle(session, track)
            except StorageError:
                track.foreign = False  # what is in doubt is in the session, and moves with it
            with session.lock:
                left = self._leave(session, track, new_id)
                change()
        return left

    def _settle(self, session: UserSession, track: Track) -> None:
        """Let nothing be in doubt or undecided between the session and the store."""
        if track.gone is None and (track.attempt is not None or track.foreign):
            error = save_one(self.context, self.track_of, session).error
            if error is not None:
                raise error
        if track.gone is not None:
            raise SessionGoneError(session.session_id, track.gone)

    def _leave(self, session: UserSession, track: Track, new_id: str) -> Left:
        attempt, track.attempt = track.attempt, None
        with session.lock:
            take_in(self.context, session, track)
            left = Left(
                session_id=session.session_id,
                session=session,
                base=track.base,
                known=None if track.base is None else track.stored,
                attempt=attempt,
            )
            self.tracks.move(track, new_id)
            track.stored, track.replaces, track.rewrite = None, None, False
            session.session_id, session.version, session.save_id = new_id, 0, None
        return left

    def finish(self, left: Left) -> bool:
        """
        End the id that a stored session has left; what others stored there meanwhile moves along.

        Returns:
            Whether others' changes moved along.

        Raises:
            UnavailableError: If the store can't be reached; call it again.
            SessionGoneError: If the old id was ended by someone else, or deleted: the new one ends, too.
        """
        moved = left.late is not None
        self._move_late(left)
        for _ in range(ATTEMPTS):
            if self._end(left):
                return moved
            seen = self.context.look(left.session_id, None)
            self._check(left, seen)
            moved |= self._meet(left, seen)
        msg = f"session {short(left.session_id)} could not be ended: met another writer {ATTEMPTS} times"
        raise UnavailableError(msg)

    def _end(self, left: Left) -> bool:
        known = left.known
        head, layout = (known.head, known.layout) if known else (None, ())
        try:
            self.context.storage.write(
                self.tombstones.over(left.session_id, head, layout, left.save_id)
            )
        except ConflictError:
            return False
        self.context.emit(SessionEnded(session_id=left.session_id))
        return True

    def _check(self, left: Left, seen: Seen | None) -> None:
        known = None if left.known is None else left.known.head
        reason = why_gone(known, seen, left.session.user_id)
        if reason is None:
            return
        # Whoever logged out or removed the session meant all of it.
        self.tombstones.end(left.session.session_id)
        self.track_of(left.session).gone = reason
        self.context.emit(SessionGone(session_id=left.session.session_id, reason=reason))
        raise SessionGoneError(left.session_id, reason)

    def _meet(self, left: Left, seen: Seen | None) -> bool:
        """Take along what others stored under the old id."""
        news = seen is not None and seen.usable and seen.parts != left.base_of(seen)
        there = self.context.look(left.session.session_id, None) if news else None
        if seen is None or there is None:
            left.known = seen
            return False
        left.late = (self._carrier(left, seen, there), seen)
        self._move_late(left)
        return True

    def _carrier(self, left: Left, seen: Seen, there: Seen) -> UserSession:
        """Return what others stored under the old id as if they had changed the new one."""
        carrier = self.context.codec.decode(left.session.session_id, seen.parts)
        self.tracks.put(carrier, Track(base=left.base_of(seen), last=seen.parts, stored=there))
        return carrier

    def _move_late(self, left: Left) -> None:
        if left.late is None:
            return
        carrier, seen = left.late
        # Nobody is there to be asked or refused: an old id that is never ended is worse.
        context = attrs.evolve(self.context, strategy=Merge())
        error = save_one(context, self.track_of, carrier).error
        if error is not None and not isinstance(error, SessionGoneError):
            raise error
        left.late, left.known, left.attempt = None, seen, None


def _come_back(
    session: UserSession,
    track: Track,
    left: Left,
    before: tuple[int, str | None, Seen | None, bool],
) -> None:
    with session.lock:
        session.session_id = left.session_id
        session.version, session.save_id, track.replaces, track.rewrite = before
        track.stored, track.attempt = left.known, None
