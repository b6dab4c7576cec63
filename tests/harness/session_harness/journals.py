# SPDX-License-Identifier: Apache-2.0
"""Processes with a journal that can be killed without a process: what they had in memory is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from session_harness.replicas import NEVER, serializer_named
from session_harness.stores import FaultyStore

from sessionkit.conflict import ConflictStrategy
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.encoding.codec import SessionCodec
from sessionkit.events import SessionEvent
from sessionkit.journal import Journal, Replay, ReplayReport
from sessionkit.journal.store import JournalLine, files_in
from sessionkit.merge.strategies import Merge
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.repository import Repository
from sessionkit.repository.tracks import Tracks
from sessionkit.session import UserSession
from sessionkit.session.fields import utc_now


class JournaledProcess:
    """
    One process that saves and keeps a journal.

    Attributes:
        folder: Where its journal is.
        store: Its handle.
        events: What was told.
        journal: Its journal.
        repository: Its repository.
    """

    def __init__(  # noqa: PLR0913 - each is what some test varies
        self,
        folder: Path,
        memory: MemoryStorage | None = None,
        *,
        serializer: str = "msgpack",
        strategy: ConflictStrategy | None = None,
        expiry: Expiry = NEVER,
        now: Callable[[], datetime] = utc_now,
        fsync: bool = False,
    ) -> None:
        """Start; nothing is replayed yet."""
        self.store = FaultyStore(memory)
        self.events: list[SessionEvent] = []
        self.folder, self._tracks = folder, Tracks()
        codec = SessionCodec(
            serializer=serializer_named(serializer),
            name=serializer,
            others=serializer_named,
            max_bytes=2**24,
        )
        self.journal = Journal(
            folder,
            codec=lambda: codec,
            tracks=self._tracks,
            now=now,
            emit=self.events.append,
            fsync=fsync,
        )
        self.repository = Repository(
            storage=self.store,
            codec=codec,
            strategy=Merge() if strategy is None else strategy,
            expiry=expiry,
            now=now,
            emit=self.events.append,
            tracks=self._tracks,
            observer=self.journal,
        )

    def next(self, **changes: Any) -> JournaledProcess:
        """Return the process that is started next, over the same store and folder."""
        return JournaledProcess(self.folder, self.store.memory, **changes)

    def killed(self, **changes: Any) -> JournaledProcess:
        """End without a word, as kill -9 does; return the process that is started next."""
        abandon(self.journal)
        return self.next(**changes)

    def replay(self) -> ReplayReport:
        """Store what dead processes left."""
        return Replay(journal=self.journal, repository=self.repository).run()

    def load(self, session_id: str = "s") -> UserSession:
        """Load a session that is there."""
        session = self.repository.load(session_id)
        assert session is not None, f"no session {session_id!r}"
        return session

    def new(self, session_id: str = "s", **inputs: Any) -> UserSession:
        """Store a new session."""
        session = UserSession(session_id=session_id, inputs=inputs)
        self.repository.save(session)
        return session

    def files(self) -> list[Path]:
        """Return the processes' files."""
        return files_in(self.folder)

    def lines(self) -> list[JournalLine]:
        """Return what its journal has that is not stored."""
        return [line for file in self.journal._files() for line in file.lines.values()]


def abandon(journal: Journal) -> None:
    """Let go of a journal's files as they are, whatever is in them, and forget all: as the end of a process does."""
    for file in journal._files():
        file.let_go()
    journal._start_empty()
