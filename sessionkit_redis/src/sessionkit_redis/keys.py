# SPDX-License-Identifier: Apache-2.0
"""
Names of keys.

A bucket's registries carry the same hash tag as its sessions, so one script
changes a session and its registry entries in one slot of a cluster. With 256
buckets no key is hot and none is huge.
"""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

import attrs

from sessionkit.errors import ConfigError

BUCKETS: Final = 256


@attrs.frozen
class Bucket:
    """
    The registries of one bucket.

    Attributes:
        active: Sorted set of session ids by ``last_activity``, without tombstones.
        expiry: Sorted set of session ids by ``expires_at``, without those that never expire.
        owners: Hash of user ids by session id; who is in it is in the user's index, too.
        channel: Shard channel that tells of changes.
        sessions: What the keys of its sessions begin with.
    """

    active: bytes
    expiry: bytes
    owners: bytes
    channel: bytes
    sessions: bytes


class Keys:
    """
    The names under one prefix.

    Attributes:
        buckets: The buckets, in the order that listings walk them.
    """

    def __init__(self, prefix: Any = "sk") -> None:  # noqa: ANN401 - what a settings file says
        """
        Name everything below *prefix*.

        Raises:
            ConfigError: If the prefix would break the hash tags.
        """
        if not isinstance(prefix, str) or not prefix or set(prefix) & set("{}"):
            msg = f"[storages.redis] prefix is {prefix!r}; it must be a text without braces"
            raise ConfigError(msg)
        self._users = f"{prefix}:u:".encode()
        self.buckets = tuple(_bucket(f"{prefix}:{{{number:x}}}:") for number in range(BUCKETS))

    def session(self, session_id: bytes) -> tuple[bytes, Bucket]:
        """Return a session's key and its bucket."""
        bucket = self.buckets[crc32(session_id) % BUCKETS]
        return bucket.sessions + session_id, bucket

    def user(self, user_id: str) -> bytes:
        """Return the key of a user's index: the ids of the sessions that may be theirs."""
        return self._users + user_id.encode()


def _bucket(tag: str) -> Bucket:
    return Bucket(*(f"{tag}{name}".encode() for name in ("act", "exp", "own", "changed", "s:")))
