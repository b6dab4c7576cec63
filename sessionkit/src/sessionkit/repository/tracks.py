# SPDX-License-Identifier: Apache-2.0
"""
What a repository knows of each live session: what it saved of it, and what it last saw in the store.

``base`` is the state up to which our own changes were contributed; ``stored`` is
what was last seen in the store. A save writes merge(base, ours, stored); then
base is ours and stored is the result. What others changed, from base to stored,
enters the live session later, on its own thread; then base is stored. Putting
the merged state into base at once, or leaving base where it was, loses or
doubles changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from threading import RLock
from typing import Final, NamedTuple, Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

import attrs

from sessionkit.conflict import ConflictReport, ConflictStrategy, FieldDecision, name_of
from sessionkit.encoding.codec import Decoded, EncodedParts, SessionCodec
from sessionkit.encoding.packing import Layout
from sessionkit.encoding.parts import EXTENSION
from sessionkit.events import SessionEvent
from sessionkit.merge.merger import Merger
from sessionkit.merge.strategies import Merge
from sessionkit.records import RECENT_SAVES, SessionHead, SessionWrite
from sessionkit.repository.expiry import Expiry
from sessionkit.session import devices
from sessionkit.session.fields import NOTHING
from sessionkit.session.session import UserSession
from sessionkit.storage import Storage

_DEVICES: Final = EXTENSION + devices.EXTENSION
_REPORTS: Final = 4
"""How many reports a live session keeps for who wants to show them."""


class Owner(NamedTuple):
    """
    Whose a session is.

    Attributes:
        user_id: The user, or None.
        authenticated: True when the host knew the user, whatever the app calls them.
    """

    user_id: str | None
    authenticated: bool


@attrs.frozen(kw_only=True)
class LastSeen:
    """
    What the store holds of a session.

    Attributes:
        head: Its record.
        parts: Its parts, encoded; empty when they can't be read or have expired.
        layout: The names that its parts are stored under, with their pieces.
        usable: False when it has expired or can't be read: it is replaced, not merged.
        authenticated: True when the host vouched for its owner.
        damaged: True when some of its parts can't be read: they are as they were seen before, or missing.
        not_read: Paths of values that this process can't read, and that events have told of.
    """

    head: SessionHead
    parts: EncodedParts
    layout: Layout
    usable: bool = True
    authenticated: bool = False
    damaged: bool = False
    not_read: frozenset[str] = NOTHING


class ResolvedConflict(NamedTuple):
    """
    A conflict between two writers, and how it was resolved.

    Attributes:
        parts: Names of the parts in which they differ.
        report: What was decided, field by field.
    """

    parts: tuple[str, ...]
    report: ConflictReport


class Attempt(NamedTuple):
    """
    A write whose answer is not known yet.

    Attributes:
        write: What was sent; after a lost answer the very same is sent again.
        ours: The session's parts when it was made.
        target: The parts that it stores.
        layout: The stored names afterwards.
        changed: Names of the parts that it changes.
        resolved: The conflict with another writer that was resolved, if there was one.
        authenticated: True when the host vouched for the owner that it stores.
    """

    write: SessionWrite
    ours: EncodedParts
    target: EncodedParts
    layout: Layout
    changed: tuple[str, ...]
    resolved: ResolvedConflict | None = None
    authenticated: bool = False


@attrs.define(eq=False)
class SharedState:
    """
    What all live objects of one id share in this process, so that they meet here before they meet in the store.

    Attributes:
        lock: Held while one of them is saved, refreshed or absorbs: they take turns.
        last_seen: What one of them stored last, or met in the store; None when none has yet.
    """

    lock: RLock = attrs.field(factory=RLock)
    last_seen: LastSeen | None = None


@attrs.define(kw_only=True, eq=False)
class Track:
    """
    What is known of one live session.

    Attributes:
        base: Our parts up to which changes were contributed; None when unknown.
        last: Our parts as they were last encoded: what changed since gets its stamp from now.
        stored: What was last seen in the store; None when nothing ever was.
        replaces: An expired or unreadable record under the same id, to write over.
        attempt: A write that may or may not have landed.
        foreign: True when ``stored`` holds a save by someone else that no
            strategy has decided on yet.
        rewrite: True when the store went back, or lost the session, and needs all parts again.
        newly_owned: True when what was just stored has an owner that nothing in the store had before: they may have
            ended all their sessions meanwhile.
        missing: True when the store has no record of it any more, and no tombstone: it is created anew.
        unfit: The save of someone else's that was loaded and can't be used, or None.
        gone: Why the session can't be saved any more, or None.
        struck_off: The devices that the session was seen to have struck off elsewhere.
        reports: What was decided lately where this session met another writer.
        settled: The fields in there that someone has seen to.
        decoded: The stamps of ``last``, decoded; of other parts, too, while it is saved or absorbs.
        shared: What it has in common with other objects of the same id.
    """

    base: EncodedParts | None
    last: EncodedParts | None = None
    stored: LastSeen | None = None
    replaces: LastSeen | None = None
    attempt: Attempt | None = None
    foreign: bool = False
    rewrite: bool = False
    newly_owned: bool = False
    missing: bool = False
    unfit: str | None = None
    gone: str | None = None
    struck_off: frozenset[str] = NOTHING
    reports: tuple[ConflictReport, ...] = ()
    settled: frozenset[FieldDecision] = NOTHING
    decoded: Decoded = attrs.field(factory=Decoded)
    shared: SharedState = attrs.field(factory=SharedState)

    @property
    def lock(self) -> RLock:
        """Held while the session, or another object of its id, is saved, refreshed or absorbs."""
        return self.shared.lock

    def add_report(self, report: ConflictReport) -> None:
        """Keep what was decided where this session met another writer."""
        self.reports = (*self.reports, report)[-_REPORTS:]

    @property
    def last_known(self) -> EncodedParts:
        """Our parts as they were last seen; what is stored where the base is unknown."""
        known = self.base if self.last is None else self.last
        if known is not None:
            return known
        return {} if self.stored is None else self.stored.parts

    @property
    def diverged(self) -> bool:
        """Whether the store has something that the live session lacks."""
        return self.stored is not None and self.base is not None and self.stored.parts != self.base


@attrs.define
class Tracks:
    """The tracks of live sessions; a session that nobody holds takes its track with it."""

    _by_session: WeakKeyDictionary[UserSession, Track] = attrs.field(factory=WeakKeyDictionary)
    _shared: WeakValueDictionary[str, SharedState] = attrs.field(factory=WeakValueDictionary)
    _lock: RLock = attrs.field(factory=RLock)

    def get(self, session: UserSession) -> Track | None:
        """Return a session's track, or None when this repository has not met it."""
        with self._lock:
            return self._by_session.get(session)

    def get_or_make(self, session: UserSession, make: Callable[[], Track]) -> Track:
        """Return a session's track; *make* it, outside the lock, when there is none."""
        track = self.get(session)
        if track is None:
            made = make()
            with self._lock:
                track = self._by_session.get(session) or self._attach(session, made)
        return track

    def put(self, session: UserSession, track: Track) -> None:
        """Set a session's track."""
        with self._lock:
            self._attach(session, track)

    def _attach(self, session: UserSession, track: Track) -> Track:
        track.shared = self._shared.setdefault(session.session_id, track.shared)
        self._by_session[session] = track
        return track


# -- what a save needs besides -----------------------------------------------


@attrs.frozen(kw_only=True)
class SaveContext:
    """
    What every save needs; the repository makes it once.

    Attributes:
        storage: Takes the writes.
        codec: Encodes and decodes.
        decide: Decides when two writers met; None where what both did is merged, and nobody is asked.
        merger: Merges what needs no decision, and what a strategy leaves to it.
        expiry: When sessions end by themselves.
        load_parts: Returns what the store holds of an id; what is known of it need not be decoded again, and what
            is decoded is remembered.
        read_head: Reads the head alone; None where the store can't.
        end_if_revoked: Ends a session that was just stored, if its owner's sessions were ended since it was
            known to be theirs.
        now: Returns the present moment, aware.
        emit: Takes events.
        observer: Told of writes before they are sent, and of what became of them; None for nobody.
        strategy_name: What events call the strategy.
    """

    storage: Storage
    codec: SessionCodec
    decide: ConflictStrategy | None
    merger: Merger
    expiry: Expiry
    load_parts: Callable[[str, LastSeen | None, Decoded | None], LastSeen | None]
    read_head: Callable[[str], SessionHead | None] | None
    end_if_revoked: Callable[[LastSeen, int], bool]
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]
    observer: SaveObserver | None = None
    strategy_name: str = attrs.field(init=False)

    @strategy_name.default
    def _name(self) -> str:
        return name_of(Merge() if self.decide is None else self.decide)


class SaveObserver(Protocol):
    """Told of saves by those who make them, on their threads; raises nothing."""

    def sending(self, saves: Sequence[SaveInProgress]) -> None:
        """Take saves whose writes are sent next."""

    def settled(self, saves: Sequence[SaveInProgress]) -> None:
        """Take saves that are done, well or not."""


class SaveInProgress(Protocol):
    """What an observer sees of a save."""

    @property
    def session(self) -> UserSession:
        """The live session."""

    @property
    def track(self) -> Track:
        """What is known of it; its lock is held."""

    @property
    def error(self) -> Exception | None:
        """Why it failed, or None."""


# -- what became of a session in the store -----------------------------------


def gone_reason(
    known: SessionHead | None, seen: LastSeen | None, user_id: str | None
) -> str | None:
    """
    Tell whether a session is gone, and why.

    Args:
        known: The head that the writer last saw in the store; None when it never saw one.
        seen: What is stored now.
        user_id: The writer's user.

    Returns:
        ``"ended"``, ``"replaced"``, ``"owner"``, or None when it is not. A record that is missing
        is none of these: who ends or deletes a session leaves a tombstone.
    """
    if seen is None:
        return None
    if seen.head.ended:
        return "ended" if seen.usable or known else None
    if known and seen.head.created_at != known.created_at:
        return "replaced"  # ids are used again: another session has another beginning
    return "owner" if seen.usable and _belongs_to_other(known, seen, user_id) else None


def why_gone(
    context: SaveContext, session: UserSession, track: Track, seen: LastSeen | None
) -> str | None:
    """
    Tell whether a session is gone for those who have this object, by what is stored now.

    Returns:
        As :func:`gone_reason`, or ``"device"``: it goes on, for other devices than these.
    """
    known = track.stored
    reason = gone_reason(known.head if known else None, seen, session.user_id)
    if reason is None and session.held_by and seen is not None and seen.usable:
        track.struck_off = _struck_off(context, track, seen)
        if session.held_by <= track.struck_off:
            return "device"
    return reason


def _struck_off(context: SaveContext, track: Track, seen: LastSeen) -> frozenset[str]:
    part = seen.parts.get(_DEVICES)
    if part is None or (track.stored is not None and part == track.stored.parts.get(_DEVICES)):
        return track.struck_off
    return devices.struck_off_in(context.codec.decode_part(_DEVICES, part).get("value"))


def _belongs_to_other(known: SessionHead | None, seen: LastSeen, user_id: str | None) -> bool:
    owner = seen.head.user_id
    if owner is None or (known is not None and known.user_id == owner):
        return False
    if user_id is not None:
        return user_id != owner  # it got its owner since it was read
    # Nobody said who they are. What a host knows the owner of is not theirs for the asking;
    # where the session was theirs before, whoever asks next is looked at again.
    return seen.authenticated and known is None


def went_back(known: SessionHead, found: SessionHead) -> bool:
    """
    Tell whether the store lost an acknowledged save, as after a failover.

    Args:
        known: The head that was acknowledged.
        found: The head that is stored now.

    Returns:
        True when *found* is near enough to show the acknowledged save among its
        recent ones, and does not.
    """
    if known.save_id in (found.save_id, *found.recent):
        return False
    return found.version - known.version <= RECENT_SAVES


# -- what loading an id comes to ---------------------------------------------


class Absence(Enum):
    """Why loading an id gave no session."""

    FREE = "nothing is stored that could be restored"
    UNREADABLE = "what is stored can't be read"
    ENDED = "the id was ended and stays taken"
    UNAVAILABLE = "the store can't be reached"
    NEWER = "a newer release wrote it"


@attrs.frozen(kw_only=True)
class LoadResult:
    """
    What loading an id gave.

    Attributes:
        session: The session, or None.
        absence: Why there is none; None when there is one.
    """

    session: UserSession | None = None
    absence: Absence | None = None
