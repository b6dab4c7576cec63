# SPDX-License-Identifier: Apache-2.0
"""
What crosses the storage border: frozen values of plain numbers, strings and bytes.

Times are integer microseconds since 1970-01-01 UTC, the same on every database.
Texts are kept byte for byte, in UTF-8. Session ids are printable; user ids and
part names hold anything but NUL and lone surrogates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

SCHEMA_VERSION: Final = 1
"""The stored format that this release reads and writes."""

RECENT_SAVES: Final = 8
"""How many earlier ``save_id`` values a head remembers."""


MOST_AHEAD: Final = 86_400_000_000
"""Microseconds, a day: a time that lies further ahead than this was written by a clock that is wrong."""


_EARLIEST: Final = 1_767_225_600_000_000
"""2026-01-01: a clock that says an earlier time is wrong itself, and doubts no other."""


def is_ahead(moment: int, now: int) -> bool:
    """Return whether a stored time lies so far ahead that a wrong clock must have written it."""
    return moment > now + MOST_AHEAD and now >= _EARLIEST


def later_activity(stored: int, written: int) -> int:
    """
    Return the ``last_activity`` that a store keeps: it never moves back, but from what can't be believed.

    Args:
        stored: What is stored.
        written: What is written or touched now.
    """
    return stored if written < stored <= written + MOST_AHEAD else written


_SHORT: Final = 8


def short(session_id: str) -> str:
    """Return the first eight characters, for logs, messages and pages; ids are secrets in full."""
    return session_id[:_SHORT]


def short_repr(session_id: str | None) -> str:
    """Return what the ``repr`` of an object shows of a session id in it: the short one."""
    return repr(session_id if session_id is None else short(session_id))


def hidden_repr(secret: object) -> str:
    """Return what the ``repr`` of an object shows of a secret in it: only whether there is one."""
    return "None" if secret is None else "..."


@attrs.frozen(kw_only=True)
class SessionHead:
    """
    A session's small record.

    Attributes:
        session_id: 1 to 128 characters, kept byte for byte.
        version: Counts the saves, from 1.
        save_id: Random, new for each save; what compare-and-set compares.
        recent: The ``save_id`` of up to eight saves before this one, newest first.
        user_id: The owner, or None; up to 512 characters.
        created_at: Microseconds since the epoch.
        last_activity: Microseconds since the epoch; never moves backwards in a store, but from more
            than a day ahead (:func:`later_activity`).
        expires_at: Microseconds since the epoch, or None for never.
        ended: True for a tombstone: the id is taken for good and holds nothing.
        schema_version: The format that the record was written in.
    """

    session_id: str = attrs.field(repr=short_repr)
    version: int
    save_id: str
    recent: tuple[str, ...] = ()
    user_id: str | None = None
    created_at: int
    last_activity: int
    expires_at: int | None = None
    ended: bool = False
    schema_version: int = SCHEMA_VERSION


@attrs.frozen(kw_only=True)
class StoredSession:
    """
    One consistent snapshot of a stored session.

    Attributes:
        head: The session's record.
        parts: Sealed bytes by stored part name.
    """

    head: SessionHead
    parts: Mapping[str, bytes] = MappingProxyType({})


@attrs.frozen(kw_only=True)
class SessionWrite:
    """
    One save: taken whole or not at all.

    Attributes:
        head: The record to store.
        expected: The ``save_id`` that must be stored now, or None when
            nothing may be stored under the id.
        put: Parts to store, by name; a name has up to 190 characters.
        remove: Names of parts to remove; unknown names are fine.
    """

    head: SessionHead
    expected: str | None = None
    put: Mapping[str, bytes] = MappingProxyType({})
    remove: Collection[str] = ()


@attrs.frozen(kw_only=True)
class SessionPage:
    """
    A page of a listing.

    Attributes:
        heads: The sessions on this page.
        cursor: Pass it on for the next page; None after the last one.
    """

    heads: Sequence[SessionHead]
    cursor: str | None = attrs.field(default=None, repr=hidden_repr)
