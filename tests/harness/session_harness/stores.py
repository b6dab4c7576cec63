# SPDX-License-Identifier: Apache-2.0
"""A store that fails on request: down, losing answers, blocked, back in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import Any, Final

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.errors import RejectedError, StorageError, UnavailableError
from sessionkit.records import SessionHead, SessionPage, SessionWrite, StoredSession

PATIENCE: Final = 20.0
"""Seconds that a test waits for what must happen; it never passes where all is well."""

LANDED: Final = "landed"
"""The write is stored, its answer is lost."""

LOST: Final = "lost"
"""The write is not stored, and no answer comes."""

REJECTED: Final = "rejected"
"""The store refuses the write for good."""


class Gate:
    """Holds whoever passes until it is opened."""

    def __init__(self) -> None:
        """Begin closed, with nobody at it."""
        self.reached = Event()
        self.opened = Event()

    def __call__(self, *_: object) -> None:
        """Wait here."""
        self.reached.set()
        assert self.opened.wait(PATIENCE), "the test never opened the gate"


class FaultyStore:
    """
    One replica's handle on a memory that several share.

    Attributes:
        memory: What is really stored.
        down: Whether each call fails.
        calls: The names of the methods that were called.
        writes: Every write that was sent, whatever came of it.
        on_write: Called before each write.
        on_look: Called before each read, of a head alone too.
    """

    def __init__(self, memory: MemoryStorage | None = None) -> None:
        """Open a handle that works; *memory* may be any storage where nothing goes back in time."""
        self.memory = MemoryStorage() if memory is None else memory
        self.down = False
        self.calls: list[str] = []
        self.writes: list[SessionWrite] = []
        self.on_write: Callable[[SessionWrite], None] | None = None
        self.on_look: Callable[[], None] | None = None
        self.failing_reads = 0
        self._fates: deque[str | None] = deque()

    # -- what a test asks for --------------------------------------------------

    def next_writes(self, *fates: str | None) -> None:
        """Say what comes of the next writes; None lets one pass."""
        self._fates.extend(fates)

    def keep(self) -> Mapping[str, StoredSession]:
        """Return what is stored, to go back to."""
        return dict(self.memory._sessions)

    def go_back(self, kept: Mapping[str, StoredSession]) -> None:
        """Forget what was stored since, as a failover to a lagging replica does."""
        self.memory._sessions.clear()
        self.memory._sessions.update(kept)

    def stored(self, session_id: str) -> StoredSession:
        """Return what is stored, without it counting as a call."""
        found = self.memory.read(session_id)
        assert found is not None, f"nothing is stored under {session_id!r}"
        return found

    # -- the storage -----------------------------------------------------------

    def read(self, session_id: str) -> StoredSession | None:
        """Read, or fail."""
        self._called("read")
        if self.on_look is not None:
            self.on_look()
        if self.failing_reads:
            self.failing_reads -= 1
            msg = "the read was cut off"
            raise UnavailableError(msg)
        return self.memory.read(session_id)

    def read_head(self, session_id: str) -> SessionHead | None:
        """Read a head, or fail."""
        self._called("read_head")
        if self.on_look is not None:
            self.on_look()
        return self.memory.read_head(session_id)

    def write(self, write: SessionWrite) -> None:
        """Write, or do what the test asked for."""
        self.writes.append(write)
        if self.on_write is not None:
            self.on_write(write)
        self._called("write")
        fate = self._fates.popleft() if self._fates else None
        if fate == REJECTED:
            msg = "the disk is full"
            raise RejectedError(msg)
        if fate != LOST:
            self.memory.write(write)
        if fate is not None:
            msg = "the connection broke"
            raise UnavailableError(msg)

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """Touch, or fail."""
        self._called("touch")
        return self.memory.touch(session_id, last_activity=last_activity, expires_at=expires_at)

    def delete(self, session_id: str) -> bool:
        """Delete, or fail."""
        self._called("delete")
        return self.memory.delete(session_id)

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List, or fail."""
        self._called("find")
        return self.memory.find(user_id=user_id, limit=limit, cursor=cursor)

    def count(self, *, active_since: int) -> int:
        """Count, or fail."""
        self._called("count")
        return self.memory.count(active_since=active_since)

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Purge, or fail."""
        self._called("purge")
        return self.memory.purge(
            expired_before=expired_before, idle_before=idle_before, limit=limit
        )

    def close(self) -> None:
        """Do nothing: the memory is shared."""

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.down:
            msg = "the store is down"
            raise UnavailableError(msg)


class FaultyBatchStore(FaultyStore):
    """The same, for many writes at once."""

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """Write each, and return what came of it."""
        self.calls.append("write_many")
        ids = [write.head.session_id for write in writes]
        assert len(ids) == len(set(ids)), f"two writes of one session in a batch: {ids}"
        return [self._outcome(write) for write in writes]

    def _outcome(self, write: SessionWrite) -> StorageError | None:
        try:
            self.write(write)
        except StorageError as error:
            return error
        return None


class WholeStore(FaultyStore):
    """The same, without the ability to read a head alone."""

    read_head: Any = None


class TellingStore(FaultyStore):
    """
    The same, and tells other replicas of what is saved and deleted.

    Attributes:
        callbacks: Who watches the memory, by the handle.
        closed: How many watches were closed.
    """

    def __init__(self, beside: TellingStore | None = None) -> None:
        """Open a handle on a memory of its own, or on that of another one."""
        super().__init__(None if beside is None else beside.memory)
        self.callbacks: list[tuple[TellingStore, Callable[[str], None]]] = (
            [] if beside is None else beside.callbacks
        )
        self.closed = 0

    def watch(self, callback: Callable[[str], None]) -> TellingStore:
        """Begin to watch."""
        self._called("watch")
        self.callbacks.append((self, callback))
        return self

    def close(self) -> None:
        """Watch no more."""
        self.closed += 1
        self.callbacks[:] = [one for one in self.callbacks if one[0] is not self]

    def write(self, write: SessionWrite) -> None:
        """Write, and tell the others."""
        super().write(write)
        self.tell(write.head.session_id)

    def delete(self, session_id: str) -> bool:
        """Delete, and tell the others."""
        found = super().delete(session_id)
        self.tell(session_id)
        return found

    def tell(self, session_id: str) -> None:
        """Tell the others of a session."""
        for handle, callback in list(self.callbacks):
            if handle is not self:
                callback(session_id)
