# SPDX-License-Identifier: Apache-2.0
"""
Heads and writes for the storage suite; a clause names only what it is about.

Times lie around the present: a store may collect, by its own clock, what
expired more than an hour ago.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from sessionkit.records import RECENT_SAVES, SessionHead, SessionWrite
from sessionkit.session.fields import micros_now
from sessionkit.storage import Storage

Connect: TypeAlias = Callable[[], Storage]
"""Opens one more handle on the same store."""

T = TypeVar("T")

RACERS: Final = 8
"""How many threads race for one save."""

_PATIENCE: Final = 60.0
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


def race(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Run all *calls* at once, each on a thread of its own, and return what they returned."""
    barrier = Barrier(len(calls), timeout=_PATIENCE)

    def run(call: Callable[[], T]) -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
