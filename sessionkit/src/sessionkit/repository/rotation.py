# SPDX-License-Identifier: Apache-2.0
"""
Rotates the id of a session: it goes on under a fresh one, with all its state, and the old one is ended.

It goes on in another object, which shares nothing with the one that it had: whoever
holds that one, or a dict or a form out of it, and is not given the other, has nothing.

First the new id is stored, then the old one is ended: a crash in between loses
nothing, but leaves both. The old one is what it was, and the new one is a copy that
no browser holds a token of; it expires by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.errors import ConflictError, SessionGoneError, StorageError, UnavailableError
from sessionkit.events import SessionEnded, SessionGone
from sessionkit.records import short, short_repr
from sessionkit.repository.attempt import encode_held, encode_to_save
from sessionkit.repository.refresh import absorb_track
from sessionkit.repository.save import save_one
from sessionkit.repository.stored_sessions import ATTEMPTS, Tombstones
from sessionkit.repository.tracks import (
    Attempt,
    LastSeen,
    SaveContext,
    Track,
    Tracks,
    gone_reason,
    went_back,
)
from sessionkit.session.ended import empty
from sessionkit.session.fields import NOTHING, micros_now, new_save_id
from sessionkit.session.session import UserSession


@attrs.frozen(kw_only=True)
class StoredRotation:
    """
    Gives sessions fresh ids, in the store and in the tracks.

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

    def rotate(self, session: UserSession, new_id: str) -> FormerId:
        """
        Store a session under a fresh id, unsaved changes too, and go on with it in another object.

        Args:
            session: The session. When this raises, it is as it was; else it is empty and ended.
            new_id: The fresh id.

        Returns:
            What :meth:`finish` ends; its ``session`` is the one to go on with.

        Raises:
            SessionGoneError: If it was ended, deleted or replaced, or has moved already.
            StorageError: If the store can't be reached or refused the session; after
                a lost answer a copy may be stored under the new id.
        """
        track = self.track_of(session)
        with track.lock:
            self._settle(session, track)
            with session.lock:
                absorb_track(self.context, session, track)
                state = self._state_of(session, track)
                former = self._former(session, track, new_id, state)
            error = self._save(self.context, former.session)
            if error is not None:
                raise error
            with session.lock:
                former.session = self._with_late(session, track, former.session, state)
                _leave(session, track)
        return former

    def rotate_in_memory(
        self, session: UserSession, new_id: str, change: Callable[[UserSession], None]
    ) -> FormerId:
        """
        Give a session a fresh id in memory, in another object: its next save stores it there whole.

        Args:
            session: The session; it is empty and ended afterwards.
            new_id: The fresh id.
            change: Changes the session under its new id only: nothing of it is stored under the old one.

        Returns:
            What :meth:`finish` ends, once its ``session``, the one to go on with, is stored.

        Raises:
            SessionGoneError: If the session was ended, deleted or replaced, or has moved already.
        """
        track = self.track_of(session)
        with track.lock:
            try:
                self._settle(session, track)
            except StorageError:
                track.foreign = False  # what is in doubt is in the session, and moves with it
            with session.lock:
                attempt, track.attempt = track.attempt, None
                absorb_track(self.context, session, track)
                former = self._former(session, track, new_id, self._state_of(session, track))
                former.attempt = attempt
                change(former.session)
                _leave(session, track)
        return former

    def exchange(self, session: UserSession, change: Callable[[UserSession], None]) -> UserSession:
        """
        Put a session into another object, under the same id; asks no store.

        Args:
            session: The session; it is empty and ended afterwards.
            change: Changes the session in its new object.

        Returns:
            The session to go on with.

        Raises:
            SessionGoneError: If the session was ended, deleted or replaced, or has moved already.
        """
        track = self.track_of(session)
        with track.lock, session.lock:
            if track.gone is not None:
                raise SessionGoneError(session.session_id, track.gone)
            state = self._state_of(session, track)
            moved_track = attrs.evolve(track, last=state.saved)
            moved = self._object_of(session, session.session_id, state, moved_track)
            moved.version, moved.save_id = session.version, session.save_id
            change(moved)
            _leave(session, track)
        return moved

    def _settle(self, session: UserSession, track: Track) -> None:
        """Let nothing be in doubt or undecided between the session and the store."""
        if track.gone is None and (track.attempt is not None or track.foreign):
            error = self._save(self.context, session)
            if error is not None:
                raise error
        if track.gone is not None:
            raise SessionGoneError(session.session_id, track.gone)

    def _save(self, context: SaveContext, session: UserSession) -> Exception | None:
        track = self.track_of(session)
        with track.lock:
            return save_one(context, session, track).error

    def _state_of(self, session: UserSession, track: Track) -> State:
        saved = encode_to_save(self.context, session, track).parts
        return State(saved, encode_held(self.context, session, track, saved) or saved)

    def _former(self, session: UserSession, track: Track, new_id: str, state: State) -> FormerId:
        """Make another object of a session's state, and return the id that it leaves."""
        moved = Track(
            base=track.base,
            last=state.saved,
            reports=track.reports,
            settled=track.settled,
        )
        moved_session = self._object_of(session, new_id, state, moved)
        if track.stored is not None and track.stored.head.user_id == session.user_id:
            moved_session.owned_at = micros_now()  # the former id says whether it was ended
        return FormerId(
            session_id=session.session_id,
            session=moved_session,
            base=track.base,
            known=None if track.base is None else track.stored,
        )

    def _object_of(
        self, session: UserSession, new_id: str, state: State, track: Track
    ) -> UserSession:
        moved = self.context.codec.decode(new_id, state.live)
        moved.activity.last = session.activity.last
        moved.never, moved.owned_at = session.never, session.owned_at
        moved.origin = session.origin
        self.tracks.put(moved, track)
        return moved

    def _with_late(
        self, session: UserSession, track: Track, stored: UserSession, before: State
    ) -> UserSession:
        """Return what was stored under the new id; with what others have changed in the old object meanwhile."""
        state = self._state_of(session, track)
        if state == before:
            return stored
        moved_track = self.track_of(stored)
        moved_track.last = state.saved
        moved = self._object_of(session, stored.session_id, state, moved_track)
        moved.version, moved.save_id = stored.version, stored.save_id
        return moved

    def finish(self, former: FormerId) -> bool:
        """
        End the former id of a stored session; what others stored there meanwhile moves along.

        Returns:
            Whether others' changes moved along.

        Raises:
            UnavailableError: If the store can't be reached; call it again.
            SessionGoneError: If the old id was ended by someone else: the new one ends, too.
        """
        moved = former.late is not None
        self._move_late(former)
        for _ in range(ATTEMPTS):
            if self._end(former):
                return moved
            seen = self.context.load_parts(former.session_id, None, None)
            self._check(former, seen)
            moved |= self._meet(former, seen)
        msg = f"session {short(former.session_id)} could not be ended: met another writer {ATTEMPTS} times"
        raise UnavailableError(msg)

    def _end(self, former: FormerId) -> bool:
        known = former.known
        head, layout = (known.head, known.layout) if known else (None, {})
        try:
            self.context.storage.write(
                self.tombstones.over(former.session_id, head, layout, former.save_id)
            )
        except ConflictError:
            return False
        self.context.emit(SessionEnded(session_id=former.session_id))
        return True

    def _check(self, former: FormerId, seen: LastSeen | None) -> None:
        known = None if former.known is None else former.known.head
        reason = gone_reason(known, seen, former.session.user_id)
        if reason is None:
            return
        # Whoever logged out or removed the session meant all of it.
        self.tombstones.end(former.session.session_id)
        self.track_of(former.session).gone = reason
        self.context.emit(SessionGone(session_id=former.session.session_id, reason=reason))
        raise SessionGoneError(former.session_id, reason)

    def _meet(self, former: FormerId, seen: LastSeen | None) -> bool:
        """Take along what others stored under the old id."""
        news = seen is not None and seen.usable and seen.parts != former.base_of(seen)
        there = self.context.load_parts(former.session.session_id, None, None) if news else None
        if seen is None or there is None:
            former.known = seen
            return False
        former.late = (self._carrier(former, seen, there), seen)
        self._move_late(former)
        return True

    def _carrier(self, former: FormerId, seen: LastSeen, there: LastSeen) -> UserSession:
        """Return what others stored under the old id as if they had changed the new one."""
        carrier = self.context.codec.decode(former.session.session_id, seen.parts)
        self.tracks.put(carrier, Track(base=former.base_of(seen), last=seen.parts, stored=there))
        return carrier

    def _move_late(self, former: FormerId) -> None:
        if former.late is None:
            return
        carrier, seen = former.late
        # Nobody is there to be asked or refused: an old id that is never ended is worse.
        context = attrs.evolve(self.context, decide=None)
        error = self._save(context, carrier)
        if error is not None and not isinstance(error, SessionGoneError):
            raise error
        former.late, former.known, former.attempt = None, seen, None


def copy_of(codec: SessionCodec, session: UserSession, new_id: str) -> UserSession:
    """Return another object with a session's state, and empty the session: for one that no repository knows."""
    with session.lock:
        moved = codec.decode(new_id, codec.encode(session, {}).parts)
        moved.activity.last = session.activity.last
        moved.never, moved.owned_at = session.never, session.owned_at
        moved.origin = session.origin
        empty(session)
    return moved


def _leave(session: UserSession, track: Track) -> None:
    """Leave nothing in the object that a session had, and let it be saved no more; the caller has the locks."""
    empty(session)
    track.gone = "moved"
    track.base = track.last = track.stored = track.replaces = track.attempt = None
    track.reports, track.settled = (), NOTHING


class State(NamedTuple):
    """
    A session's state at one moment, encoded.

    Attributes:
        saved: What a save stores.
        live: What the object holds: with what was typed into forms that don't save themselves.
    """

    saved: EncodedParts
    live: EncodedParts


@attrs.define(kw_only=True, eq=False)
class FormerId:
    """
    The id that a session had before, until it is ended.

    Attributes:
        session_id: The id.
        session: The session, which goes on under another one, in another object.
        save_id: The tombstone's, so that it is known again after a lost answer.
        base: What the session began as under this id; None when unknown.
        known: What was last seen in the store; the session holds all of it.
        attempt: A last write that may or may not have landed.
        late: What others stored meanwhile, on its way to the new id.
    """

    session_id: str = attrs.field(repr=short_repr)
    session: UserSession
    save_id: str = attrs.field(factory=new_save_id)
    base: EncodedParts | None = None
    known: LastSeen | None = None
    attempt: Attempt | None = None
    late: tuple[UserSession, LastSeen] | None = None

    def base_of(self, seen: LastSeen) -> EncodedParts | None:
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
