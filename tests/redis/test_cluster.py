# SPDX-License-Identifier: Apache-2.0
"""A cluster that moves its keys, and loses nodes, while sessions are saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
from redis.crc import key_slot
from session_harness import valkeys
from session_harness.processes import needed

from sessionkit.errors import UnavailableError
from sessionkit.testing.storage_samples import first, following
from sessionkit_redis.layout import Keys
from sessionkit_redis.storage import RedisStorage


@pytest.fixture(scope="module", name="running")
def _running() -> Iterator[valkeys.Cluster]:
    """Return a cluster."""
    with needed(), valkeys.cluster(valkeys.valkey_binary()) as found:
        yield found


@pytest.fixture(name="cluster")
def _cluster(running: valkeys.Cluster) -> valkeys.Cluster:
    """Return the cluster, empty and whole."""
    running.flush()
    return running


def test_reshard_under_load(
    cluster: valkeys.Cluster, opened: Callable[..., RedisStorage], writers: Callable[..., Any]
) -> None:
    """Slots that move to another primary lose no save and make no conflict."""
    target = cluster.nodes[0]
    slots = sorted({key_slot(bucket.active) for bucket in Keys().buckets})
    foreign = [slot for slot in slots if cluster.owner_of(slot) is not target]

    with writers(opened(cluster.url)) as load:
        load.have_saved(200)
        moved = cluster.move(foreign[::2], target)
        load.have_saved(200)

    assert moved > 0
    load.check("reshard")


def test_reshard_under_load_with_replicas(
    cluster: valkeys.Cluster, opened: Callable[..., RedisStorage], writers: Callable[..., Any]
) -> None:
    """The same where each save waits for a replica, on the nodes' own connections."""
    target = cluster.nodes[1]
    slots = sorted({key_slot(bucket.active) for bucket in Keys().buckets})
    foreign = [slot for slot in slots if cluster.owner_of(slot) is not target]

    with writers(opened(cluster.url, min_replicas=1)) as load:
        load.have_saved(200)
        moved = cluster.move(foreign[::2], target)
        load.have_saved(200)

    assert moved > 0
    load.check("reshard with min_replicas")


def test_watch_follows_its_slot(
    cluster: valkeys.Cluster, opened: Callable[..., RedisStorage]
) -> None:
    """A watch hears of sessions in slots that have moved since it began."""
    heard = Event()
    slot = key_slot(Keys().session(b"s")[0])
    source = cluster.owner_of(slot)
    target = next(node for node in cluster.nodes[:3] if node is not source)
    writer = opened(cluster.url, notify=True)
    watching = opened(cluster.url, notify=True).watch(lambda _: heard.set())
    writer.write(first())
    versions = iter(range(2, 10_000))

    def is_heard() -> bool:
        writer.write(following(next(versions)))
        return heard.wait(0.2)

    valkeys.wait_until(is_heard, "the watch has begun")
    cluster.move([slot], target)
    heard.clear()
    valkeys.wait_until(is_heard, "the watch goes on")
    watching.close()


def test_stalled_replicas(cluster: valkeys.Cluster, opened: Callable[..., RedisStorage]) -> None:
    """While no replica acknowledges, a save is unavailable, also by another connection; then it is stored."""
    storage, another = (
        opened(cluster.url, min_replicas=1, replica_timeout_ms=200) for _ in range(2)
    )
    storage.write(first())
    replicas = cluster.replicas_of(cluster.owner_of(key_slot(Keys().session(b"s")[0])))
    for node in replicas:
        node.pause()
    try:
        for one in (storage, another):
            with pytest.raises(UnavailableError, match="0 of 1 replicas acknowledged"):
                one.write(following(2))
    finally:
        for node in replicas:
            node.resume()

    valkeys.wait_until(lambda: _is_stored(storage), "the replica acknowledges again")
    stored = storage.read("s")
    assert stored is not None
    assert following(2).head == stored.head


def test_killed_primary_under_load(
    cluster: valkeys.Cluster, opened: Callable[..., RedisStorage], writers: Callable[..., Any]
) -> None:
    """A primary that dies takes no acknowledged save along, and its replica goes on."""
    victim = cluster.owner_of(key_slot(Keys().session(b"s0-0")[0]))

    with writers(opened(cluster.url, min_replicas=1, timeout_ms=1500)) as load:
        load.have_saved(200)
        victim.kill()
        valkeys.wait_until(lambda: cluster.is_led_without(victim), "a replica has taken over")
        victim.restart()
        load.have_saved(200)

    load.check("kill -9 of a cluster primary")
    assert load.retries > 0


def test_a_primary_that_has_become_a_replica(
    cluster: valkeys.Cluster, opened: Callable[..., RedisStorage]
) -> None:
    """Saves that still go there go on to its successor: that the key has moved is heard, though WAIT fails there, too."""
    storage = opened(cluster.url, min_replicas=1)
    storage.write(first())
    former = cluster.owner_of(key_slot(Keys().session(b"s")[0]))
    (successor,) = cluster.replicas_of(former)

    successor.ask("CLUSTER", "FAILOVER")
    valkeys.wait_until(lambda: cluster.is_led_without(former), "its replica has taken over")

    valkeys.wait_until(lambda: _is_stored(storage), "a save goes to the successor")
    stored = storage.read("s")
    assert stored is not None
    assert following(2).head == stored.head


def _is_stored(storage: RedisStorage) -> bool:
    return [None] == storage.write_many([following(2)])
