# SPDX-License-Identifier: Apache-2.0
"""What lists sessions: each user's index and each bucket's registries, and who reads them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from sessionkit.errors import RejectedError
from sessionkit.records import SessionHead, SessionPage
from sessionkit_redis.calls import Calls
from sessionkit_redis.layout import BUCKETS, HEAD_FIELDS, Keys, head_of
from sessionkit_redis.scripts import REMOVE, Command, call

Entry: TypeAlias = tuple[str, str]
"""A user id and a session id."""

_Member: TypeAlias = tuple[float, bytes]
_Place: TypeAlias = tuple[int, float, bytes]
"""A bucket's number, and score and id of the last member that was shown of it."""

_Due: TypeAlias = dict[bytes, None]

_START: Final = (float("-inf"), b"")
_WIDER: Final = 4
"""By how much more buckets are asked at once when those before had too little."""

_SPREAD: Final = BUCKETS // 4
"""Buckets fill evenly: so many of them have enough for a batch together."""


class UserIndex:
    """
    The entries of all users: which sessions may be whose.

    They lie in other slots than the sessions, so no script changes both. An entry
    is written before its session, and again after a session that is new to its
    owner; whoever takes one away looks afterwards whether the session is there.
    Whatever the order of the two, the session is listed in the end. A crash leaves
    an entry of nothing, which the next look at the index takes away.
    """

    def __init__(self, calls: Calls, keys: Keys) -> None:
        """Keep the entries under the names that *keys* gives."""
        self._calls = calls
        self._keys = keys

    def add(self, entries: Sequence[Entry]) -> list[Any]:
        """Write entries; return an answer, or the driver's error, for each."""
        return self._calls.many([self._add_command(entry) for entry in entries], durable=True)

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
        self._calls.all([self._add_command(entry) for entry in back])

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

    def _add_command(self, entry: Entry) -> Command:
        user_id, session_id = entry
        return ("ZADD", self._keys.user(user_id), 0, session_id.encode())


def _is_of(head: SessionHead, user_id: str) -> bool:
    return head.user_id == user_id and not head.ended


class Pages:
    """
    Pages of sessions.

    All sessions come bucket by bucket, in each by ``last_activity`` as its registry
    has it; a user's come latest first, by what their heads say.
    """

    def __init__(self, calls: Calls, keys: Keys, index: UserIndex) -> None:
        """Look under the names that *keys* gives."""
        self._calls = calls
        self._keys = keys
        self._index = index

    def of_user(self, user_id: str, limit: int, cursor: str | None) -> SessionPage:
        """Return a page of a user's sessions, latest activity first."""
        heads = sorted(self._index.sessions(user_id), key=_rank)
        if cursor is not None:
            seen = _rank_of(cursor)
            heads = [head for head in heads if _rank(head) > seen]
        shown = heads[:limit]
        if not shown or len(shown) == len(heads):
            return SessionPage(heads=shown)
        rank, session_id = _rank(shown[-1])
        return SessionPage(heads=shown, cursor=f"{rank}:{session_id}")

    def of_all(self, limit: int, cursor: str | None) -> SessionPage:
        """Return a page of all sessions."""
        number, score, member = (0, *_START) if cursor is None else _place_of(cursor)
        found: list[_Place] = []
        for place in self._members(number, (score, member), limit):
            found.append(place)
            if len(found) == limit:
                break
        heads = self._index.heads([member.decode() for _, _, member in found])
        # The registry may still list what the server has collected by itself.
        shown = [head for head in heads if head is not None and not head.ended]
        if len(found) < limit:
            return SessionPage(heads=shown)
        number, score, member = found[-1]
        return SessionPage(heads=shown, cursor=f"{number}:{score!r}:{member.decode()}")

    def _members(self, number: int, seen: _Member, limit: int) -> Iterator[_Place]:
        for member in self._members_after(number, seen, limit):
            yield number, *member
        number, width = number + 1, 1
        while number < len(self._keys.buckets):
            buckets = self._keys.buckets[number : number + width]
            answers = self._calls.all([_range(one.active, _START, limit) for one in buckets])
            for at, answer in enumerate(answers, start=number):
                for member in _members_of(answer):
                    yield at, *member
            number, width = number + width, width * _WIDER

    def _members_after(self, number: int, seen: _Member, limit: int) -> Sequence[_Member]:
        """Return up to *limit* members after *seen*, though more than that may share its score."""
        active, asked = self._keys.buckets[number].active, limit + 1
        while True:
            members = _members_of(self._calls.one(_range(active, seen, asked)))
            rest = [member for member in members if member > seen]
            if len(rest) >= limit or len(members) < asked:
                return rest[:limit]
            asked *= _WIDER


def _range(key: bytes, seen: _Member, limit: int) -> Command:
    least = repr(seen[0])
    return ("ZRANGE", key, least, "+inf", "BYSCORE", "LIMIT", 0, limit, "WITHSCORES")


def _members_of(answer: Sequence[Any]) -> list[_Member]:
    pairs = zip(answer[::2], answer[1::2], strict=True) if _is_flat(answer) else answer
    return [(float(score), bytes(member)) for member, score in pairs]


def _is_flat(answer: Sequence[object]) -> bool:
    """Return whether members and scores come in turn, as in the older of Redis' protocols."""
    return bool(answer) and isinstance(answer[0], bytes)


def _rank(head: SessionHead) -> tuple[int, str]:
    return -head.last_activity, head.session_id


def _rank_of(cursor: str) -> tuple[int, str]:
    rank, _, session_id = cursor.partition(":")
    try:
        return int(rank), session_id
    except ValueError:
        _refuse(cursor)


def _place_of(cursor: str) -> _Place:
    number, _, rest = cursor.partition(":")
    score, _, session_id = rest.partition(":")
    try:
        place = int(number), float(score), session_id.encode()
    except ValueError:
        _refuse(cursor)
    if not 0 <= place[0] < BUCKETS:
        _refuse(cursor)
    return place


def _refuse(cursor: str) -> NoReturn:
    msg = f"cursor {cursor!r} is not one that find() gave; leave it out for the first page"
    raise RejectedError(msg) from None


class Purger:
    """
    Removes what has ended, in bounded batches.

    What is due is read from the registries, and each session is removed by a
    script of its own, which looks again: no call of the server takes long, and a
    session that was touched meanwhile stays.
    """

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
