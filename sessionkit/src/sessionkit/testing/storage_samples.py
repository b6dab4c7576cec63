# SPDX-License-Identifier: Apache-2.0
"""
Heads and writes for the storage suite; a clause names only what it is about.

Times lie around the present: a store may collect, by its own clock, what
expired more than an hour ago.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Final

from sessionkit.moments import micros_now
from sessionkit.records import RECENT_SAVES, SessionHead, SessionWrite

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
NOW: Final = micros_now()
"""When this module was imported."""

NO_PARTS: Final[Mapping[str, bytes]] = MappingProxyType({})


def save_id(version: int) -> str:
    """Return the id of the save that made *version*."""
    return f"{version:016x}"


def head(session_id: str = "s", *, version: int = 1, **fields: Any) -> SessionHead:  # noqa: ANN401 - a head's fields
    """Return a head as a chain of saves by one writer would have it; *fields* say otherwise."""
    earlier = range(version - 1, max(0, version - 1 - RECENT_SAVES), -1)
    usual = {
        "save_id": save_id(version),
        "recent": tuple(save_id(number) for number in earlier),
        "created_at": NOW,
        "last_activity": NOW,
        "expires_at": NOW + DAY,
    }
    return SessionHead(session_id=session_id, version=version, **{**usual, **fields})


def first(
    session_id: str = "s",
    put: Mapping[str, bytes] = NO_PARTS,
    **fields: Any,  # noqa: ANN401 - a head's fields
) -> SessionWrite:
    """Return the write that creates a session."""
    return SessionWrite(head=head(session_id, **fields), put=put)


def following(
    version: int,
    session_id: str = "s",
    *,
    put: Mapping[str, bytes] = NO_PARTS,
    remove: Collection[str] = (),
    **fields: Any,  # noqa: ANN401 - a head's fields
) -> SessionWrite:
    """Return the write of *version* by a writer who has seen the version before."""
    return SessionWrite(
        head=head(session_id, version=version, **fields),
        expected=save_id(version - 1),
        put=put,
        remove=remove,
    )


def tombstone(version: int, session_id: str = "s", *, remove: Collection[str] = ()) -> SessionWrite:
    """Return the write that ends a session for good."""
    return following(version, session_id, remove=remove, ended=True)
