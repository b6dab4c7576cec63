# SPDX-License-Identifier: Apache-2.0
"""
Loads and saves whole sessions: the only place where serializer, storage and strategy meet.

Pure: storage, codec, strategy, expiry, clock and event sink are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from sessionkit.conflict import ConflictStrategy, FieldDecision, Side
from sessionkit.encoding.codec import SessionCodec
from sessionkit.events import SessionEvent
from sessionkit.merge.merger import Merger
from sessionkit.merge.strategies import Merge
from sessionkit.records import SessionHead
from sessionkit.repository.decisions import open_decisions, settle
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.refresh import absorb_track, begin_track, refresh_track
from sessionkit.repository.rotation import StoredRotation
from sessionkit.repository.save import save_each, save_one
from sessionkit.repository.stored_sessions import Revocations, StoredSessions, Tombstones
from sessionkit.repository.tracks import (
    Absence,
    LastSeen,
    LoadResult,
    Owner,
    SaveContext,
    SaveObserver,
    Track,
    Tracks,
)
from sessionkit.session.arguments import SESSION, SESSION_ID
from sessionkit.session.fields import NOTHING
from sessionkit.session.forms import ask_for_forms
from sessionkit.session.session import Origin, UserSession
from sessionkit.storage import HeadStorage, Storage


def _decide(strategy: ConflictStrategy) -> ConflictStrategy | None:
    """Return who decides; None for a merge, which needs no session made of what both did to say so."""
    return None if type(strategy) is Merge else strategy


def _ignore(_: SessionEvent) -> None:
    """Take an event and do nothing."""


class Repository:
    """
    Loads and saves sessions.

    Any number of threads use one repository at once; saves of one session take turns.

    Attributes:
        rotation: Gives sessions fresh ids.
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
        observer: SaveObserver | None = None,
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
            observer: Told of each write before it is sent, and of what became of it.
        """
        self._stored = StoredSessions(
            storage=storage, codec=codec, expiry=expiry, now=now, emit=emit
        )
        self._tombstones = Tombstones(storage=storage, expiry=expiry, now=now, emit=emit)
        self._tracks = Tracks() if tracks is None else tracks
        self._revocations = Revocations(
            storage=storage,
            tombstones=self._tombstones,
            read_head=storage.read_head if isinstance(storage, HeadStorage) else None,
        )
        self._context = SaveContext(
            storage=storage,
            codec=codec,
            decide=_decide(strategy),
            merger=Merger() if merger is None else merger,
            expiry=expiry,
            load_parts=self._stored.load_parts,
            read_head=self._revocations.read_head,
            end_if_revoked=self._revocations.end_if_revoked,
            now=now,
            emit=emit,
            observer=observer,
        )
        self.rotation: Final = StoredRotation(
            context=self._context,
            tracks=self._tracks,
            track_of=self._track,
            tombstones=self._tombstones,
        )

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
        SESSION_ID.check(session_id)
        return self.load_result(session_id).session

    def load_result(self, session_id: str) -> LoadResult:
        """Do as :meth:`load`, and tell an id that was ended from one that is free; the caller has checked the id."""
        stored = self._stored.read(session_id)
        if stored is None:
            return LoadResult(absence=Absence.FREE)
        seen, session = self._stored.decode(stored)
        if session is None:
            return LoadResult(absence=self._why_absent(seen))
        self._tracks.put(session, Track(base=seen.parts, stored=seen))
        session.version, session.save_id = seen.head.version, seen.head.save_id
        session.activity.micros = seen.head.last_activity
        session.origin = Origin.RESTORED
        return LoadResult(session=session)

    def _why_absent(self, seen: LastSeen) -> Absence:
        if self._stored.has_expired(seen.head):
            return Absence.FREE
        return Absence.ENDED if seen.usable and seen.head.ended else Absence.UNREADABLE

    # -- saving ----------------------------------------------------------------

    def save(
        self,
        session: UserSession,
        *,
        strategy: ConflictStrategy | None = None,
        whole: bool = True,
    ) -> None:
        """
        Store what changed in *session*; nothing is written when nothing did.

        Forms that don't save themselves (``auto_save``) are saved, too: the app asks for it.

        Args:
            session: The session; its ``version`` and ``save_id`` are set.
            strategy: Decides instead of the repository's own.
            whole: False to leave such forms as they are stored, unless the app has asked for them.

        Raises:
            SessionGoneError: If it was ended, deleted or replaced; nothing is written.
            ConflictError: If the strategy refused.
            PluginError: If the strategy failed; nothing was stored.
            UnavailableError: If the store can't be reached; the next save repeats the write.
            RejectedError: If the store will not take it, such as for its size.
            SerializationError: If a value can't be kept; all else was saved.
        """
        if not isinstance(session, UserSession):
            SESSION.check(session)  # says what is wrong
        if whole and session.form_states:
            ask_for_forms(session)
        context = self._context
        if strategy is not None:
            context = attrs.evolve(context, decide=_decide(strategy))
        track = self._track(session)
        with track.lock:
            save = save_one(context, session, track)
        save.check()

    def save_many(
        self, sessions: Sequence[UserSession], *, whole: bool = True
    ) -> list[Exception | None]:
        """
        Store what changed in each of *sessions*, in as few writes as the storage allows.

        Args:
            sessions: The sessions.
            whole: False to leave forms that don't save themselves (``auto_save``) as they are
                stored, unless the app has asked for them.

        Returns:
            An outcome for each: None, or the error that :meth:`save` would have
            raised; values that can't be kept are told as events only.
        """
        for session in sessions:
            SESSION.check(session)
        outcomes: dict[UserSession, Exception | None] = {}
        waiting = list(dict.fromkeys(sessions))
        if whole:
            for session in waiting:
                ask_for_forms(session)
        while waiting:
            # A batch holds one object of each id.
            batch = {session.session_id: session for session in reversed(waiting)}
            saves = save_each(self._context, self._track, list(batch.values()))
            outcomes.update((save.session, save.error) for save in saves)
            waiting = [session for session in waiting if session not in outcomes]
        return [outcomes[session] for session in sessions]

    # -- what others did -------------------------------------------------------

    def refresh(self, session: UserSession) -> None:
        """
        Load what someone else has saved of *session*, if they have; it waits for :meth:`absorb`.

        Raises:
            SessionGoneError: If it was ended, deleted or replaced.
            UnavailableError: If the store can't be reached.
        """
        track = self._track(session)
        with track.lock:
            refresh_track(self._context, session, track)

    def try_refresh(self, session: UserSession, *, wait: bool = False) -> bool:
        """
        Do as :meth:`refresh`, but ask for nothing that is known to be gone.

        Args:
            session: The session.
            wait: False to leave it alone while it is saved: that meets what is stored.

        Returns:
            Whether the store was asked.
        """
        track = self._tracks.get(session)
        if track is None and session.unused:
            track = self._track(session)  # nobody has stored it, as far as is known
        if track is None or track.gone is not None or not track.lock.acquire(blocking=wait):
            return False
        try:
            return refresh_track(self._context, session, track)
        finally:
            track.lock.release()

    def absorb_for(self, session: UserSession, may_have: Callable[[Owner], bool]) -> bool:
        """
        Do as :meth:`absorb`, for someone who may have the session.

        What others changed enters it only after its owner was checked: it may have become somebody's meanwhile.

        Args:
            session: The session.
            may_have: Tells whether a session of an owner is for the caller.

        Returns:
            False when it is not for the caller.
        """
        track = self._tracks.get(session)
        owner = _owner(session, track)
        if not may_have(owner):
            return False
        if track is not None and track.diverged:
            self.absorb(session)
            owner = _owner(session, track)
            if not may_have(owner):
                return False
        own = Owner(session.user_id, session.authenticated)
        return own == owner or may_have(own)

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
            return absorb_track(self._context, session, track)
        finally:
            track.lock.release()

    def has_news(self, session: UserSession) -> bool:
        """Return whether what others did to a live session waits for its next rerun; asks no store."""
        track = self._tracks.get(session)
        return track is not None and (track.gone is not None or track.diverged)

    def is_settled(self, session: UserSession) -> bool:
        """
        Return whether a live session is as what is known of the store would have it.

        It is neither gone nor expired, there is nothing to absorb, and its owner is the one there. Asks no store.
        """
        track = self._tracks.get(session)
        if track is None or (stored := track.stored) is None:
            return track is None or track.gone is None
        owner = stored.head.user_id, stored.authenticated
        return (
            track.gone is None
            and not track.diverged
            and (owner[0] is None or owner == (session.user_id, session.authenticated))
            and not self._stored.has_expired(stored.head)
        )

    def is_lost(self, session: UserSession) -> bool:
        """Return whether the store was seen to lack a live session, or a save of it; its next save stores it again."""
        track = self._tracks.get(session)
        return track is not None and track.rewrite

    def why_gone(self, session: UserSession) -> str | None:
        """Return why a live session can't be saved any more, or None."""
        track = self._tracks.get(session)
        return None if track is None else track.gone

    def struck_off(self, session: UserSession) -> frozenset[str]:
        """Return the devices that have this object and that were seen to be struck off elsewhere; asks no store."""
        track = self._tracks.get(session)
        return NOTHING if track is None else track.struck_off & session.held_by

    # -- what two writers did --------------------------------------------------

    def decisions(self, session: UserSession) -> tuple[FieldDecision, ...]:
        """Return the fields of which one writer's value was dropped and that nobody has settled; asks no store."""
        return open_decisions(session, self._tracks.get(session))

    def settle(self, session: UserSession, decision: FieldDecision, take: Side | None) -> None:
        """Put one side's value of a field into the session, or leave what is there; see :meth:`decisions`."""
        settle(session, self._tracks.get(session), decision, take)

    # -- ending ----------------------------------------------------------------

    def end(
        self, session_id: str, session: UserSession | None = None, *, of_user: str | None = None
    ) -> bool:
        """
        End an id for good: a tombstone takes its place, so that not even a late save brings it back.

        Args:
            session_id: The id.
            session: The live object, if there is one; it can't be saved any more.
            of_user: Only if the stored session is this user's; None whosever it is.

        Returns:
            Whether this call ended it.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        SESSION_ID.check(session_id)
        ended = self._tombstones.end(session_id, of_user=of_user)
        if session is not None:
            track = self._tracks.get_or_make(session, lambda: Track(base=None))
            with track.lock:  # a save that is on its way has its answer then
                track.gone = "ended"
        return ended

    def record_revocation(self, owner: Owner, at: int) -> None:
        """
        Have all sessions of an owner end that turn up later, if they were known to be theirs before a moment.

        Such as one that waits in a process's memory while the store is down, or in a dead process's journal.

        Args:
            owner: Whose sessions.
            at: Microseconds since the epoch.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        self._revocations.record(owner, at)

    # -- stored sessions, by their ids ----------------------------------------

    def has_expired(self, session: UserSession) -> bool:
        """Return whether a live session has expired by what was last stored."""
        track = self._tracks.get(session)
        stored = None if track is None else track.stored
        return stored is not None and self._stored.has_expired(stored.head)

    @property
    def storage(self) -> Storage:
        """Keeps the bytes."""
        return self._stored.storage

    def head_has_expired(self, head: SessionHead) -> bool:
        """Return whether a stored session has expired."""
        return self._stored.has_expired(head)

    def heads(self) -> Iterator[SessionHead]:
        """Yield the heads of all sessions that have not expired."""
        return self._stored.heads()

    def heads_of(self, user_id: str) -> Iterator[SessionHead]:
        """Yield the heads of a user's sessions that have not expired, latest activity first."""
        return self._stored.heads_of(user_id)

    def touch(self, session_id: str) -> bool:
        """Record that a stored session is in use now; return whether there is one."""
        return self._stored.touch(session_id)

    def delete(self, session_id: str) -> bool:
        """
        Remove a session's data from the store at once; return whether there was one.

        A tombstone stays in its place: no open tab stores it again.
        """
        SESSION_ID.check(session_id)
        return self._tombstones.delete(session_id)

    def count_active(self, within: timedelta) -> int:
        """Return how many sessions were active within the last *within*."""
        return self._stored.count_active(within)

    def purge(self, *, idle: timedelta | None = None) -> int:
        """Remove all expired sessions, and those *idle* for so long, in batches; return how many."""
        return self._stored.purge(idle=idle)

    # -- what a journal works with ---------------------------------------------

    @property
    def codec(self) -> SessionCodec:
        """Encodes and decodes."""
        return self._context.codec

    def load_parts(self, session_id: str) -> LastSeen | None:
        """
        Return what is stored under an id, as a track has it.

        Raises:
            UnavailableError: If the store can't be reached.
            NewerFormatError: If a newer release wrote it.
        """
        return self._context.load_parts(session_id, None, None)

    def put_track(self, session: UserSession, track: Track) -> None:
        """Set what is known of a session."""
        self._tracks.put(session, track)

    def _track(self, session: UserSession) -> Track:
        return self._tracks.get_or_make(session, lambda: begin_track(self._context, session))


def _owner(session: UserSession, track: Track | None) -> Owner:
    """Return the owner of a live session as last seen in the store; its own where it never was."""
    stored = None if track is None else track.stored
    if stored is None or stored.head.user_id is None:
        return Owner(session.user_id, session.authenticated)
    return Owner(stored.head.user_id, stored.authenticated)
