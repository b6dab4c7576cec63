# SPDX-License-Identifier: Apache-2.0
"""How much may wait to be saved, and what is done with more: the spill leaves it to the journal."""

from __future__ import annotations

from itertools import islice
from typing import Final
from weakref import ref

import attrs

from sessionkit.errors import ConfigError
from sessionkit.persistence.queue import AwaitedSave
from sessionkit.records import short_repr
from sessionkit.session.session import UserSession

BLOCK: Final = "block"
RAISE: Final = "raise"
SPILL: Final = "spill"
WHEN_FULL: Final = (BLOCK, RAISE, SPILL)


@attrs.frozen(kw_only=True)
class QueueLimits:
    """
    How much may wait to be saved.

    Attributes:
        max_pending: How many sessions, at most.
        max_pending_bytes: How many bytes they hold, encoded, at most.
        when_full: What is done with one more: ``"block"`` waits for room, then raises; ``"raise"``
            raises; ``"spill"`` leaves it to the journal.
        full_timeout_ms: How long to wait for room, in milliseconds.
    """

    max_pending: int = 10_000
    max_pending_bytes: int = 256 * 2**20
    when_full: str = BLOCK
    full_timeout_ms: float = 1000

    def __attrs_post_init__(self) -> None:
        """Refuse what can't be."""
        if min(self.max_pending, self.max_pending_bytes) < 1 or self.full_timeout_ms < 0:
            msg = "max_pending and max_pending_bytes are 1 or more, full_timeout_ms is 0 or more"
            raise ConfigError(msg)
        if self.when_full not in WHEN_FULL:
            right = ", ".join(map(repr, WHEN_FULL))
            msg = f"when_full is one of {right}, not {self.when_full!r}"
            raise ConfigError(msg)

    def room(self, sessions: int, size: int) -> int:
        """
        Return for how many more sessions there is room.

        Args:
            sessions: How many wait.
            size: How many bytes they hold.
        """
        return max(0, self.max_pending - sessions) if size < self.max_pending_bytes else 0

    def takes(self, sessions: int, size: int, more: int) -> bool:
        """
        Return whether one more session may wait.

        Args:
            sessions: How many wait.
            size: How many bytes they hold.
            more: How many bytes it holds. One that is larger than all may hold waits alone.
        """
        return sessions < self.max_pending and (
            size + more <= self.max_pending_bytes or not sessions
        )

    def is_over(self, sessions: int, size: int) -> bool:
        """Return whether more wait than may."""
        return sessions > self.max_pending or (size > self.max_pending_bytes and sessions > 1)


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
