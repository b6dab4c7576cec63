# SPDX-License-Identifier: Apache-2.0
"""Redis by redis-py: orjson and a plain SET, which checks nothing; a script where a version is compared."""

from __future__ import annotations

from typing import Any, Final

import orjson
import redis

from session_benchmarks.data import Document

_BATCH: Final = 10_000
_SWAP: Final = """
    if (redis.call('HGET', KEYS[1], 'version') or '0') ~= ARGV[1] then return 0 end
    redis.call('HSET', KEYS[1], 'version', ARGV[2], 'data', ARGV[3])
    return 1
"""


class RawRedis:
    """One client."""

    def __init__(self, url: str) -> None:
        """Make the client."""
        self._client: Any = redis.Redis.from_url(url)
        self._swap: Any = self._client.register_script(_SWAP)

    def save(self, key: str, version: int, document: Document) -> None:  # noqa: ARG002 - SET knows no versions
        """Store a document over whatever is there."""
        self._client.set(key, orjson.dumps(document))

    def load(self, key: str) -> Document:
        """Return a document."""
        document: Document = orjson.loads(self._client.get(key))
        return document

    def swap(self, key: str, version: int, document: Document) -> bool:
        """Store a document over version - 1; return whether that was what is stored."""
        values = (version - 1, version, orjson.dumps(document))
        return bool(self._swap(keys=(_versioned(key),), args=values))

    def read(self, key: str) -> tuple[int, Document]:
        """Return a version and its document."""
        version, data = self._client.hmget(_versioned(key), "version", "data")
        return int(version), orjson.loads(data)

    def version(self, key: str) -> int:
        """Return which version is stored."""
        return int(self._client.hget(_versioned(key), "version"))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _versioned(key: str) -> str:
    return f"versioned:{key}"


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
