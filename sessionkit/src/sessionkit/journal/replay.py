# SPDX-License-Identifier: Apache-2.0
"""
Replay: what dead processes left in the journal is stored, by compare-and-set and merge.

A line becomes a session again (:func:`revive`), which is saved as the live one would have been.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from typing import Final

import attrs

from sessionkit.encoding.codec import EncodedParts, SessionCodec
from sessionkit.errors import (
    RejectedError,
    SessionGoneError,
    UnavailableError,
    text_of,
)
from sessionkit.events import JournalFailed, SessionEvent
from sessionkit.journal.changes import LineHead, LineState, Parts, SentWrite, Step, thin_out
from sessionkit.journal.journal import Journal
from sessionkit.journal.store import JournalLine, take_turn
from sessionkit.merge.stamps import stamp_changes
from sessionkit.records import short
from sessionkit.repository.repository import Repository
from sessionkit.repository.tracks import LastSeen, Track
from sessionkit.session.fields import from_micros
from sessionkit.session.session import UserSession

_BATCH: Final = 50

_PATIENCE: Final = 5.0
"""Seconds that a replay takes, at most; the rest is done in the background."""

_PIECE: Final = 0.5
"""Seconds that it takes there at a time, at most: meanwhile other saves wait."""

_STEPS: Final = 32
"""Moments of which changes are told apart: each costs about as much as a save."""

_LOGGER: Final = logging.getLogger("sessionkit")

Later = Callable[[Callable[[], object]], object]
"""Has something done in the background, again and again while the store is down."""


@attrs.frozen(kw_only=True)
class JournalRecovery:
    """
    Recovers what a journal holds of dead processes, when the store opens.

    Attributes:
        journal: The journal.
        repository: Returns the repository; raises what opening the store raises.
        emit: Takes events.
    """

    journal: Journal
    repository: Callable[[], Repository]
    emit: Callable[[SessionEvent], None]

    def recover(self, repository: Repository, later: Later) -> None:
        """
        Store what dead processes left, before anyone is given a session.

        Args:
            repository: Takes the sessions.
            later: Has the rest done.
        """
        if self._replay(repository, _PATIENCE).waiting:
            later(partial(self._go_on, later))

    def _go_on(self, later: Later) -> None:
        report = self._replay(self.repository(), _PIECE)
        if report.waiting and report.done:
            later(partial(self._go_on, later))  # the store is there; other saves have their turn
        elif report.waiting:
            msg = f"{report.waiting} sessions wait in {self.journal.folder}"
            raise UnavailableError(msg)

    def _replay(self, repository: Repository, patience: float) -> ReplayReport:
        replay = Replay(journal=self.journal, repository=repository)
        try:
            return replay.run(patience)
        except OSError as error:
            self.emit(JournalFailed(session_id=None, error=f"{self.journal.folder}: {error}"))
            return ReplayReport()


@attrs.define(kw_only=True, eq=False)
class Replay:
    """
    Replays a journal.

    Attributes:
        journal: The journal.
        repository: Takes the sessions.
    """

    journal: Journal
    repository: Repository
    _counts: dict[str, int] = attrs.field(
        factory=lambda: dict.fromkeys(("saved", "gone", "aside"), 0)
    )

    def run(self, patience: float = inf) -> ReplayReport:
        """
        Store what dead processes left; while another process does so, wait for it.

        Args:
            patience: Seconds after which the rest is left for another time.

        Returns:
            What came of it. A store that can't be reached leaves all the rest waiting.

        Raises:
            OSError: If the journal can't be read or written.
        """
        until = time.monotonic() + patience
        with take_turn(self.journal.folder, until):
            self.journal.take_over()
            left = self.journal.left()
            while left and self._store(left[:_BATCH]) and time.monotonic() < until:
                left = self.journal.left()
        self.journal.close_done()
        return ReplayReport(**self._counts, waiting=len(self.journal.left()))

    def _store(self, lines: Sequence[JournalLine]) -> bool:
        """Store some lines; return False when the store can't be reached."""
        revived: dict[UserSession, JournalLine] = {}
        for line in lines:
            try:
                session = self._revived(line)
            except UnavailableError:
                return False
            if session is not None:
                revived[session] = line
        sessions = list(revived)
        outcomes = self.repository.save_many(sessions)
        for session, outcome in zip(sessions, outcomes, strict=True):
            self.journal.let_loose(session)
            self._conclude(revived[session], outcome)
        return not any(isinstance(outcome, UnavailableError) for outcome in outcomes)

    def _revived(self, line: JournalLine) -> UserSession | None:
        try:
            state = self.journal.state(line)
            session = revive(self.repository, state)
        except (UnavailableError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever comes of one line that lies on a disk, the others are stored
            self._conclude(line, error)
            return None
        if session is None:
            _LOGGER.info("journal: session %s has expired", short(line.session_id))
            self._conclude(line, SessionGoneError(line.session_id, "expired"))
            return None
        self.journal.go_on(session, line, state)
        return session

    def _conclude(self, line: JournalLine, outcome: Exception | None) -> None:
        if isinstance(outcome, UnavailableError):
            return
        if outcome is None:
            self._counts["saved"] += 1
        elif isinstance(outcome, SessionGoneError):
            self._counts["gone"] += 1  # the repository told
        else:
            self.journal.set_aside(line, text_of(outcome, line.session_id))
            self._counts["aside"] += 1
        self.journal.drop(line)


@attrs.frozen(kw_only=True)
class ReplayReport:
    """
    What came of a replay.

    Attributes:
        saved: How many sessions were stored.
        gone: How many were ended, deleted, replaced or had expired.
        aside: How many can't be stored; they are kept in files.
        waiting: How many wait for the store, or for more time.
    """

    saved: int = 0
    gone: int = 0
    aside: int = 0
    waiting: int = 0

    @property
    def done(self) -> int:
        """How many are settled."""
        return self.saved + self.gone + self.aside


# -- a session of what a line says -------------------------------------------


def revive(repository: Repository, state: LineState) -> UserSession | None:
    """
    Return the session of a line, ready to be saved by *repository*.

    The save finds by itself what is no conflict (ended, deleted, written by someone
    else meanwhile), for the session is tracked as it was.

    Args:
        repository: Reads what is stored, and tracks the session.
        state: What the line says; it is changed to what is known then.

    Returns:
        None when the stored session has expired: nobody can have it any more.

    Raises:
        UnavailableError: If the store can't be reached.
        NewerFormatError: If a newer release wrote what is stored.
        RejectedError: If what had been stored is there no more: an open tab has all of it, a journal has not.
        SerializationError: If the line's parts can't be read.
        UnknownPluginError: If the serializer that wrote them is not installed.
    """
    codec = repository.codec
    _translate(codec, state)
    head = state.head
    may_be_stored = head.known is not None or head.sent is not None
    seen = repository.load_parts(head.session_id) if may_be_stored else None
    if _has_landed(head, seen):
        state.land()
        head = state.head
    if head.known is not None and seen is None:
        if repository.head_has_expired(head.known):
            return None
        msg = "the store has no record of it any more, and the journal has only what had changed"
        raise RejectedError(msg)
    if head.known is not None and seen is not None and not seen.usable:
        if repository.head_has_expired(seen.head):
            return None
        # It can't be read: what we have is all there is.
        state.head, state.base = attrs.evolve(head, known=None), {}
        track = Track(base={}, replaces=seen)
    else:
        track = _track(codec, state, seen)
    track.last = _stamped(codec, state, track)
    session = _session(codec, state, track.last)
    if track.base is not None or track.stored is not None:
        repository.put_track(session, track)
    return session


def _has_landed(head: LineHead, seen: LastSeen | None) -> bool:
    if head.sent is None or seen is None:
        return False
    return head.sent.head.save_id in (seen.head.save_id, *seen.head.recent)


def _track(codec: SessionCodec, state: LineState, seen: LastSeen | None) -> Track:
    head = state.head
    if head.known is None:
        # Never stored: all its parts are in the line. Without a base, the app had read it
        # from somewhere, and the repository finds where it stands.
        return Track(base=None if state.base is None else _over({}, state.base))
    start = {} if seen is None else seen.parts
    base = None if state.base is None else _over(start, state.base)
    foreign = head.foreign or base is None
    if seen is not None and seen.head.save_id == head.known.save_id:
        return Track(base=base, stored=seen, foreign=foreign)
    # As the live session knew the store: its save meets what is there now.
    layout = {} if seen is None else seen.layout
    parts = start if base is None else base
    stored = LastSeen(
        head=head.known, parts=parts, layout=layout, authenticated=_is_vouched_for(codec, parts)
    )
    return Track(base=base, stored=stored, foreign=foreign)


def _is_vouched_for(codec: SessionCodec, parts: EncodedParts) -> bool:
    """Return whether the host vouched for the owner that a session's parts name."""
    profile = codec.decode_part("profile", parts["profile"]) if "profile" in parts else {}
    return bool(profile.get("authenticated"))


def _over(parts: Mapping[str, bytes], changed: Parts) -> EncodedParts:
    """Return *parts* with what changed in them."""
    both = {**parts, **changed}
    return {name: data for name, data in both.items() if data is not None}


def _stamped(codec: SessionCodec, state: LineState, track: Track) -> EncodedParts:
    """Return the session's parts, each change with its own stamp."""
    last = track.last_known
    for step in thin_out([*state.steps, *state.after], _STEPS):
        last = stamp_changes(codec, last, _over(last, step.parts), step.at)
    return last


def _session(codec: SessionCodec, state: LineState, parts: EncodedParts) -> UserSession:
    head = state.head
    session = codec.decode(head.session_id, parts)
    session.created_at = from_micros(head.created_at)
    session.save_id = head.save_id
    session.provisional = head.known is None
    if head.known is not None:
        session.version, session.save_id = head.known.version, head.known.save_id
    moments = [step.at for step in (*state.steps, *state.after)]
    session.owned_at = min(moments, default=head.created_at)
    moments.append(head.known.last_activity if head.known else head.created_at)
    session.last_activity = from_micros(max(moments))
    return session


def _translate(codec: SessionCodec, state: LineState) -> None:
    """Have a line's parts in the words of another serializer than the one that wrote them."""
    head = state.head
    if head.serializer == codec.name:
        return
    other = codec.others(head.serializer)

    def translated(parts: Parts) -> Parts:
        return {
            name: None if data is None else codec.serializer.dumps(other.loads(data))
            for name, data in parts.items()
        }

    state.head = attrs.evolve(
        head,
        serializer=codec.name,
        sent=head.sent and SentWrite(head.sent.head, translated(head.sent.parts)),
    )
    state.base = None if state.base is None else translated(state.base)
    state.steps = [Step(step.at, translated(step.parts)) for step in state.steps]
    state.after = [Step(step.at, translated(step.parts)) for step in state.after]
