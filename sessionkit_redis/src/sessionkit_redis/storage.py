# SPDX-License-Identifier: Apache-2.0
"""Sessions in Redis or Valkey: one hash each, compare-and-set by a script."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from redis.exceptions import ClusterCrossSlotError

from sessionkit.errors import ConfigError, StorageError
from sessionkit.records import SessionHead, SessionPage, SessionWrite, StoredSession
from sessionkit_redis.calls import Calls
from sessionkit_redis.connect import Client, Keywords, Link, check_number, link_to, open_link
from sessionkit_redis.failures import encoding_failure
from sessionkit_redis.layout import HEAD_FIELDS, Bucket, Keys, head_of, session_of
from sessionkit_redis.registries import Pages, Purger, UserIndex
from sessionkit_redis.saves import Saver
from sessionkit_redis.scripts import COUNT, REMOVE, TOUCH, call
from sessionkit_redis.watch import Watch

if TYPE_CHECKING:
    from typing import Unpack

    from sessionkit.storage import Closeable

MAX_PART_BYTES: Final = 64 << 20
"""The default limit: far below what Redis takes, far above what a session should hold."""


class RedisStorage:
    """
    A storage in Redis 7 or newer or Valkey: alone, with Sentinel or in a cluster.

    Any number of threads, processes and machines may share it::

        storage = RedisStorage.open("redis://localhost:6379/0")
    """

    def __init__(  # noqa: PLR0913 - the keys of a settings table
        self,
        client: Client | Link,
        *,
        prefix: str = "sk",
        namespace: str = "",
        min_replicas: int = 0,
        replica_timeout_ms: int = 1000,
        max_part_bytes: int = MAX_PART_BYTES,
        notify: bool = False,
    ) -> None:
        """
        Use a client of the app, with its time-outs; it stays the app's to close.

        Args:
            client: A ``redis.Redis`` or ``redis.RedisCluster`` without ``decode_responses``.
            prefix: What all keys begin with.
            namespace: What follows it, by a hyphen: the same keyword as that of other storages.
            min_replicas: How many replicas must have a save before it counts as stored.
            replica_timeout_ms: How long to wait for them, in milliseconds.
            max_part_bytes: A larger part is refused.
            notify: Whether saves and deletes are told to who watches.

        Raises:
            ConfigError: If the client or a keyword can't be used.
        """
        link = client if isinstance(client, Link) else link_to(client)
        check_number("max_part_bytes", max_part_bytes, 1)
        self._calls = Calls(
            link,
            min_replicas=check_number("min_replicas", min_replicas, 0),
            replica_timeout_ms=check_number("replica_timeout_ms", replica_timeout_ms, 1),
        )
        self._keys = Keys(prefix, namespace)
        self._notify = notify
        self._token = secrets.token_hex(4)
        self._index = UserIndex(self._calls, self._keys)
        self._pages = Pages(self._calls, self._keys, self._index)
        self._purger = Purger(self._calls, self._keys, self._index)
        message = self._message if notify else None
        self._saver = Saver(
            self._calls, self._keys, self._index, max_part_bytes=max_part_bytes, message=message
        )

    @classmethod
    def open(
        cls,
        url: str,
        *,
        timeout_ms: int = 3000,
        connect_timeout_ms: int = 1000,
        **keywords: Unpack[Keywords],
    ) -> RedisStorage:
        """
        Return a storage that connects, at its first call, to what *url* names.

        Args:
            url: Such as ``redis://host:6379/0``.
            timeout_ms: How long to wait for an answer, in milliseconds.
            connect_timeout_ms: How long to wait for a connection, in milliseconds.
            **keywords: As for the class.

        Raises:
            ConfigError: If *url* or a keyword can't be used.
        """
        wait_ms = keywords.get("replica_timeout_ms", 1000)
        link = open_link(url, timeout_ms=timeout_ms, connect_timeout_ms=connect_timeout_ms)
        if keywords.get("min_replicas") and wait_ms >= timeout_ms:
            msg = (
                f"[storages.redis] replica_timeout_ms is {wait_ms};"
                f" it must be less than timeout_ms ({timeout_ms})"
            )
            raise ConfigError(msg)
        return cls(link, **keywords)

    def read(self, session_id: str) -> StoredSession | None:
        """Return a session, by one command and so as one snapshot, or None."""
        key, _, _ = self._place(session_id)
        return session_of(session_id, self._calls.one(("HGETALL", key)))

    def read_head(self, session_id: str) -> SessionHead | None:
        """Return a session's head, by one command for its four fields, or None."""
        key, _, _ = self._place(session_id)
        return head_of(session_id, self._calls.one(("HMGET", key, *HEAD_FIELDS)))

    def write(self, write: SessionWrite) -> None:
        """
        Store a save by one script.

        Raises:
            ConflictError: If something else than ``write.expected`` is stored.
        """
        (outcome,) = self._saver.save([write])
        if outcome is not None:
            raise outcome

    def write_many(self, writes: Sequence[SessionWrite]) -> Sequence[StorageError | None]:
        """Store many saves in one packet and return an outcome for each."""
        return self._saver.save(writes)

    def touch(self, session_id: str, *, last_activity: int, expires_at: int | None) -> bool:
        """Move activity and expiry on; return whether there is such a session."""
        key, bucket, _ = self._place(session_id)
        expiry = "" if expires_at is None else expires_at
        keys = (key, bucket.active, bucket.expiry)
        return bool(self._calls.one(call(TOUCH, keys, last_activity, expiry)))

    def delete(self, session_id: str) -> bool:
        """Remove a session and its parts; return whether there was one."""
        key, bucket, member = self._place(session_id)
        keys = (key, bucket.active, bucket.expiry, bucket.owners)
        told = self._message(member) if self._notify else ""
        gone, owner = self._calls.one(call(REMOVE, keys, told, "", ""))
        if owner:
            self._index.remove([(owner.decode()[1:], session_id)])
        return bool(gone)

    def find(
        self, *, user_id: str | None = None, limit: int = 100, cursor: str | None = None
    ) -> SessionPage:
        """List an owner's sessions, latest first, or all of them bucket by bucket."""
        if user_id is None:
            return self._pages.of_all(limit, cursor)
        return self._pages.of_user(user_id, limit, cursor)

    def count(self, *, active_since: int) -> int:
        """
        Return how many sessions were active then or later.

        A session that the server collected, an hour after its end, counts until
        the next purge, if it was active since.
        """
        registries = tuple(bucket.active for bucket in self._keys.buckets)
        if not self._calls.is_clustered:
            try:
                return int(self._calls.one(call(COUNT, registries, active_since)))
            except StorageError as error:
                # A cluster of one server may be spoken to as if it were none.
                if not isinstance(error.__cause__, ClusterCrossSlotError):
                    raise
        # In a cluster a script has no keys of several slots: a command each.
        counts = self._calls.all([("ZCOUNT", key, active_since, "+inf") for key in registries])
        return sum(counts)

    def purge(self, *, expired_before: int, idle_before: int | None = None, limit: int) -> int:
        """Remove one batch of expired and idle sessions; return how many."""
        return self._purger.purge(expired_before, idle_before, limit)

    def watch(self, callback: Callable[[str], None]) -> Closeable:
        """
        Call *callback*, on a thread, with ids of sessions that others save or delete.

        Raises:
            ConfigError: If nothing is told, since ``notify`` is false.
        """
        if not self._notify:
            msg = "[storages.redis] notify is false, so nobody tells of changes; set it to true"
            raise ConfigError(msg)
        return Watch(self._calls, self._keys, self._sender, callback)

    def close(self) -> None:
        """Close the connections if :meth:`open` made them, else leave them to the app."""
        self._calls.close()

    def _place(self, session_id: str) -> tuple[bytes, Bucket, bytes]:
        try:
            member = session_id.encode()
        except UnicodeEncodeError as error:
            raise encoding_failure(self._calls.place, error) from error
        return *self._keys.session(member), member

    def _message(self, member: bytes) -> bytes:
        return self._sender() + b":" + member

    def _sender(self) -> bytes:
        # With the process, since a fork has the same token.
        return f"{self._token}.{os.getpid()}".encode()
