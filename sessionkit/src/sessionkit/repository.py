# SPDX-License-Identifier: Apache-2.0
"""
Loads and saves whole sessions: the only place where serializer, storage and strategy meet.

Pure: storage, codec, strategy, expiry, clock and event sink are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import attrs

from sessionkit.adopting import adopt
from sessionkit.batching import save_each, save_one
from sessionkit.codec import SessionCodec
from sessionkit.conflict import ConflictStrategy
from sessionkit.events import SessionEvent
from sessionkit.expiry import Expiry
from sessionkit.found import Absence, Found
from sessionkit.freshness import look_again, take_in
from sessionkit.merger import Merger
from sessionkit.moments import from_micros
from sessionkit.records import SessionHead
from sessionkit.save_context import SaveContext
from sessionkit.session import UserSession
from sessionkit.storage import Storage
from sessionkit.stored_sessions import StoredSessions
from sessionkit.tracking import Owner, Track, Tracks


def _ignore(_: SessionEvent) -> None:
    """Take an event and do nothing."""


class Repository:
    """
    Loads and saves sessions.

    Any number of threads use one repository at once; saves of one session take turns.
    """

    def __init__(  # noqa: PLR0913 - each is handed in, by keyword
        self,
        *,
        storage: Storage,
        codec: SessionCodec,
        strategy: ConflictStrategy,
        expiry: Expiry,
        now: Callable[[], datetime],
        emit: Callable[[SessionEvent], None] = _ignore,
        tracks: Tracks | None = None,
        merger: Merger | None = None,
    ) -> None:
        """
        Join what sessions are loaded and saved with.

        Args:
            storage: Keeps the bytes.
            codec: Encodes and decodes.
            strategy: Decides when two writers met.
            expiry: When sessions end by themselves.
            now: Returns the present moment, aware.
            emit: Takes events.
            tracks: What is known of live sessions; repositories over one store share it.
            merger: Knows the policies for single fields; the usual rules when None.
        """
        self._stored = StoredSessions(
            storage=storage, codec=codec, expiry=expiry, now=now, emit=emit
        )
        self._tracks = Tracks() if tracks is None else tracks
        self._context = SaveContext(
            storage=storage,
            codec=codec,
            strategy=strategy,
            merger=Merger() if merger is None else merger,
            expiry=expiry,
            look=self._stored.look,
            emit=emit,
        )

    @property
    def storage(self) -> Storage:
        """Keeps the bytes."""
        return self._stored.storage

    # -- loading ---------------------------------------------------------------

    def load(self, session_id: str) -> UserSession | None:
        """
        Return a stored session as a new object.

        Returns:
            None when nothing is stored, or it has expired, was ended or can't
            be read; what can't be read is kept aside under an id of its own.

        Raises:
            UnavailableError: If the store can't be reached.
            NewerFormatError: If a newer release wrote it.
        """
        return self.look_up(session_id).session

    def look_up(self, session_id: str) -> Found:
        """Do as :meth:`load`, and tell an id that was ended from one that is free."""
        stored = self.storage.read(session_id)
        if stored is None:
            return Found(absence=Absence.FREE)
        seen, session = self._stored.see(stored)
        if session is None:
            return Found(absence=Absence.ENDED if seen.usable and seen.head.ended else Absence.FREE)
        self._tracks.put(session, Track(base=seen.parts, stored=seen))
        session.version, session.save_id = seen.head.version, seen.head.save_id
        session.last_activity = from_micros(seen.head.last_activity)
        return Found(session=session)

    # -- saving ----------------------------------------------------------------

    def save(self, session: UserSession, *, strategy: ConflictStrategy | None = None) -> None:
        """
        Store what changed in *session*; nothing is written when nothing did.

        Args:
            session: The session; its ``version`` and ``save_id`` are set.
            strategy: Decides instead of the repository's own.

        Raises:
            SessionGoneError: If it was ended, deleted or replaced; nothing is written.
            ConflictError: If the strategy refused.
            UnavailableError: If the store can't be reached; the next save repeats the write.
            RejectedError: If the store will not take it, such as for its size.
            SerializationError: If a value can't be kept; all else was saved.
        """
        context = self._context
        if strategy is not None:
            context = attrs.evolve(context, strategy=strategy)
        save_one(context, self._track, session).check()

    def save_many(self, sessions: Sequence[UserSession]) -> list[Exception | None]:
        """
        Store what changed in each of *sessions*, in as few writes as the storage allows.

        Returns:
            An outcome for each: None, or the error that :meth:`save` would have
            raised; values that can't be kept are told as events only.
        """
        outcomes: dict[UserSession, Exception | None] = {}
        waiting = list(dict.fromkeys(sessions))
        while waiting:
            # A batch holds one object of each id.
            batch = {session.session_id: session for session in reversed(waiting)}
            saves = save_each(self._context, self._track, list(batch.values()))
            outcomes.update((save.session, save.error) for save in saves)
            waiting = [session for session in waiting if session not in outcomes]
        return [outcomes[session] for session in sessions]

    def _track(self, session: UserSession) -> Track:
        return self._tracks.get_or_make(session, lambda: adopt(self._context, session))

    # -- what others changed ---------------------------------------------------

    def refresh(self, session: UserSession) -> None:
        """
        Look whether someone else has saved *session*; what they changed waits for :meth:`absorb`.

        Raises:
            SessionGoneError: If it was ended, deleted or replaced.
            UnavailableError: If the store can't be reached.
        """
        track = self._track(session)
        with track.lock:
            look_again(self._context, session, track)

    def absorb(self, session: UserSession) -> tuple[str, ...]:
        """
        Put what others changed into the live session, change by change.

        Called on the session's own thread only. Never waits: while the session
        is being saved, it does nothing.

        Returns:
            Names of the parts that changed.
        """
        track = self._tracks.get(session)
        if track is None or not track.diverged or not track.lock.acquire(blocking=False):
            return ()
        try:
            return take_in(self._context, session, track)
        finally:
            track.lock.release()

    def why_gone(self, session: UserSession) -> str | None:
        """Return why a live session can't be saved any more, or None."""
        track = self._tracks.get(session)
        return None if track is None else track.gone

    def owner_of(self, session: UserSession) -> Owner:
        """Return the owner of a live session as last seen in the store; its own where it never was."""
        track = self._tracks.get(session)
        stored = None if track is None else track.stored
        if stored is None or stored.head.user_id is None:
            return Owner(session.user_id, session.authenticated)
        return Owner(stored.head.user_id, stored.authenticated)

    def has_expired(self, session: UserSession) -> bool:
        """Return whether a live session's time is over by what was last stored."""
        track = self._tracks.get(session)
        stored = None if track is None else track.stored
        return stored is not None and self._stored.has_expired(stored.head)

    # -- ending, listing, removing ---------------------------------------------

    def end(self, session_id: str, session: UserSession | None = None) -> None:
        """
        End an id for good: a tombstone takes its place, so that not even a late save brings it back.

        Args:
            session_id: The id.
            session: The live object, if there is one; it can't be saved any more.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        self._stored.end(session_id)
        if session is not None:
            self._tracks.get_or_make(session, lambda: Track(base=None)).gone = "ended"

    def heads(self, *, user_id: str | None = None) -> Iterator[SessionHead]:
        """Yield the heads of sessions that have not expired: all, or *user_id*'s, latest activity first."""
        return self._stored.heads(user_id=user_id)

    def latest_of(self, user_id: str) -> str | None:
        """Return the id of the session of *user_id* with the latest activity, or None."""
        return self._stored.latest_of(user_id)

    def touch(self, session_id: str) -> bool:
        """Note that a stored session is in use now; return whether there is one."""
        return self._stored.touch(session_id)

    def delete(self, session_id: str) -> bool:
        """Remove a session from the store at once; return whether there was one. To log out, end it."""
        return self._stored.delete(session_id)

    def count_active(self, within: timedelta) -> int:
        """Return how many sessions were active within the last *within*."""
        return self._stored.count_active(within)

    def purge(self, *, idle: timedelta | None = None) -> int:
        """Remove all expired sessions, and those *idle* for so long, in batches; return how many."""
        return self._stored.purge(idle=idle)
