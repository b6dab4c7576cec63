# SPDX-License-Identifier: Apache-2.0
"""
What happened to sessions: one frozen class an event, and how each is logged.

Observers get events through the hook ``sessionkit_event``; sessionkit itself
logs each under the logger ``sessionkit``.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any, Final

import attrs

from sessionkit.conflict import ConflictReport
from sessionkit.records import short, short_repr

_LOGGER: Final = logging.getLogger("sessionkit")


@attrs.frozen(kw_only=True)
class SessionEvent:
    """
    Something happened to a session.

    Attributes:
        session_id: The session; None when there is none yet.
    """

    session_id: str | None = attrs.field(repr=short_repr)


@attrs.frozen(kw_only=True)
class SessionCreated(SessionEvent):
    """A session began; it is stored once something was done in it."""


@attrs.frozen(kw_only=True)
class SessionRestored(SessionEvent):
    """A stored session was loaded for a connection."""


@attrs.frozen(kw_only=True)
class SessionSaved(SessionEvent):
    """
    A save was stored.

    Attributes:
        version: The version that was stored.
        parts: Names of the logical parts that it changed.
    """

    version: int
    parts: tuple[str, ...]


@attrs.frozen(kw_only=True)
class SessionEnded(SessionEvent):
    """A session was ended for good; a tombstone holds its id."""


@attrs.frozen(kw_only=True)
class SessionRotated(SessionEvent):
    """
    A session moved to a fresh id.

    Attributes:
        old_id: The id that it had; it is ended, or will be as soon as the store answers.
    """

    old_id: str = attrs.field(repr=short_repr)


@attrs.frozen(kw_only=True)
class SessionShared(SessionEvent):
    """
    A copy of what a session holds was made for whoever has its link.

    Attributes:
        copy_id: Names it; opens nothing.
        expires_at: Until when it can be opened.
    """

    copy_id: str
    expires_at: datetime


@attrs.frozen(kw_only=True)
class CopyOpened(SessionEvent):
    """
    What somebody shared was put into a session.

    Attributes:
        copy_id: Names the copy.
    """

    copy_id: str


@attrs.frozen(kw_only=True)
class SessionGone(SessionEvent):
    """
    A live session is gone for those who have it here, or was written to after it had moved.

    Attributes:
        reason: ``"ended"``, ``"replaced"``, ``"owner"``; ``"device"``: it goes on, but the devices
            that have this object were logged out elsewhere; or ``"moved"``: something was put into
            an object whose session goes on in another one, under a fresh id; it is dropped.
    """

    reason: str


@attrs.frozen(kw_only=True)
class SessionStoredAgain(SessionEvent):
    """
    The store had no record of a live session any more, and no tombstone; it was stored again, whole.

    Such as after a clean-up of sessions left idle, or where the store lost its data.

    Attributes:
        version: The version that was stored.
    """

    version: int


@attrs.frozen(kw_only=True)
class StoreLostSessions(SessionEvent):
    """
    The store had lost sessions that live in this process, or had older ones; all are stored again.

    One, where its record was purged; all, where the store was emptied, replaced, or fell back.

    Attributes:
        sessions: How many.
    """

    sessions: int


@attrs.frozen(kw_only=True)
class ConflictResolved(SessionEvent):
    """
    Two writers met and a strategy decided.

    Attributes:
        strategy: The strategy's class, or the function that decided.
        parts: Names of the logical parts that differed.
        report: Says of each field that both changed whose value was taken, and when each was changed.
    """

    strategy: str
    parts: tuple[str, ...]
    report: ConflictReport = attrs.field(eq=False)


@attrs.frozen(kw_only=True)
class StoreWentBack(SessionEvent):
    """
    The store lost acknowledged saves (a failover); all parts were written again.

    Attributes:
        acknowledged: The version that had been acknowledged.
        found: The version that the store had instead.
    """

    acknowledged: int
    found: int


@attrs.frozen(kw_only=True)
class StoreUnavailable(SessionEvent):
    """
    The store could not be reached when a session was asked for; a provisional one is used.

    Attributes:
        error: What the storage said.
    """

    error: str


@attrs.frozen(kw_only=True)
class SaveFailed(SessionEvent):
    """
    A background save failed.

    Attributes:
        error: What was said.
        retrying: True when it will be tried again by itself.
    """

    error: str
    retrying: bool


@attrs.frozen(kw_only=True)
class JournalFailed(SessionEvent):
    """
    The journal can't be written or read: until it can, a crash loses what waits to be stored. Told once.

    Attributes:
        error: What was said.
    """

    error: str


@attrs.frozen(kw_only=True)
class JournalSetAside(SessionEvent):
    """
    What a dead process left of a session can't be stored, or a journal's file not be read; it is kept in a file.

    Attributes:
        path: The file; where it can't be read, the session is not known.
        reason: Why.
    """

    path: str
    reason: str


@attrs.frozen(kw_only=True)
class ValueNotSaved(SessionEvent):
    """
    A value can't be encoded; the store keeps its last one, all else was saved.

    Attributes:
        path: Where it lies, such as ``inputs['upload']``.
        reason: Why, and what would be right.
    """

    path: str
    reason: str


@attrs.frozen(kw_only=True)
class ValueNotRead(SessionEvent):
    """
    A stored value can't be read in this process, or does not fit its field of typed state; the app doesn't see it, and it stays stored as it is.

    Attributes:
        path: Where it lies, such as ``inputs['size']``.
        reason: Why, and what would be right.
    """

    path: str
    reason: str


@attrs.frozen(kw_only=True)
class ValueDropped(SessionEvent):
    """
    A stored value was not put back, because what holds it no longer takes it.

    Attributes:
        key: The widget's key.
        value: The stored value.
        reason: Why.
    """

    key: str
    value: Any
    reason: str


@attrs.frozen(kw_only=True)
class RestoreRefused(SessionEvent):
    """
    Someone asked for a session that is not theirs, or with a token that is not ours.

    Attributes:
        reason: Why it was refused.
    """

    reason: str


@attrs.frozen(kw_only=True)
class SessionQuarantined(SessionEvent):
    """
    Stored bytes are damaged; they were copied, and what they held begins afresh.

    Attributes:
        quarantine_id: The id that the bytes are kept under.
        reason: What can't be read.
        parts: Names of the parts that are damaged; all else is there. Empty when nothing of the session
            can be used.
    """

    quarantine_id: str
    reason: str
    parts: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class NewerFormat(SessionEvent):
    """
    A stored session was written by a newer release; the user works in memory.

    Attributes:
        reason: What was found.
    """

    reason: str


# -- the log -----------------------------------------------------------------

_WARNINGS: Final = frozenset(
    {
        JournalFailed,
        JournalSetAside,
        NewerFormat,
        RestoreRefused,
        SaveFailed,
        SessionGone,
        SessionQuarantined,
        StoreLostSessions,
        StoreUnavailable,
        StoreWentBack,
        ValueDropped,
        ValueNotRead,
        ValueNotSaved,
    }
)


def log_event(event: SessionEvent) -> None:
    """Log what went wrong as a warning, a save that is given up as an error, all else at debug level; ids in short form, since they are secrets in full."""
    # One look-up, where isinstance() would compare with each: every save tells something.
    is_warning = not _WARNINGS.isdisjoint(type(event).__mro__)
    level = logging.WARNING if is_warning else logging.DEBUG
    if isinstance(event, SaveFailed) and not event.retrying:
        level = logging.ERROR  # what the user did is not stored, and nobody tries again
    if _LOGGER.isEnabledFor(level):
        details = {
            field.name: getattr(event, field.name)
            for field in attrs.fields(type(event))
            if field.name != "session_id"
        }
        said = ", ".join(f"{name}={value!r}" for name, value in details.items())
        for secret in (event.session_id, getattr(event, "old_id", None)):
            if secret:
                said = said.replace(secret, short(secret))
        of = f" of session {short(event.session_id)}" if event.session_id else ""
        _LOGGER.log(level, "%s%s%s", type(event).__name__, of, f": {said}" if said else "")
