# SPDX-License-Identifier: Apache-2.0
"""
Purges, in bounded batches.

What is due is read from the registries, and each session is removed by a
script of its own, which looks again: no call of the server takes long, and a
session that was touched meanwhile stays.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from sessionkit_redis.calls import Calls
from sessionkit_redis.keys import BUCKETS, Keys
from sessionkit_redis.scripts import REMOVE, Command, call
from sessionkit_redis.user_index import Entry, UserIndex

_SPREAD: Final = BUCKETS // 4
"""Buckets fill evenly: so many of them have enough for a batch together."""

_Due: TypeAlias = dict[bytes, None]


class Purging:
    """Removes what has ended."""

    def __init__(self, calls: Calls, keys: Keys, index: UserIndex) -> None:
        """Remove what lies under the names that *keys* gives."""
        self._calls = calls
        self._keys = keys
        self._index = index

    def purge(self, expired_before: int, idle_before: int | None, limit: int) -> int:
        """Remove at most *limit* sessions and return how many; fewer means that none is left."""
        removed = 0
        while removed < limit:
            due, is_all = self._due(expired_before, idle_before, limit - removed)
            gone = self._remove(list(due), expired_before, idle_before)
            removed += gone
            if is_all or not gone:
                break
        return removed

    def _due(self, expired_before: int, idle_before: int | None, limit: int) -> tuple[_Due, bool]:
        """Return up to *limit* ids, and whether there are no more."""
        share = limit // _SPREAD + 1
        commands = [_due_in(one.expiry, expired_before, share) for one in self._keys.buckets]
        if idle_before is not None:
            commands += [_due_in(one.active, idle_before, share) for one in self._keys.buckets]
        answers = self._calls.all(commands)
        # A session may be due twice: it counts once.
        due = dict.fromkeys(id_ for answer in answers for id_ in answer)
        is_all = len(due) <= limit and all(len(answer) < share for answer in answers)
        return dict.fromkeys(list(due)[:limit]), is_all

    def _remove(
        self, session_ids: list[bytes], expired_before: int, idle_before: int | None
    ) -> int:
        idle = "" if idle_before is None else idle_before
        commands = []
        for session_id in session_ids:
            key, bucket = self._keys.session(session_id)
            keys = (key, bucket.active, bucket.expiry, bucket.owners)
            commands.append(call(REMOVE, keys, "", expired_before, idle))
        answers = self._calls.all(commands)
        entries: list[Entry] = [
            (owner.decode()[1:], session_id.decode())
            for session_id, (_, owner) in zip(session_ids, answers, strict=True)
            if owner
        ]
        self._index.remove(entries)
        return sum(gone for gone, _ in answers)


def _due_in(registry: bytes, before: int, limit: int) -> Command:
    return ("ZRANGE", registry, "-inf", f"({before}", "BYSCORE", "LIMIT", 0, limit)
