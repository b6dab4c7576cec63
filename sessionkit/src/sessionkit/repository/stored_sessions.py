# SPDX-License-Identifier: Apache-2.0
"""The sessions in a store, without a live object of any: loaded, listed, touched, ended, removed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from sessionkit.encoding.codec import Damages, Decoded, SessionCodec
from sessionkit.encoding.packing import PACKED, UNKNOWN, Layout, cut_out
from sessionkit.errors import (
    ConflictError,
    NewerFormatError,
    SerializationError,
    UnavailableError,
)
from sessionkit.events import (
    NewerFormat,
    SessionEnded,
    SessionEvent,
    SessionQuarantined,
    ValueNotRead,
)
from sessionkit.records import (
    MOST_AHEAD,
    SCHEMA_VERSION,
    SessionHead,
    SessionWrite,
    StoredSession,
    is_ahead,
    short,
)
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.tracks import LastSeen, Owner
from sessionkit.session.arguments import SESSION_ID, USER_ID
from sessionkit.session.fields import NOTHING, micros_now, new_save_id, to_micros
from sessionkit.session.session import UserSession
from sessionkit.session.unreadable import values_not_read
from sessionkit.storage import Storage
from sessionkit.values import Opaque

ATTEMPTS: Final = 100
"""How often a write meets another writer before it gives up for now: eight who never pause met 73 times in a row."""


_WHOLE: Final = frozenset({PACKED, "profile"})
"""Parts without which nothing can be used: all that there is, and what says whose it is."""


PURGE_BATCH: Final = 100
"""Sessions removed at once; on SQLite all writers wait meanwhile (about 5 ms)."""


TOMBSTONE_LIFETIME: Final = timedelta(days=400)
"""How long an ended id stays taken when sessions have no absolute end: as long as browsers keep cookies."""


_AHEAD: Final = timedelta(minutes=1) // timedelta(microseconds=1)
"""What lies further ahead was written by a clock that is wrong: believed, it would end each new login."""


@attrs.frozen(kw_only=True)
class StoredSessions:
    """
    The sessions in a store.

    Attributes:
        storage: Keeps the bytes.
        codec: Encodes and decodes.
        expiry: When sessions end by themselves.
        now: Returns the present moment, aware.
        emit: Takes events.
    """

    storage: Storage
    codec: SessionCodec
    expiry: Expiry
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]

    def load_parts(
        self, session_id: str, known: LastSeen | None = None, decoded: Decoded | None = None
    ) -> LastSeen | None:
        """
        Return what is stored under an id.

        Args:
            session_id: The id.
            known: What was sound there when it was last seen: only what differs is decoded.
            decoded: Remembers what is decoded.

        Raises:
            UnavailableError: If the store can't be reached.
            NewerFormatError: If a newer release wrote it.
        """
        stored = self.read(session_id)
        return None if stored is None else self.decode(stored, known, decoded)[0]

    def read(self, session_id: str) -> StoredSession | None:
        """Return what is stored under an id; a record whose head can't be read is kept aside, and no more there."""
        stored = self.storage.read(session_id)
        if stored is None or (damage := damage_of(stored.head)) is None:
            return stored
        if newer := _format_of(stored.head):
            self.emit(NewerFormat(session_id=session_id, reason=newer))
            raise NewerFormatError(newer)
        sound = attrs.evolve(stored, head=_readable(stored.head, session_id))
        found = hashlib.sha256(repr(stored).encode(errors="replace")).hexdigest()
        self._quarantine(sound, {PACKED: SerializationError(damage, "head")}, found)
        # Nothing can be compared and set on it. Who saves the session meanwhile has it, and stores it again.
        self.storage.delete(session_id)
        return None

    def decode(
        self, stored: StoredSession, known: LastSeen | None = None, decoded: Decoded | None = None
    ) -> tuple[LastSeen, UserSession | None]:
        """
        Return what is stored, and the session that those parts make which are not *known*, if there is one.

        Who has the parts remembered as they are *decoded* gets no session where all can be read.
        """
        head = stored.head
        layout: Layout = {}
        try:
            _refuse_newer(head)
            has_expired = self.has_expired(head)
            if head.ended or has_expired:
                layout = dict.fromkeys(stored.parts, UNKNOWN)
                return LastSeen(head=head, parts={}, layout=layout, usable=not has_expired), None
            parts, damages, layout = self.codec.open_sound(stored.parts)
            before = {} if known is None else known.parts
            news = parts
            if before:
                news = {name: data for name, data in parts.items() if before.get(name) != data}
                # What is equal is one object: it takes no memory of its own, and is compared at once.
                parts |= {name: before[name] for name in parts.keys() - news.keys()}
            session: UserSession | None = None
            plain = None if decoded is None else self.codec.decode_readable(news, decoded)
            if plain is None:
                session, worse = self.codec.decode_sound(head.session_id, news)
                damages |= worse
        except NewerFormatError as error:
            self.emit(NewerFormat(session_id=head.session_id, reason=str(error)))
            raise
        if damages:
            self._quarantine(stored, damages)
            if not _WHOLE.isdisjoint(damages):
                return LastSeen(head=head, parts={}, layout=layout, usable=False), None
            sound = {name: data for name, data in parts.items() if name not in damages}
            parts = {name: before[name] for name in damages if name in before} | sound
            layout = {
                name: one._replace(is_known=False) if name in damages else one
                for name, one in layout.items()
            }
        if known and "profile" in parts.keys() - news.keys():
            vouched = known.authenticated
        elif session is not None:
            vouched = session.authenticated
        else:
            vouched = bool(plain and plain.get("profile", {}).get("authenticated"))
        seen = LastSeen(
            head=head,
            parts=parts,
            layout=layout,
            authenticated=vouched,
            damaged=bool(damages),
            not_read=self._tell_not_read(session, known) if Opaque.made else NOTHING,
        )
        return seen, session

    def _tell_not_read(self, session: UserSession | None, known: LastSeen | None) -> frozenset[str]:
        """Tell of each value that can't be read here, once; return the paths that were told."""
        told = NOTHING if known is None else known.not_read
        if session is None:
            return told
        values = {value.path: value.reason for value in values_not_read(session)}
        for path in values.keys() - told:
            self.emit(ValueNotRead(session_id=session.session_id, path=path, reason=values[path]))
        return told | values.keys()

    def has_expired(self, head: SessionHead) -> bool:
        """Return whether a stored session has expired."""
        return head.expires_at is not None and head.expires_at <= to_micros(self.now())

    def _quarantine(self, stored: StoredSession, damages: Damages, mark: str = "") -> None:
        """
        Copy what can't be read under an id of its own, once, before anything replaces it.

        Args:
            stored: What is stored.
            damages: Why parts can't be read.
            mark: What tells it from what was stored before it; its ``save_id`` where there is none.
        """
        head = stored.head
        whole = not _WHOLE.isdisjoint(damages)
        names = () if whole else tuple(sorted(damages))
        copied = stored.parts if whole else cut_out(stored.parts, names)
        digest = hashlib.sha256(
            "\n".join((head.session_id, mark or head.save_id, *names)).encode()
        ).hexdigest()
        # As a tombstone it is in no list, no count and no clean-up of idle sessions.
        copy = attrs.evolve(
            head,
            session_id=f"quarantine-{digest[:32]}",
            save_id=new_save_id(),
            user_id=None,
            ended=True,
            expires_at=to_micros(self.now() + TOMBSTONE_LIFETIME),
        )
        try:
            self.storage.write(SessionWrite(head=copy, expected=None, put=copied))
        except ConflictError:
            return  # it was kept aside when it was first met
        event = SessionQuarantined(
            session_id=head.session_id,
            quarantine_id=copy.session_id,
            reason="; ".join(map(str, damages.values())),
            parts=names,
        )
        self.emit(event)

    def heads(self) -> Iterator[SessionHead]:
        """Yield the heads of all sessions that have not expired."""
        return self._found(None)

    def heads_of(self, user_id: str) -> Iterator[SessionHead]:
        """
        Yield the heads of a user's sessions that have not expired, latest activity first.

        Raises:
            TypeError: If *user_id* is no text: to a storage None is everybody.
        """
        USER_ID.check(user_id)
        return self._found(user_id)

    def _found(self, user_id: str | None) -> Iterator[SessionHead]:
        cursor: str | None = None
        while True:
            page = self.storage.find(user_id=user_id, cursor=cursor)
            # What can't be read breaks no list: it is kept aside when its own session is asked for.
            yield from (
                head
                for head in page.heads
                if damage_of(head) is None and not self.has_expired(head)
            )
            cursor = page.cursor
            if cursor is None:
                return

    def touch(self, session_id: str) -> bool:
        """Record that a stored session is in use now; return whether there is one."""
        SESSION_ID.check(session_id)
        stored = self.read(session_id)
        if stored is None or stored.head.ended or self.has_expired(stored.head):
            return False
        now = to_micros(self.now())
        if now + MOST_AHEAD < stored.head.last_activity and not is_ahead(
            stored.head.last_activity, now
        ):
            return True  # it is this clock that is wrong
        return self._touch(stored.head, now)

    def _touch(self, head: SessionHead, now: int) -> bool:
        ends = self.expiry.of(created_at=head.created_at, last_activity=now)
        return self.storage.touch(head.session_id, last_activity=now, expires_at=ends)

    def count_active(self, within: timedelta) -> int:
        """Return how many sessions were active within the last *within*."""
        return self.storage.count(active_since=to_micros(self.now() - within))

    def _take_back_times_ahead(self, now: int) -> None:
        """Have sessions expire that a clock far ahead has used last: from now on they count as used now."""
        if not self.storage.count(active_since=now + MOST_AHEAD + 1):
            return
        for head in self.heads():
            if is_ahead(head.last_activity, now):
                self._touch(head, now)

    def purge(self, *, idle: timedelta | None = None) -> int:
        """
        Remove all expired sessions, in batches.

        Args:
            idle: Remove sessions without activity for so long, too.

        Returns:
            How many were removed.
        """
        now = self.now()
        self._take_back_times_ahead(to_micros(now))
        idle_before = None if idle is None else to_micros(now - idle)
        removed = 0
        while True:
            batch = self.storage.purge(
                expired_before=to_micros(now), idle_before=idle_before, limit=PURGE_BATCH
            )
            removed += batch
            if batch < PURGE_BATCH:
                return removed


def _refuse_newer(head: SessionHead) -> None:
    if newer := _format_of(head):
        raise NewerFormatError(newer)


def _format_of(head: SessionHead) -> str | None:
    """Return what is to be said of a head that a newer release has written, whatever else is odd about it."""
    if type(head.schema_version) is not int or head.schema_version <= SCHEMA_VERSION:
        return None
    return (
        f"session {short(head.session_id)!r} is stored in format {head.schema_version}; "
        f"this release reads up to {SCHEMA_VERSION}: upgrade sessionkit"
    )


# -- heads that can't be read ------------------------------------------------

_EARLIEST: Final = to_micros(datetime.min.replace(tzinfo=UTC))
_LATEST: Final = to_micros(datetime.max.replace(tzinfo=UTC))
"""The first and the last time that a ``datetime`` can say."""


def damage_of(head: SessionHead) -> str | None:
    """
    Return what can't be read in a head that a storage returned; None when all can.

    Stored bytes may have been damaged, or written by somebody else: a storage passes on what it finds.
    """
    found = _sound_fields(head)
    if all(found.values()):
        return None
    damaged = [name for name, is_sound in found.items() if not is_sound]
    return f"{', '.join(damaged)} can't be read"


def _sound_fields(head: SessionHead) -> dict[str, bool]:
    """Return of each field of a head whether it can be read."""
    # At each load: no call for a field.
    version, schema, began, used, ends = (
        head.version,
        head.schema_version,
        head.created_at,
        head.last_activity,
        head.expires_at,
    )
    return {
        "version": type(version) is int and version >= 0,
        "save_id": type(head.save_id) is str,
        "recent": type(head.recent) is tuple and {str}.issuperset(map(type, head.recent)),
        "user_id": head.user_id is None or type(head.user_id) is str,
        "created_at": type(began) is int and _EARLIEST <= began <= _LATEST,
        "last_activity": type(used) is int and _EARLIEST <= used <= _LATEST,
        "expires_at": ends is None or (type(ends) is int and _EARLIEST <= ends <= _LATEST),
        "ended": type(head.ended) is bool,
        "schema_version": type(schema) is int and schema >= 0,
    }


def _readable(head: SessionHead, session_id: str) -> SessionHead:
    """Return what can be read of a damaged head."""
    nothing: dict[str, Any] = {
        "version": 0,
        "save_id": "",
        "created_at": 0,
        "last_activity": 0,
    }
    found = {
        name: getattr(head, name) for name, is_sound in _sound_fields(head).items() if is_sound
    }
    return SessionHead(session_id=session_id, **{**nothing, **found})


@attrs.frozen(kw_only=True)
class Tombstones:
    """
    Ends ids for good: a tombstone takes a session's place, so that not even a late save brings it back.

    Attributes:
        storage: Keeps the bytes.
        expiry: When sessions end by themselves.
        now: Returns the present moment, aware.
        emit: Takes events.
    """

    storage: Storage
    expiry: Expiry
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]

    def over(
        self, session_id: str, head: SessionHead | None, parts: Collection[str], save_id: str
    ) -> SessionWrite:
        """
        Return the write that puts a tombstone in the place of what is stored.

        Args:
            session_id: The id.
            head: What is stored, or None when nothing is.
            parts: The names that its parts are stored under.
            save_id: The tombstone's own; the same again where an answer was lost.
        """
        now = self.now()
        tombstone = SessionHead(
            session_id=session_id,
            version=head.version + 1 if head else 1,
            save_id=save_id,
            created_at=head.created_at if head else to_micros(now),
            last_activity=to_micros(now),
            expires_at=to_micros(now + (self.expiry.absolute or TOMBSTONE_LIFETIME)),
            ended=True,
        )
        expected = head.save_id if head else None
        return SessionWrite(head=tombstone, expected=expected, remove=tuple(parts))

    def delete(self, session_id: str) -> bool:
        """
        Remove a session's data at once; a tombstone stays, so that no open tab stores it again.

        Returns:
            Whether there was one. An id that is free stays free.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        stored = self.storage.read(session_id)
        if stored is None:
            return False
        if stored.head.ended is True:
            # What was kept aside is a tombstone with parts; nobody could store it again.
            return bool(stored.parts) and self.storage.delete(session_id)
        return self.end(session_id)

    def end(self, session_id: str, *, of_user: str | None = None) -> bool:
        """
        End an id for good.

        Args:
            session_id: The id.
            of_user: Only if the stored session is this user's, or nothing is stored; None whosever it is.

        Returns:
            Whether this call ended it.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        save_id = new_save_id()
        for _ in range(ATTEMPTS):
            stored = self.storage.read(session_id)
            head = None if stored is None else stored.head
            if head is not None and damage_of(head) is not None:
                # It ends whatever it was: no tombstone can be put in its place by comparing.
                self.storage.delete(session_id)
                head, stored = None, None
            if head is not None and head.ended:
                return False
            if of_user is not None and head is not None and head.user_id != of_user:
                return False
            try:
                self.storage.write(
                    self.over(session_id, head, stored.parts if stored else (), save_id)
                )
            except ConflictError:
                continue
            self.emit(SessionEnded(session_id=session_id))
            return True
        msg = f"session {short(session_id)} could not be ended: met another writer {ATTEMPTS} times"
        raise UnavailableError(msg)


@attrs.frozen(kw_only=True)
class Revocations:
    """
    Notes when all sessions of a user were ended, and ends those that turn up later.

    A session that waits in a process's memory while the store is down, or in the journal of one that
    died, is in no list. Whoever stores it first looks whether its user's were ended since it was known to be theirs.

    Attributes:
        storage: Keeps the notes, beside the sessions.
        tombstones: Ends ids.
        read_head: Reads a head alone; None where the storage can't.
    """

    storage: Storage
    tombstones: Tombstones
    read_head: Callable[[str], SessionHead | None] | None

    def record(self, owner: Owner, at: int) -> None:
        """
        Note that the sessions of an owner are ended that were known to be theirs before a moment.

        Args:
            owner: Whose sessions.
            at: Microseconds since the epoch.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        session_id, save_id = _id_of(owner), new_save_id()
        for _ in range(ATTEMPTS):
            # As a tombstone it is in no list, no count and no clean-up of idle sessions.
            note = self.tombstones.over(session_id, self._head(session_id), (), save_id)
            try:
                self.storage.write(attrs.evolve(note, head=attrs.evolve(note.head, created_at=at)))
            except ConflictError:
                continue
            return
        msg = f"user {owner.user_id!r}: met another writer {ATTEMPTS} times"
        raise UnavailableError(msg)

    def end_if_revoked(self, stored: LastSeen, owned_at: int) -> bool:
        """
        End a stored session, if its owner's sessions were ended since it was known to be theirs.

        Args:
            stored: The session.
            owned_at: When it was known to be theirs, in microseconds since the epoch.

        Raises:
            UnavailableError: If the store can't be reached.
        """
        head = stored.head
        if head.user_id is None:
            return False
        note = self._head(_id_of(Owner(head.user_id, stored.authenticated)))
        if note is None or not owned_at < note.created_at <= micros_now() + _AHEAD:
            return False
        self.tombstones.end(head.session_id, of_user=head.user_id)
        return True

    def _head(self, session_id: str) -> SessionHead | None:
        if self.read_head is not None:
            return self.read_head(session_id)
        stored = self.storage.read(session_id)
        return None if stored is None else stored.head


def _id_of(owner: Owner) -> str:
    named = f"{'host' if owner.authenticated else 'app'}:{owner.user_id}"
    return f"revoked-{hashlib.sha256(named.encode()).hexdigest()[:32]}"
