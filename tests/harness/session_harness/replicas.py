# SPDX-License-Identifier: Apache-2.0
"""Repositories as replicas have them: each its own handle, objects and events, one store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs
import ormsgpack
from session_harness.stores import FaultyStore

from sessionkit.conflict import ConflictStrategy
from sessionkit.defaults.json import JsonSerializer
from sessionkit.defaults.memory import MemoryStorage
from sessionkit.defaults.msgpack import MsgpackSerializer
from sessionkit.encoding.codec import SessionCodec
from sessionkit.encoding.packing import seal, unseal
from sessionkit.errors import UnknownPluginError
from sessionkit.events import SessionEvent
from sessionkit.manager.manager import SessionManager
from sessionkit.merge.strategies import Merge
from sessionkit.records import StoredSession
from sessionkit.repository.expiry import Expiry
from sessionkit.repository.repository import Repository
from sessionkit.serializer import Serializer
from sessionkit.session import UserSession
from sessionkit.session.fields import utc_now
from sessionkit.settings import Settings
from sessionkit.storage import Storage

E = TypeVar("E", bound=SessionEvent)

NEVER = Expiry(idle=None, absolute=None)


class Clock:
    """A clock that the test moves; it begins at the present, as sessions do."""

    def __init__(self) -> None:
        """Begin now."""
        self.time = utc_now()

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time

    def advance(self, **length: float) -> None:
        """Move on; keywords are those of ``timedelta``."""
        self.time += timedelta(**length)


class Replica:
    """
    One process that loads and saves.

    Attributes:
        store: Its handle.
        events: What its repository told.
        repository: The repository.
    """

    def __init__(  # noqa: PLR0913 - each is what some test varies
        self,
        memory: MemoryStorage | None = None,
        *,
        store: FaultyStore | None = None,
        strategy: ConflictStrategy | None = None,
        expiry: Expiry = NEVER,
        now: Callable[[], datetime] = utc_now,
        serializer: str = "msgpack",
        max_bytes: int = 2**24,
    ) -> None:
        """Open the store."""
        self.store = FaultyStore(memory) if store is None else store
        self.events: list[SessionEvent] = []
        self.repository = Repository(
            storage=self.store,
            codec=SessionCodec(
                serializer=serializer_named(serializer),
                name=serializer,
                others=serializer_named,
                max_bytes=max_bytes,
            ),
            strategy=Merge() if strategy is None else strategy,
            expiry=expiry,
            now=now,
            emit=self.events.append,
        )

    def again(self, **changes: Any) -> Replica:
        """Return another replica over the same store."""
        return Replica(self.store.memory, **changes)

    def load(self, session_id: str = "s") -> UserSession:
        """Load a session that is there."""
        session = self.repository.load(session_id)
        assert session is not None, f"no session {session_id!r}"
        return session

    def save(self, session: UserSession) -> None:
        """Save."""
        self.repository.save(session)

    def new(self, session_id: str = "s", **inputs: Any) -> UserSession:
        """Store a new session."""
        session = UserSession(session_id=session_id, inputs=inputs)
        self.save(session)
        return session

    def meet(self, session: UserSession) -> tuple[str, ...]:
        """Refresh a session and absorb what others saved, as a bootstrap does."""
        self.repository.refresh(session)
        return self.repository.absorb(session)

    def told(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def repository_over(storage: Storage, **instead: Any) -> Repository:
    """Return a repository with what the settings say by default, whatever folder we are in, or *instead*."""
    parts: dict[str, Any] = {**SessionManager(Settings()).assembly.parts(storage), **instead}
    return Repository(**parts, now=utc_now)


def serializer_named(name: str) -> Serializer:
    """Return a serializer as an installation without further plugins has it."""
    if name == "msgpack":
        return MsgpackSerializer()
    if name == "json":
        return JsonSerializer()
    msg = f"no serializer {name!r}"
    raise UnknownPluginError(msg)


def rewrite(
    replica: Replica, change: Callable[[dict[str, bytes]], dict[str, bytes]], **head: Any
) -> StoredSession:
    """Change what is stored, behind everybody's back."""
    stored = replica.store.stored("s")
    changed = attrs.evolve(
        stored, head=attrs.evolve(stored.head, **head), parts=change(dict(stored.parts))
    )
    replica.store.memory._sessions["s"] = changed
    return changed


def with_field(sealed: bytes, field: str, value: object) -> bytes:
    """Return a part with one more field."""
    return seal(
        ormsgpack.packb({**ormsgpack.unpackb(unseal(sealed).payload), field: value}), "msgpack"
    )
