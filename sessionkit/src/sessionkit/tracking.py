# SPDX-License-Identifier: Apache-2.0
"""
What a repository knows of a session that it loaded or saved.

``base`` is the state up to which our own changes were contributed; ``stored`` is
what was last seen in the store. A save writes merge(base, ours, stored); then
base is ours and stored is the result. What others changed, from base to stored,
enters the live session later, on its own thread; then base is stored. Putting
the merged state into base at once, or leaving base where it was, loses or
doubles changes.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import NamedTuple
from weakref import WeakKeyDictionary

import attrs

from sessionkit.codec import EncodedParts
from sessionkit.records import SessionHead, SessionWrite
from sessionkit.session import UserSession


class Owner(NamedTuple):
    """
    Whose a session is.

    Attributes:
        user_id: The user, or None.
        authenticated: True when the host vouched for the user, not the app.
    """

    user_id: str | None
    authenticated: bool


@attrs.frozen(kw_only=True)
class Seen:
    """
    What the store holds of a session.

    Attributes:
        head: Its record.
        parts: Its parts, encoded; empty when they can't be read or have expired.
        layout: The names that its parts are stored under.
        usable: False when it has expired or can't be read: it is replaced, not merged.
        authenticated: True when the host vouched for its owner.
    """

    head: SessionHead
    parts: EncodedParts
    layout: frozenset[str]
    usable: bool = True
    authenticated: bool = False


class Attempt(NamedTuple):
    """
    A write whose answer is not known yet.

    Attributes:
        write: What was sent; after a lost answer the very same is sent again.
        ours: The session's parts when it was made.
        target: The parts that it stores.
        layout: The stored names afterwards.
        changed: Names of the parts that it changes.
        differed: Names of the parts in which two writers met, if they did.
        authenticated: True when the host vouched for the owner that it stores.
    """

    write: SessionWrite
    ours: EncodedParts
    target: EncodedParts
    layout: frozenset[str]
    changed: tuple[str, ...]
    differed: tuple[str, ...] = ()
    authenticated: bool = False


@attrs.define(kw_only=True, eq=False)
class Track:
    """
    One live session's place between app and store.

    Attributes:
        base: Our parts up to which changes were contributed; None when unknown.
        stored: What was last seen in the store; None when nothing ever was.
        replaces: An expired or unreadable record under the same id, to write over.
        attempt: A write that may or may not have landed.
        foreign: True when ``stored`` holds a save by someone else that no
            strategy has decided on yet.
        rewrite: True when the store went back and needs all parts again.
        gone: Why the session can't be saved any more, or None.
        refused: Paths of values that could not be encoded; each is told once.
        lock: Held while the session is saved or absorbed.
    """

    base: EncodedParts | None
    stored: Seen | None = None
    replaces: Seen | None = None
    attempt: Attempt | None = None
    foreign: bool = False
    rewrite: bool = False
    gone: str | None = None
    refused: frozenset[str] = frozenset()
    lock: RLock = attrs.field(factory=RLock)

    @property
    def diverged(self) -> bool:
        """Whether the store has something that the live session lacks."""
        return self.stored is not None and self.base is not None and self.stored.parts != self.base


@attrs.define
class Tracks:
    """The tracks of live sessions; a session that nobody holds takes its track with it."""

    _by_session: WeakKeyDictionary[UserSession, Track] = attrs.field(factory=WeakKeyDictionary)
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
                track = self._by_session.setdefault(session, made)
        return track

    def put(self, session: UserSession, track: Track) -> None:
        """Set a session's track."""
        with self._lock:
            self._by_session[session] = track
