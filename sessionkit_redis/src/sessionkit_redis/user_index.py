# SPDX-License-Identifier: Apache-2.0
"""
The users' indices: which sessions may be whose.

They lie in other slots than the sessions, so no script changes both. An entry
is written before its session, and again after a session that is new to its
owner; whoever takes one away looks afterwards whether the session is there.
Whatever the order of the two, the session is listed in the end. A crash leaves
an entry of nothing, which the next look at the index takes away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from sessionkit.records import SessionHead
from sessionkit_redis.calls import Calls
from sessionkit_redis.heads import HEAD_FIELDS, head_of
from sessionkit_redis.keys import Keys
from sessionkit_redis.scripts import Command

Entry: TypeAlias = tuple[str, str]
"""A user id and a session id."""


class UserIndex:
    """The entries of all users."""

    def __init__(self, calls: Calls, keys: Keys) -> None:
        """Keep the entries under the names that *keys* gives."""
        self._calls = calls
        self._keys = keys

    def add(self, entries: Sequence[Entry]) -> list[Any]:
        """Write entries; return an answer, or the driver's error, for each."""
        return self._calls.many([self._added(entry) for entry in entries], durable=True)

    def remove(self, entries: Sequence[Entry]) -> None:
        """Take entries away, but not those of sessions that have come back meanwhile."""
        if not entries:
            return
        self._calls.all(
            [("ZREM", self._keys.user(user_id), id_.encode()) for user_id, id_ in entries]
        )
        heads = self.heads([session_id for _, session_id in entries])
        back = [
            entry
            for entry, head in zip(entries, heads, strict=True)
            if head is not None and _is_of(head, entry[0])
        ]
        self._calls.all([self._added(entry) for entry in back])

    def sessions(self, user_id: str) -> list[SessionHead]:
        """Return a user's sessions, and take away the entries of what is not theirs any more."""
        members = self._calls.one(("ZRANGE", self._keys.user(user_id), 0, -1))
        ids = [member.decode() for member in members]
        heads = self.heads(ids)
        theirs = [head for head in heads if head is not None and _is_of(head, user_id)]
        living = {head.session_id for head in theirs}
        self.remove([(user_id, session_id) for session_id in ids if session_id not in living])
        return theirs

    def heads(self, session_ids: Iterable[str]) -> list[SessionHead | None]:
        """Return the heads of sessions, None for each that is not there."""
        ids = list(session_ids)
        commands: list[Command] = [
            ("HMGET", self._keys.session(session_id.encode())[0], *HEAD_FIELDS)
            for session_id in ids
        ]
        return list(map(head_of, ids, self._calls.all(commands)))

    def _added(self, entry: Entry) -> Command:
        user_id, session_id = entry
        return ("ZADD", self._keys.user(user_id), 0, session_id.encode())


def _is_of(head: SessionHead, user_id: str) -> bool:
    return head.user_id == user_id and not head.ended
