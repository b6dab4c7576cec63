# SPDX-License-Identifier: Apache-2.0
"""
Copies of what a session holds: one is made for whoever is given its token, and put into another session.

A copy is a record of its own in the store, under what its token hashes to: who reads the
store, a backup or a log finds no token in it. To every list, count and load it is an ended session, and the
store's own expiry removes it. It holds inputs, what stands in forms, and typed state: not whose the
session is, nor what its user may do, and nothing that is never stored.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import attrs

from sessionkit.encoding.codec import EncodedParts
from sessionkit.encoding.parts import EXTENSION as EXTENSION_PART
from sessionkit.errors import (
    NewerFormatError,
    ShareGoneError,
    ShareRefusedError,
    StorageError,
)
from sessionkit.events import CopyOpened, SessionEvent, SessionShared
from sessionkit.manager.store import Store
from sessionkit.merge.absorb import absorb_changes
from sessionkit.records import SCHEMA_VERSION, SessionHead, SessionWrite, hidden_repr
from sessionkit.repository.stored_sessions import damage_of
from sessionkit.session.fields import from_micros, new_save_id, to_micros
from sessionkit.session.forms import FORM, UNDO
from sessionkit.session.privacy import Privacy
from sessionkit.session.session import UserSession
from sessionkit.session.typed_state import STATE

EXTENSION: Final = "sessionkit.copies"
"""Where ``UserSession.extensions`` lists what was made of a session, and what was set aside for it."""

SHARED_FOR: Final = timedelta(days=7)
"""How long a copy can be opened where nothing else is said."""

MOST_SHARED: Final = 20
"""How many copies of one session can be open to others at a time."""

MOST_BYTES: Final = 1_000_000
"""How large a copy for others may be."""

MOST_ASIDE: Final = 5
"""How many states are set aside for one session; the oldest go first."""

ASIDE_FOR: Final = timedelta(days=30)
"""How long what was set aside can be had back."""

LONGEST: Final = timedelta(days=366)
"""How long a copy can be opened at most."""

_SHARED: Final = "shared"
_ASIDE: Final = "aside"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_TOKEN_BYTES: Final = 24
_STATE_PART: Final = EXTENSION_PART + STATE


@attrs.frozen(kw_only=True)
class SharedCopy:
    """
    A copy of what a session holds, which can be opened by its token.

    Attributes:
        copy_id: Names it, to revoke it; opens nothing.
        created_at: When it was made, in UTC.
        expires_at: Until when it can be opened, in UTC.
        token: What opens it; known only to who has just made it, for it is kept nowhere.
    """

    copy_id: str
    created_at: datetime
    expires_at: datetime
    token: str | None = attrs.field(default=None, repr=hidden_repr)


class _Change(NamedTuple):
    """What a session is to become: from what to what, and the names of the parts that differ."""

    before: UserSession
    after: UserSession
    differ: set[str]


@attrs.frozen(kw_only=True)
class Copies:
    """
    Makes, opens and revokes copies of sessions.

    Attributes:
        store: Where they lie.
        now: Returns the present moment, aware.
        emit: Takes events.
    """

    store: Store
    now: Callable[[], datetime]
    emit: Callable[[SessionEvent], None]

    # -- for others ------------------------------------------------------------

    def share(
        self, session: UserSession, expires: timedelta, leave_out: Iterable[str]
    ) -> SharedCopy:
        """
        Make a copy of what a session holds now; the caller has the session saved.

        Args:
            session: The session.
            expires: For how long it can be opened.
            leave_out: Names of what is not in it, or patterns of names.

        Raises:
            TypeError: If *expires* is no time, or *leave_out* is no list of texts.
            ValueError: If *expires* is not above zero, or longer than 366 days.
            ShareRefusedError: If it is too large, or the session has too many already.
            UnavailableError: If the store can't be reached; there is no copy.
        """
        _check_time(expires)
        patterns = _checked_names(leave_out)
        if len(self.listed(session)) >= MOST_SHARED:
            msg = f"a session has at most {MOST_SHARED} copies open to others: revoke one, or wait until one has expired"
            raise ShareRefusedError(msg)
        parts = self._shared(self._present(session), session.never_stored.extended(patterns))
        size = sum(map(len, parts.values()))
        if size > MOST_BYTES:
            largest = max(parts, key=lambda name: len(parts[name]))
            msg = (
                f"a copy for others has at most {MOST_BYTES} bytes, this one has {size}; its largest part is {largest!r}"
                f" with {len(parts[largest])} bytes: leave something out"
            )
            raise ShareRefusedError(msg)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        head = self._write(_id_of(token), parts, expires)
        times = {"at": head.created_at, "until": head.expires_at}
        with session.lock:
            kept = _kept(session, _SHARED)
            for gone in kept.keys() - {one.copy_id for one in self.listed(session)}:
                del kept[gone]
            kept[head.session_id] = times
        copy = attrs.evolve(_listed(head.session_id, times), token=token)
        self.emit(
            SessionShared(
                session_id=session.session_id, copy_id=copy.copy_id, expires_at=copy.expires_at
            )
        )
        return copy

    def listed(self, session: UserSession) -> tuple[SharedCopy, ...]:
        """Return the copies of a session that can still be opened, oldest first; asks no store."""
        with session.lock:
            entries = _entries(session, _SHARED)
            copies = [_listed(copy_id, times) for copy_id, times in entries.items()]
        now = self.now()
        return tuple(
            sorted((one for one in copies if one.expires_at > now), key=lambda one: one.created_at)
        )

    def revoke(self, session: UserSession, copy_id: str) -> bool:
        """
        Have a copy of a session open nothing any more.

        Args:
            session: The session.
            copy_id: The copy; one that is not this session's is passed over.

        Returns:
            Whether it was one that could be opened.

        Raises:
            UnavailableError: If the store can't be reached: it can still be opened; call it again.
        """
        if copy_id not in _entries(session, _SHARED):
            return False
        known = copy_id in {one.copy_id for one in self.listed(session)}
        self.store.repository.storage.delete(copy_id)
        _strike(session, _SHARED, copy_id)
        return known

    # -- opened ----------------------------------------------------------------

    def open(self, session: UserSession, token: str, *, blank: bool, replace: bool) -> bool:
        """
        Put what a copy holds into a session, in the place of what is there.

        Args:
            session: The session.
            token: The copy's.
            blank: Whether there is nothing in the session that anybody did.
            replace: Whether what is there may be set aside.

        Returns:
            False where something is there that would be replaced, and may not be: nothing has changed then.

        Raises:
            TypeError: If *token* is no text.
            ShareGoneError: If there is no such copy, or it has expired or was revoked.
            SerializationError: If it can't be read.
            NewerFormatError: If a newer release wrote it.
            UnavailableError: If the store can't be reached; nothing has changed.
        """
        copy_id = _id_of(token)
        rules = session.never_stored
        copy = self._shared(self._read(copy_id), rules)
        present = self._present(session)
        if self._shared(present, rules) != copy:
            if not (blank or replace):
                return False
            change = self._change(session, present, self._filled(present, copy))
            if not blank:
                turns = [one["turn"] for one in _entries(session, _ASIDE).values()]
                self._set_aside(session, present, max(turns, default=0) + 1)
            _put(session, change)
        self.emit(CopyOpened(session_id=session.session_id, copy_id=copy_id))
        return True

    def aside(self, session: UserSession) -> tuple[datetime, ...]:
        """Return when the states were set aside that can be had back, the one that is next first; asks no store."""
        entries = _entries(session, _ASIDE)
        return tuple(from_micros(entries[one]["at"]) for one in reversed(_in_turn(entries)))

    def go_back(self, session: UserSession) -> str | None:
        """
        Put back what was set aside last; what is there now is set aside in its turn, behind all others.

        Returns:
            The id of what was put back, for :meth:`remove` once the session is stored; None where nothing is set aside.

        Raises:
            ShareGoneError: If it was there for too long; the next call takes another one.
            SerializationError: If it can't be read; nothing has changed.
            UnavailableError: If the store can't be reached; nothing has changed.
        """
        entries = _entries(session, _ASIDE)
        if not entries:
            return None
        first, copy_id = (_in_turn(entries)[place] for place in (0, -1))
        try:
            parts = self._read(copy_id)
        except ShareGoneError:
            _strike(session, _ASIDE, copy_id)
            raise
        present = self._present(session)
        change = self._change(session, present, parts)
        self._set_aside(session, present, entries[first]["turn"] - 1, instead=copy_id)
        _put(session, change)
        return copy_id

    def forget_aside(self, session: UserSession) -> None:
        """Let go of all that was set aside for a session."""
        entries = _entries(session, _ASIDE)
        for copy_id in entries:
            _strike(session, _ASIDE, copy_id)
        self.remove(entries)

    def aside_of(self, session: UserSession) -> tuple[str, ...]:
        """Return the ids of what was set aside for a session."""
        return tuple(_entries(session, _ASIDE))

    def remove(self, copy_ids: Iterable[str]) -> None:
        """Remove what was set aside from the store."""
        for copy_id in copy_ids:
            # Nobody has its id any more: it opens nothing, and the store removes it when its time is over.
            with suppress(StorageError):
                self.store.repository.storage.delete(copy_id)

    def _set_aside(
        self, session: UserSession, present: EncodedParts, turn: int, instead: str | None = None
    ) -> None:
        """Keep a state to come back to in its turn, *instead* of another one; one too many goes."""
        head = self._write(f"aside-{secrets.token_hex(20)}", present, ASIDE_FOR)
        with session.lock:
            kept = _kept(session, _ASIDE)
            if instead is not None:
                kept.pop(instead, None)
            kept[head.session_id] = {"at": head.created_at, "until": head.expires_at, "turn": turn}
            surplus = sorted(kept, key=lambda one: kept[one]["at"])[:-MOST_ASIDE]
        for copy_id in surplus:
            _strike(session, _ASIDE, copy_id)
        self.remove(surplus)

    # -- what they hold --------------------------------------------------------

    def _present(self, session: UserSession) -> EncodedParts:
        """Return what a session holds now of what a copy may hold, without what is never stored."""
        with session.lock:
            by, size = session.encoded_by, session.encoded_size
            session.encoded_by = (
                None  # nothing counts as looked at; what its next save compares with stays as it is
            )
            try:
                parts = self.store.repository.codec.encode(session, {}).parts
            finally:
                session.encoded_by, session.encoded_size = by, size
        return {
            name: data
            for name, data in parts.items()
            if name == "inputs" or name.startswith((FORM, UNDO, _STATE_PART))
        }

    def _shared(self, parts: EncodedParts, rules: Privacy) -> EncodedParts:
        """Return of what a session holds what others may see: of a form what stands in it, nothing that was there before."""
        codec, shared = self.store.repository.codec, {}
        for name, data in parts.items():
            if name.startswith(UNDO):
                continue
            plain = codec.decode_part(name, data)
            if name.startswith(FORM):
                plain = {field: plain[field] for field in ("form_id", "data") if field in plain}
                if not plain.get("data"):
                    continue
            shared[name] = codec.serializer.dumps(rules.public(plain))
        return shared

    def _filled(self, present: EncodedParts, copy: EncodedParts) -> EncodedParts:
        """Return what a session is to hold that opens a copy: its own forms keep how they are saved and undone."""
        codec, filled = self.store.repository.codec, dict(copy)
        for name in copy.keys() & present.keys():
            if name.startswith(FORM):
                own = codec.decode_part(name, present[name])
                data = codec.decode_part(name, copy[name])["data"]
                filled[name] = codec.serializer.dumps({**own, "data": data, "errors": {}})
                steps = UNDO + name.removeprefix(FORM)
                filled |= {steps: present[steps]} if steps in present else {}
        return filled

    def _change(
        self, session: UserSession, present: EncodedParts, becomes: EncodedParts
    ) -> _Change:
        """Return the change of a session that holds what is *present*; what can't be read is told here, before anything changes."""
        codec = self.store.repository.codec
        differ = {name for name in {*present, *becomes} if present.get(name) != becomes.get(name)}
        before, after = (codec.decode(session.session_id, one) for one in (present, becomes))
        return _Change(before, after, differ)

    # -- in the store ----------------------------------------------------------

    def _write(self, copy_id: str, parts: EncodedParts, lasting: timedelta) -> SessionHead:
        repository, now = self.store.repository, self.now()
        head = SessionHead(
            session_id=copy_id,
            version=1,
            save_id=new_save_id(),
            created_at=to_micros(now),
            last_activity=to_micros(now),
            expires_at=to_micros(now + lasting),
            ended=True,  # in no list, no count and no clean-up of idle sessions, and nobody's session
        )
        put = repository.codec.seal(parts, {}, {}).put
        repository.storage.write(SessionWrite(head=head, put=put))
        return head

    def _read(self, copy_id: str) -> EncodedParts:
        repository = self.store.repository
        stored = repository.storage.read(copy_id)
        if stored is None or damage_of(stored.head) is not None:
            raise ShareGoneError(expired=False)
        if repository.head_has_expired(stored.head):
            raise ShareGoneError(expired=True)
        if stored.head.schema_version > SCHEMA_VERSION:
            msg = f"a copy is stored in format {stored.head.schema_version}; this release reads up to {SCHEMA_VERSION}"
            raise NewerFormatError(msg)
        return repository.codec.open(stored.parts)


def _put(session: UserSession, change: _Change) -> None:
    """Change a session as if somebody else had: the app's own objects stay."""
    before, after, differ = change
    # A form and its steps are put there as one.
    forms = {name.removeprefix(FORM) for name in differ if name.startswith(FORM)}
    names = sorted(differ - {UNDO + form_id for form_id in forms})
    with session.lock:
        absorb_changes(session, before, after, names)
        filled = {form_id for form_id, form in after.form_states.items() if form.data}
        session.dirty_forms -= forms
        session.dirty_forms |= forms & filled
        session.activity.count_interaction()


def _id_of(token: object) -> str:
    """Return what a copy is stored under."""
    if not isinstance(token, str):
        msg = f"token is the token of a copy, a str, not {type(token).__name__}"
        raise TypeError(msg)
    if not _TOKEN.fullmatch(token):
        raise ShareGoneError(expired=False)
    return f"shared-{sha256(token.encode()).hexdigest()[:40]}"


def _listed(copy_id: str, times: dict[str, Any]) -> SharedCopy:
    return SharedCopy(
        copy_id=copy_id,
        created_at=from_micros(times["at"]),
        expires_at=from_micros(times["until"]),
    )


def _check_time(expires: object) -> None:
    if not isinstance(expires, timedelta):
        msg = f"expires is a time, such as timedelta(days=7), not {type(expires).__name__}"
        raise TypeError(msg)
    if not timedelta(0) < expires <= LONGEST:
        msg = f"expires is above zero and at most {LONGEST.days} days, not {expires}"
        raise ValueError(msg)


def _checked_names(names: object) -> tuple[str, ...]:
    listed = names if isinstance(names, Iterable) and not isinstance(names, str | bytes) else None
    found = () if listed is None else tuple(listed)
    if listed is None or not all(isinstance(one, str) for one in found):
        msg = (
            f'leave_out is a list of names or patterns, such as ["salary", "note*"], not {names!r}'
        )
        raise TypeError(msg)
    return found


# -- what a session knows of its copies ---------------------------------------


def _entries(session: UserSession, kind: str) -> dict[str, Any]:
    """Return what a session lists of a kind, by id."""
    kept = session.extensions.get(EXTENSION)
    entries = kept.get(kind) if isinstance(kept, dict) else None
    return dict(entries) if isinstance(entries, dict) else {}


def _kept(session: UserSession, kind: str) -> dict[str, Any]:
    """Return the list itself, made where there is none."""
    entries: dict[str, Any] = session.extensions.setdefault(EXTENSION, {}).setdefault(kind, {})
    return entries


def _in_turn(entries: dict[str, Any]) -> list[str]:
    """Return the ids of what was set aside, the one that is next last."""
    return sorted(entries, key=lambda one: entries[one]["turn"])


def _strike(session: UserSession, kind: str, copy_id: str) -> None:
    """Take one off a list; what is empty then goes as well."""
    with session.lock:
        kept = session.extensions.get(EXTENSION)
        if isinstance(kept, dict) and copy_id in kept.get(kind, {}):
            del kept[kind][copy_id]
            if not any(kept.values()):
                del session.extensions[EXTENSION]
