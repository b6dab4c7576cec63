# SPDX-License-Identifier: Apache-2.0
"""Counts of sessions: in all buckets by one script, or by a command each where a cluster splits them."""

from __future__ import annotations

from redis.exceptions import ClusterCrossSlotError

from sessionkit.errors import StorageError
from sessionkit_redis.calls import Calls
from sessionkit_redis.keys import Keys
from sessionkit_redis.scripts import COUNT, call


def active_since(calls: Calls, keys: Keys, moment: int) -> int:
    """Return how many sessions were active at *moment* or later."""
    registries = tuple(bucket.active for bucket in keys.buckets)
    if not calls.is_clustered:
        try:
            return int(calls.one(call(COUNT, registries, moment)))
        except StorageError as error:
            # A cluster of one server may be spoken to as if it were none.
            if not isinstance(error.__cause__, ClusterCrossSlotError):
                raise
    return sum(calls.all([("ZCOUNT", registry, moment, "+inf") for registry in registries]))
