# SPDX-License-Identifier: Apache-2.0
"""Redis by redis-py: orjson and a plain SET, which checks nothing."""

from __future__ import annotations

from typing import Any, Final

import orjson
import redis

from session_benchmarks.data import Document

_BATCH: Final = 10_000


class RawRedis:
    """One client."""

    def __init__(self, url: str) -> None:
        """Make the client."""
        self._client: Any = redis.Redis.from_url(url)

    def save(self, key: str, version: int, document: Document) -> None:  # noqa: ARG002 - SET knows no versions
        """Store a document over whatever is there."""
        self._client.set(key, orjson.dumps(document))

    def load(self, key: str) -> Document:
        """Return a document."""
        document: Document = orjson.loads(self._client.get(key))
        return document

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class RedisIndex:
    """One sorted set of ids by time."""

    def __init__(self, url: str) -> None:
        """Make the client."""
        self._client: Any = redis.Redis.from_url(url)

    def fill(self, number: int, data: bytes) -> None:  # noqa: ARG002 - a sorted set holds none
        """Store *number* ids, at the times 0, 1, 2, ..."""
        for begin in range(0, number, _BATCH):
            rows = range(begin, min(begin + _BATCH, number))
            self._client.zadd("times", {f"{row:08d}": row for row in rows})

    def count(self, since: int) -> int:
        """Return how many ids have a time of *since* or later."""
        return int(self._client.zcount("times", since, "+inf"))

    def delete_before(self, time: int) -> None:
        """Delete what lies before *time*, by one command."""
        self._client.zremrangebyscore("times", "-inf", f"({time}")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
