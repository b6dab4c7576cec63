# SPDX-License-Identifier: Apache-2.0
"""What a repository knows of live sessions, and how they learn what others have saved."""

from __future__ import annotations

from sessionkit.encoding.codec import SessionCodec
from sessionkit.repository.adopting import adopt
from sessionkit.repository.freshness import look_again, take_in
from sessionkit.repository.save_context import SaveContext
from sessionkit.repository.tracking import Owner, Seen, Track, Tracks
from sessionkit.session.session import UserSession


class CatchingUp:
    """The side of a repository that live sessions are kept up to date by."""

    _context: SaveContext
    _tracks: Tracks

    def _track(self, session: UserSession) -> Track:
        return self._tracks.get_or_make(session, lambda: adopt(self._context, session))

    # -- what a journal works with ---------------------------------------------

    @property
    def codec(self) -> SessionCodec:
        """Encodes and decodes."""
        return self._context.codec

    def look(self, session_id: str) -> Seen | None:
        """
        Return what is stored under an id, as a track has it.

        Raises:
            UnavailableError: If the store can't be reached.
            NewerFormatError: If a newer release wrote it.
        """
        return self._context.look(session_id, None)

    def begin_at(self, session: UserSession, track: Track) -> None:
        """Take a session that stands where *track* says."""
        self._tracks.put(session, track)

    def encoded_size(self, session: UserSession) -> int:
        """Return how many bytes a session's parts had when they were last encoded; 0 for never. Waits for no save."""
        track = self._tracks.get(session)
        return 0 if track is None else sum(map(len, track.last_known.values()))

    # -- what others did -------------------------------------------------------

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

    def glance(self, session: UserSession, *, wait: bool = False) -> bool:
        """
        Do as :meth:`refresh`, but ask for nothing that is known: what was never stored, or is gone.

        Args:
            session: The session.
            wait: False to leave it alone while it is saved: that meets what is stored.

        Returns:
            Whether the store was asked.
        """
        track = self._tracks.get(session)
        if track is None or track.gone is not None or not track.lock.acquire(blocking=wait):
            return False
        try:
            return look_again(self._context, session, track)
        finally:
            track.lock.release()

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

    def has_news(self, session: UserSession) -> bool:
        """Return whether what others did to a live session waits for its next rerun; asks no store."""
        track = self._tracks.get(session)
        return track is not None and (track.gone is not None or track.diverged)

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
