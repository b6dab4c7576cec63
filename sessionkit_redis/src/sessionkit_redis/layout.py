# SPDX-License-Identifier: Apache-2.0
"""
What is stored, and under which names: keys in buckets, and a session as a hash.

A bucket's registries carry the same hash tag as its sessions, so one script
changes a session and its registry entries in one slot of a cluster. With 256
buckets no key is hot and none is huge.

The hash of a session:

========  ======================================================================
field     what it holds
========  ======================================================================
``i``     ``save_id``
``h``     ``ended|version|schema_version|created_at|recent,...|u<user_id>``
``a``     ``last_activity``
``x``     ``expires_at``, empty for never
``p:N``   the part named N
``l:N``   for a large part N: the field that holds it
``q:S:N`` a large part N, sent ahead of the save S (with S's length before it)
``s``     there are, or were, large parts
========  ======================================================================

Numbers are decimal text: Lua's are doubles and would round them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import attrs

from sessionkit.errors import ConfigError
from sessionkit.records import SessionHead, StoredSession

BUCKETS: Final = 256

HEAD_FIELDS: Final = (b"i", b"h", b"a", b"x")
"""What :func:`head_of` takes, in this order."""

_NAMESPACE: Final = re.compile(r"[a-z]([a-z0-9_]{0,30}[a-z0-9])?")
_PART: Final = b"p:"
_LARGE: Final = b"l:"
_TRUTH: Final = {"0": False, "1": True}


class Keys:
    """
    The names under one prefix.

    Attributes:
        buckets: The buckets, in the order that listings walk them.
    """

    def __init__(self, prefix: Any = "sk", namespace: Any = "") -> None:  # noqa: ANN401 - what a settings file says
        """
        Name everything below *prefix*, and *namespace* where there is one.

        Raises:
            ConfigError: If the prefix would break the hash tags, or the namespace is none that
                other storages take.
        """
        if not isinstance(prefix, str) or not prefix or set(prefix) & set("{}"):
            msg = f"[storages.redis] prefix is {prefix!r}; it must be a text without braces"
            raise ConfigError(msg)
        if not isinstance(namespace, str) or (namespace and not _NAMESPACE.fullmatch(namespace)):
            msg = (
                f"[storages.redis] namespace is {namespace!r}; it can have up to 32 lower-case"
                " letters, digits and underscores, the first a letter, the last no underscore"
            )
            raise ConfigError(msg)
        if namespace:
            # Never what follows the prefix alone, which is a colon: no key of one is a key of the other.
            prefix = f"{prefix}-{namespace}"
        self._users = f"{prefix}:u:".encode()
        self.buckets = tuple(_bucket(f"{prefix}:{{{number:x}}}:") for number in range(BUCKETS))

    def session(self, session_id: bytes) -> tuple[bytes, Bucket]:
        """Return a session's key and its bucket."""
        bucket = self.buckets[crc32(session_id) % BUCKETS]
        return bucket.sessions + session_id, bucket

    def user(self, user_id: str) -> bytes:
        """Return the key of a user's index: the ids of the sessions that may be theirs."""
        return self._users + user_id.encode()


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


def _bucket(tag: str) -> Bucket:
    return Bucket(*(f"{tag}{name}".encode() for name in ("act", "exp", "own", "changed", "s:")))


def session_of(session_id: str, fields: Mapping[bytes, bytes]) -> StoredSession | None:
    """Return the session in a whole hash; None when nothing is stored."""
    head = head_of(session_id, [fields.get(name) for name in HEAD_FIELDS])
    if head is None:
        return None
    parts = {}
    for name, data in fields.items():
        kind = name[:2]
        if kind == _PART:
            parts[name[2:].decode(errors="replace")] = data
        elif kind == _LARGE:
            # What refers to nothing is damaged: as nothing, which no part is, it is told as such.
            parts[name[2:].decode(errors="replace")] = fields.get(data, b"")
    return StoredSession(head=head, parts=parts)


def head_of(session_id: str, values: Sequence[bytes | None]) -> SessionHead | None:
    """Return the head in the values of :data:`HEAD_FIELDS`; None when nothing is stored."""
    save_id, packed, activity, expiry = values
    if save_id is None and packed is None and activity is None:
        return None
    try:
        ended, version, schema, created, recent, owner = packed.decode().split("|", 5)  # type: ignore[union-attr]  # see below
        return SessionHead(
            session_id=session_id,
            version=int(version),
            save_id=save_id.decode(),  # type: ignore[union-attr]  # see below
            recent=tuple(recent.split(",")) if recent else (),
            user_id=owner[1:] if owner else None,
            created_at=int(created),
            last_activity=int(activity),  # type: ignore[arg-type]  # see below
            expires_at=int(expiry) if expiry else None,
            ended=_TRUTH[ended],
            schema_version=int(schema),
        )
    except (ValueError, TypeError, AttributeError, KeyError):  # what is missing, or no number
        return _damaged(session_id, values)


def _damaged(session_id: str, values: Sequence[Any]) -> SessionHead:
    """Return a head that can't be read: what is stored stands where it can't be what belongs there."""
    save_id, packed, activity, expiry = values
    return SessionHead(
        session_id=session_id,
        version=packed,
        save_id=save_id,
        created_at=packed,
        last_activity=activity,
        expires_at=expiry,
    )


def values_of(head: SessionHead) -> tuple[str, str, int, int | str]:
    """Return the values of :data:`HEAD_FIELDS`."""
    owner = "" if head.user_id is None else f"u{head.user_id}"
    packed = (
        f"{head.ended:d}|{head.version}|{head.schema_version}|{head.created_at}"
        f"|{','.join(head.recent)}|{owner}"
    )
    expiry = "" if head.expires_at is None else head.expires_at
    return head.save_id, packed, head.last_activity, expiry


def part_field(name: str) -> bytes:
    """Return the field of a part."""
    return _PART + name.encode()


def ahead_field(save_id: str, name: str) -> bytes:
    """Return the field that a large part is sent ahead in; no two saves share one."""
    return f"q:{len(save_id)}:{save_id}:{name}".encode()
