# SPDX-License-Identifier: Apache-2.0
"""The shipped storage suite over Redis and Valkey: alone, with Sentinel, in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial

import pytest
import redis
from session_harness import valkeys
from session_harness.processes import needed

from sessionkit.storage import Storage
from sessionkit.testing import StorageConformance, StorageProcessConformance
from sessionkit_redis.storage import RedisStorage


@pytest.fixture(scope="module", name="valkey")
def _valkey() -> Iterator[valkeys.Node]:
    """Return one Valkey."""
    with needed(), valkeys.alone(valkeys.valkey_binary()) as node:
        yield node


@pytest.fixture(scope="module", name="old_redis")
def _old_redis() -> Iterator[valkeys.Node]:
    """Return the system's Redis."""
    with needed(), valkeys.alone(valkeys.redis_binary()) as node:
        yield node


@pytest.fixture(scope="module", name="sentinels")
def _sentinels() -> Iterator[valkeys.Sentinels]:
    """Return a Sentinel set."""
    with needed(), valkeys.sentinels(valkeys.valkey_binary()) as found:
        yield found


@pytest.fixture(scope="module", name="cluster")
def _cluster() -> Iterator[valkeys.Cluster]:
    """Return a cluster."""
    with needed(), valkeys.cluster(valkeys.valkey_binary()) as found:
        yield found


class OverUrls(StorageConformance, StorageProcessConformance):
    """The suite over whatever a url leads to."""

    __test__ = False
    batch = True
    heads = True
    watch = True

    @pytest.fixture
    def opener(self) -> Callable[[], Storage]:
        """Return a function that other processes can open the store with."""
        raise NotImplementedError

    @pytest.fixture
    def connect(self, opener: Callable[[], Storage]) -> Iterator[Callable[[], Storage]]:
        """Return a function that opens one more handle."""
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(opener()))


class TestValkey(OverUrls):
    """Valkey alone keeps every clause, between processes too."""

    __test__ = True

    @pytest.fixture
    def opener(self, valkey: valkeys.Node) -> Callable[[], Storage]:
        """Empty it."""
        valkey.client.flushall()
        return partial(RedisStorage.open, f"redis://127.0.0.1:{valkey.port}/0", notify=True)

    @pytest.fixture
    def elsewhere(self, valkey: valkeys.Node) -> Iterator[Storage]:
        """Return a handle on the same database for another app."""
        url = f"redis://127.0.0.1:{valkey.port}/0"
        with closing(RedisStorage.open(url, namespace="other")) as storage:
            yield storage

    @pytest.fixture(params=["h", "a", "i"])
    def damage(self, valkey: valkeys.Node, request: pytest.FixtureRequest) -> Callable[[str], None]:
        """Return a function that puts something else into each field of a head."""

        def damage(session_id: str) -> None:
            (key,) = valkey.client.keys(f"sk:{{*}}:s:{session_id}")
            valkey.client.hset(key, request.param, b"\xff|x")

        return damage

    @pytest.fixture
    def unreachable(self) -> Iterator[Storage]:
        """Return a handle on a port that nobody listens at."""
        with closing(RedisStorage.open("redis://127.0.0.1:9/0")) as storage:
            yield storage


class TestOldRedis(OverUrls):
    """The oldest Redis that we know how to use keeps every clause."""

    __test__ = True

    @pytest.fixture
    def opener(self, old_redis: valkeys.Node) -> Callable[[], Storage]:
        """Empty it."""
        old_redis.client.flushall()
        return partial(RedisStorage.open, f"redis://127.0.0.1:{old_redis.port}/3", notify=True)


class TestSentinel(OverUrls):
    """A Sentinel set keeps every clause, with each save acknowledged by the replica."""

    __test__ = True

    @pytest.fixture
    def opener(self, sentinels: valkeys.Sentinels) -> Callable[[], Storage]:
        """Empty it."""
        sentinels.master.client.flushall()
        return partial(RedisStorage.open, sentinels.url, min_replicas=1, notify=True)


class TestCluster(OverUrls):
    """A cluster keeps every clause."""

    __test__ = True

    @pytest.fixture
    def opener(self, cluster: valkeys.Cluster) -> Callable[[], Storage]:
        """Empty it."""
        cluster.flush()
        return partial(RedisStorage.open, cluster.url, notify=True)


class TestClusterWithReplicas(StorageConformance):
    """A cluster keeps every clause with each save acknowledged by a replica, and told to watchers."""

    batch = True
    heads = True
    watch = True

    @pytest.fixture
    def connect(self, cluster: valkeys.Cluster) -> Iterator[Callable[[], Storage]]:
        """Return a function that opens one more handle."""
        cluster.flush()
        opener = partial(RedisStorage.open, cluster.url, min_replicas=1, notify=True)
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(opener()))


class TestValkeyByAClientOfTheApp(StorageConformance):
    """A client of the app's own making, speaking the older protocol, keeps every clause."""

    batch = True
    heads = True
    watch = True

    @pytest.fixture
    def connect(self, valkey: valkeys.Node) -> Iterator[Callable[[], Storage]]:
        """Return a function that makes one more storage over one client."""
        valkey.client.flushall()
        with closing(redis.Redis(port=valkey.port, protocol=2)) as client:
            yield lambda: RedisStorage(client, notify=True)
