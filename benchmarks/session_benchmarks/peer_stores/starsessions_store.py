# SPDX-License-Identifier: Apache-2.0
"""starsessions' store on Redis, with its own serializer."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing
from importlib.metadata import version
from secrets import token_hex

from redis.asyncio import Redis
from starsessions import JsonSerializer
from starsessions.stores.redis import RedisStore

from session_benchmarks.data import Document, change_document
from session_benchmarks.peer_sessions import PeerStore


def open_store(stack: ExitStack, address: str) -> PeerStore:
    """Connect, with a loop that runs one call at a time."""
    loop = stack.enter_context(closing(asyncio.new_event_loop()))
    client = Redis.from_url(address)
    stack.callback(lambda: loop.run_until_complete(client.aclose()))
    store = RedisStore(connection=client)
    return PeerStore(
        library=f"starsessions {version('starsessions')}, redis",
        begin=lambda document: StarsessionsSession(loop, store, document),
    )


class StarsessionsSession:
    """One session."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, store: RedisStore, document: Document
    ) -> None:
        """Store it."""
        self._loop = loop
        self._store = store
        self._serializer = JsonSerializer()
        self._key = token_hex()
        self.document = document
        self.save(0)

    def save(self, number: int) -> None:
        """Change a field and store all."""
        change_document(self.document, number)
        data = self._serializer.serialize(self.document)
        self._loop.run_until_complete(self._store.write(self._key, data, lifetime=0, ttl=0))

    def load(self) -> Document:
        """Read it."""
        data = self._loop.run_until_complete(self._store.read(self._key, lifetime=0))
        return self._serializer.deserialize(data)
