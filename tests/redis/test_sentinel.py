# SPDX-License-Identifier: Apache-2.0
"""A Sentinel set whose master dies, or whose replica hangs, while sessions are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from session_harness import valkeys
from session_harness.processes import HOST, needed

from sessionkit.errors import UnavailableError
from sessionkit.testing.storage_samples import first, following
from sessionkit_redis.storage import RedisStorage


@pytest.fixture(scope="module", name="sentinels")
def _sentinels() -> Iterator[valkeys.Sentinels]:
    """Return a Sentinel set."""
    with needed(), valkeys.sentinels(valkeys.valkey_binary()) as found:
        yield found


def test_stalled_replica(sentinels: valkeys.Sentinels, opened: Callable[..., RedisStorage]) -> None:
    """While the replica hangs a save is unavailable, also by another connection; then it is stored."""
    sentinels.master.client.flushall()
    storage, another = (
        opened(sentinels.url, min_replicas=1, replica_timeout_ms=200) for _ in range(2)
    )
    storage.write(first())
    sentinels.replica.pause()
    try:
        for one in (storage, another):
            with pytest.raises(UnavailableError, match="0 of 1 replicas acknowledged"):
                one.write(following(2))
    finally:
        sentinels.replica.resume()

    valkeys.wait_until(
        lambda: [None] == storage.write_many([following(2)]), "the replica acknowledges again"
    )


def test_killed_master_under_load(
    sentinels: valkeys.Sentinels,
    opened: Callable[..., RedisStorage],
    writers: Callable[..., Any],
) -> None:
    """A master that dies takes no acknowledged save along, and the replica goes on."""
    sentinels.master.client.flushall()
    heard = []
    watching = opened(sentinels.url, notify=True).watch(heard.append)

    storage = opened(sentinels.url, min_replicas=1, timeout_ms=1500, notify=True)
    with writers(storage) as load:
        load.have_saved(200)
        sentinels.master.kill()
        valkeys.wait_until(sentinels.has_failed_over, "the replica has taken over")
        # Sentinel itself would make it a replica, after ten seconds.
        sentinels.master.restart()
        sentinels.master.ask("REPLICAOF", HOST, sentinels.replica.port)
        load.have_saved(100)
        heard.clear()
        valkeys.wait_until(lambda: bool(heard), "the watch goes on")

    watching.close()
    load.check("kill -9 of a Sentinel master")
    assert load.retries > 0
