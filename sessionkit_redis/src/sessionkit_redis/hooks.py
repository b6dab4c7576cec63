# SPDX-License-Identifier: Apache-2.0
"""What this distribution plugs into sessionkit; the driver is imported when a storage is opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sessionkit.hookspecs import hookimpl

if TYPE_CHECKING:
    from sessionkit.storage import Storage, StorageFactory


@hookimpl
def sessionkit_storages() -> Mapping[str, StorageFactory]:
    """Offer ``storage = "redis"``."""
    return {"redis": open_redis}


def open_redis(  # noqa: PLR0913 - the keys of a settings table
    *,
    url: str = "redis://localhost:6379/0",
    prefix: str = "sk",
    namespace: str = "",
    timeout_ms: int = 3000,
    connect_timeout_ms: int = 1000,
    min_replicas: int = 0,
    replica_timeout_ms: int = 1000,
    max_part_bytes: int = 67_108_864,
    notify: bool = False,
) -> Storage:
    """
    Open the storage that the keywords of ``[storages.redis]`` describe.

    Args:
        url: ``redis://``, ``rediss://``, ``unix://``, ``redis+sentinel://`` or
            ``redis+cluster://``, with user and password, servers and database.
        prefix: What all keys begin with.
        namespace: What follows it, by a hyphen; apps that share a server need different ones.
        timeout_ms: How long to wait for an answer, in milliseconds.
        connect_timeout_ms: How long to wait for a connection, in milliseconds.
        min_replicas: How many replicas must have a save before it counts as stored.
        replica_timeout_ms: How long to wait for them; less than *timeout_ms*.
        max_part_bytes: A larger part is refused.
        notify: Whether saves and deletes are told to those who watch.
    """
    from sessionkit_redis.storage import (  # noqa: PLC0415 - loads redis-py, only when needed
        RedisStorage,
    )

    return RedisStorage.open(
        url,
        prefix=prefix,
        namespace=namespace,
        timeout_ms=timeout_ms,
        connect_timeout_ms=connect_timeout_ms,
        min_replicas=min_replicas,
        replica_timeout_ms=replica_timeout_ms,
        max_part_bytes=max_part_bytes,
        notify=notify,
    )
