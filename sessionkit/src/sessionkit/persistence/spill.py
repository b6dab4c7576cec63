# SPDX-License-Identifier: Apache-2.0
"""Sessions that the queue had no room for: only their ids are kept here, the journal holds what they are."""

from __future__ import annotations

from itertools import islice
from weakref import ref

import attrs

from sessionkit.persistence.queue import AwaitedSave
from sessionkit.records import short_repr
from sessionkit.session.session import UserSession


class Spill:
    """The ids that were let go of, oldest first. The caller holds a lock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_id: dict[str, SpilledSession] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._by_id)

    def add(self, session: UserSession, since: float) -> None:
        """Let go of a session."""
        entry = self._by_id.get(session.session_id)
        if entry is None:
            entry = self._by_id[session.session_id] = SpilledSession(session.session_id, since)
        if session not in entry.sessions():
            entry.live.append(ref(session))

    def of(self, session_id: str | None) -> list[SpilledSession]:
        """Return the entries of an id, or all; needs no lock."""
        if session_id is None:
            return list(self._by_id.values())
        entry = self._by_id.get(session_id)
        return [] if entry is None else [entry]

    def first(self, count: int) -> list[SpilledSession]:
        """Return up to *count* entries."""
        return list(islice(self._by_id.values(), count))

    def remove(self, entry: SpilledSession) -> bool:
        """Take an entry out; return whether it was still there."""
        if self._by_id.get(entry.session_id) is not entry:
            return False
        del self._by_id[entry.session_id]
        return True

    def discard(self, session_id: str) -> None:
        """Forget an id."""
        entry = self._by_id.pop(session_id, None)
        if entry is not None:
            entry.gone = True


@attrs.define(eq=False)
class SpilledSession:
    """
    An id that was let go of.

    Attributes:
        session_id: The id.
        since: When its oldest change came that is not stored, in seconds.
        live: Its objects, for as long as someone else holds them.
        awaited: What waits of it again; empty before it is brought back.
        gone: Whether there is nothing to bring back any more.
        lost: Whether it could not be brought back.
    """

    session_id: str = attrs.field(repr=short_repr)
    since: float
    live: list[ref[UserSession]] = attrs.field(factory=list)
    awaited: list[AwaitedSave] = attrs.field(factory=list)
    gone: bool = False
    lost: bool = False

    @property
    def tried(self) -> bool:
        """Whether it was brought back and saved, or failed."""
        return self.gone or (bool(self.awaited) and all(one.tried for one in self.awaited))

    @property
    def stored(self) -> bool:
        """Whether nothing of it is left to save."""
        return not self.lost and self.tried and all(one.stored for one in self.awaited)

    def sessions(self) -> list[UserSession]:
        """Return the objects that still live."""
        found = [live() for live in list(self.live)]
        return [session for session in found if session is not None]
