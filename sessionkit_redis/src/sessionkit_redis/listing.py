# SPDX-License-Identifier: Apache-2.0
"""
Pages of sessions.

All sessions come bucket by bucket, in each by ``last_activity`` as its registry
has it; a user's come latest first, by what their heads say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn, TypeAlias

from sessionkit.errors import RejectedError
from sessionkit.records import SessionHead, SessionPage
from sessionkit_redis.calls import Calls
from sessionkit_redis.keys import BUCKETS, Keys
from sessionkit_redis.scripts import Command
from sessionkit_redis.user_index import UserIndex

_Member: TypeAlias = tuple[float, bytes]
_Place: TypeAlias = tuple[int, float, bytes]
"""A bucket's number, and score and id of the last member that was shown of it."""

_START: Final = (float("-inf"), b"")
_WIDER: Final = 4
"""By how much more buckets are asked at once when those before had too little."""


class Listing:
    """Finds sessions."""

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
        for member in self._rest(number, seen, limit):
            yield number, *member
        number, width = number + 1, 1
        while number < len(self._keys.buckets):
            buckets = self._keys.buckets[number : number + width]
            answers = self._calls.all([_range(one.active, _START, limit) for one in buckets])
            for at, answer in enumerate(answers, start=number):
                for member in _scored(answer):
                    yield at, *member
            number, width = number + width, width * _WIDER

    def _rest(self, number: int, seen: _Member, limit: int) -> Sequence[_Member]:
        """Return up to *limit* members after *seen*, though more than that may share its score."""
        active, asked = self._keys.buckets[number].active, limit + 1
        while True:
            members = _scored(self._calls.one(_range(active, seen, asked)))
            rest = [member for member in members if member > seen]
            if len(rest) >= limit or len(members) < asked:
                return rest[:limit]
            asked *= _WIDER


def _range(key: bytes, seen: _Member, limit: int) -> Command:
    least = repr(seen[0])
    return ("ZRANGE", key, least, "+inf", "BYSCORE", "LIMIT", 0, limit, "WITHSCORES")


def _scored(answer: Sequence[Any]) -> list[_Member]:
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
