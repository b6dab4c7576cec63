# SPDX-License-Identifier: Apache-2.0
"""How many commands a count takes, wherever the buckets lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from session_harness import valkeys
from session_harness.processes import HOST, free_port, needed

from sessionkit.errors import UnavailableError
from sessionkit.testing.storage_samples import NOW, SECOND, first, tombstone
from sessionkit_redis.layout import BUCKETS
from sessionkit_redis.storage import RedisStorage

_SESSIONS = 20


@pytest.fixture(name="lone", scope="module")
def _lone() -> Iterator[valkeys.Node]:
    """Return a cluster of one server, as hosted ones of one shard are."""
    bus = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with needed():
        node = valkeys.Node(valkeys.valkey_binary(), "--save", "", *bus)
    node.ask("CLUSTER", "ADDSLOTSRANGE", 0, valkeys.SLOTS - 1)
    valkeys.wait_until(
        lambda: "cluster_state:ok" in node.ask("CLUSTER", "INFO"), "the cluster is whole"
    )
    yield node
    node.stop()


def _fill(storage: RedisStorage) -> None:
    """Store sessions a second apart, and a tombstone."""
    for number in range(_SESSIONS):
        storage.write(first(f"s{number}", last_activity=NOW + number * SECOND))
    storage.write(first("ended"))
    storage.write(tombstone(2, "ended"))


def _scripts_and_counts(node: valkeys.Node) -> tuple[int, int]:
    stats = node.client.info("commandstats")
    names = ("cmdstat_evalsha", "cmdstat_zcount")
    scripts, counts = (stats.get(name, {"calls": 0})["calls"] for name in names)
    return scripts, counts


def test_one_command_counts_in_all_buckets(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """A server that has all buckets is asked once."""
    _fill(storage)
    storage.count(active_since=0)
    scripts, _ = _scripts_and_counts(valkey)

    assert _SESSIONS - 5 == storage.count(active_since=NOW + 5 * SECOND)

    assert scripts + 1 == _scripts_and_counts(valkey)[0]


def test_a_cluster_that_is_taken_for_a_server(
    lone: valkeys.Node, opened: Callable[..., RedisStorage]
) -> None:
    """A cluster's server takes no command for keys of two slots, though it has both: it gets one for each."""
    storage = opened(f"redis://{HOST}:{lone.port}")
    _fill(storage)
    before = _scripts_and_counts(lone)[1]

    assert _SESSIONS - 5 == storage.count(active_since=NOW + 5 * SECOND)

    assert before + BUCKETS == _scripts_and_counts(lone)[1]


def test_a_cluster_that_is_down(opened: Callable[..., RedisStorage]) -> None:
    """What fails before anything is counted is explained, too."""
    storage = opened(f"redis+cluster://{HOST}:{free_port()}", connect_timeout_ms=200)

    with pytest.raises(UnavailableError, match="cluster"):
        storage.count(active_since=0)
