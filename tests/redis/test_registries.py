# SPDX-License-Identifier: Apache-2.0
"""The registries and the users' indices, what crashes and the server's own collecting leave there, and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from session_harness import valkeys
from session_harness.processes import HOST, free_port, needed

from sessionkit.errors import RejectedError, UnavailableError
from sessionkit.testing.storage_samples import DAY, NOW, SECOND, first, following, tombstone
from sessionkit_redis.layout import BUCKETS, Keys
from sessionkit_redis.registries import UserIndex
from sessionkit_redis.storage import RedisStorage

HOUR = 3600 * SECOND

_SESSIONS = 20


def _ids(storage: RedisStorage, user_id: str | None = None) -> list[str]:
    return sorted(head.session_id for head in storage.find(user_id=user_id).heads)


def test_server_collects_an_hour_after_the_end(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """The native expiry is the session's and an hour, moves with touches and saves, and goes away."""
    storage.write(first(expires_at=NOW + DAY))
    (key,) = valkey.client.keys("sk:*:s:s")
    assert (NOW + DAY + HOUR) // 1000 == valkey.client.pexpiretime(key)

    storage.touch("s", last_activity=NOW, expires_at=NOW + 2 * DAY)
    assert (NOW + 2 * DAY + HOUR) // 1000 == valkey.client.pexpiretime(key)

    storage.write(following(2, expires_at=None))
    assert -1 == valkey.client.pexpiretime(key)


def test_collected_sessions_leave_by_the_purge(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """What the server has collected is not listed, and the purge takes it out of every registry."""
    storage.write(first("collected", user_id="u", expires_at=NOW + SECOND))
    storage.write(first("kept", user_id="v"))
    (key,) = valkey.client.keys("sk:*:s:collected")
    valkey.client.delete(key)  # as the server does it

    assert ["kept"] == _ids(storage)
    assert 1 == storage.purge(expired_before=NOW + 2 * SECOND, limit=10)
    assert 0 == storage.purge(expired_before=NOW + 2 * SECOND, limit=10)
    assert 1 == storage.count(active_since=0)
    assert not any(b"collected" in str(key).encode() for key in valkey.client.keys("*"))
    assert ["sk:u:v"] == valkey.client.keys("sk:u:*")


def test_everything_goes_with_the_last_session(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """Deleted, purged and ended sessions leave nothing but the tombstone."""
    for session_id in ("deleted", "purged", "idle", "ended"):
        storage.write(first(session_id, user_id="u", last_activity=NOW - DAY))
    storage.touch("purged", last_activity=NOW, expires_at=NOW - SECOND)
    storage.write(tombstone(2, "ended"))

    storage.delete("deleted")
    assert 2 == storage.purge(expired_before=NOW, idle_before=NOW, limit=10)

    assert [] == valkey.client.keys("sk:u:*")
    assert [] == valkey.client.keys("sk:*:own")
    assert [] == valkey.client.keys("sk:*:act")
    assert 1 == len(valkey.client.keys("sk:*:s:*"))


def test_purges_are_bounded_and_complete(storage: RedisStorage) -> None:
    """Many due sessions go in batches of the limit, and fewer than that means that none is left."""
    writes = [
        first(f"s{number}", user_id="u", expires_at=NOW - SECOND, last_activity=NOW - DAY)
        for number in range(700)
    ]
    storage.write_many(writes)

    removed = [storage.purge(expired_before=NOW, idle_before=NOW, limit=300) for _ in range(3)]

    assert [300, 300, 100] == removed
    assert 0 == storage.count(active_since=0)


def test_purge_of_a_single_bucket(storage: RedisStorage) -> None:
    """Sessions that all lie in one bucket go in one call, too."""
    keys = Keys()
    ids = [f"s{number}" for number in range(10_000)]
    same = [one for one in ids if keys.session(one.encode())[1] is keys.buckets[7]][:20]
    storage.write_many([first(one, expires_at=NOW - SECOND) for one in same])

    assert 20 == storage.purge(expired_before=NOW, limit=100)


def test_dangling_entries_are_healed(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """An entry that a crash left is not listed, and gone after the next look."""
    storage.write(first("s", user_id="u"))
    valkey.client.zadd("sk:u:u", {"crashed": 0})

    assert ["s"] == _ids(storage, "u")
    assert ["s"] == valkey.client.zrange("sk:u:u", 0, -1)


def test_session_that_comes_back_meanwhile_stays_listed(
    storage: RedisStorage, valkey: valkeys.Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes an entry away looks again: a session that was saved since keeps its entry."""
    valkey.client.zadd("sk:u:u", {"s": 0})
    heads = UserIndex.heads

    def saved_after(index: UserIndex, ids: Any) -> Any:
        found = heads(index, ids)
        if found == [None]:
            storage.write(first("s", user_id="u"))
        return found

    monkeypatch.setattr(UserIndex, "heads", saved_after)
    assert [] == _ids(storage, "u")
    monkeypatch.undo()

    assert ["s"] == _ids(storage, "u")


def test_pages_with_many_of_one_moment(storage: RedisStorage) -> None:
    """More sessions of one bucket and moment than a page holds come each once."""
    keys = Keys()
    ids = [f"s{number}" for number in range(10_000)]
    same = [one for one in ids if keys.session(one.encode())[1] is keys.buckets[7]][:40]
    storage.write_many([first(one) for one in same])

    listed, cursor = [], None
    while True:
        page = storage.find(limit=3, cursor=cursor)
        listed += [head.session_id for head in page.heads]
        cursor = page.cursor
        if cursor is None:
            break

    assert sorted(same) == sorted(listed)


@pytest.mark.parametrize(
    ("user_id", "cursor"),
    [(None, ""), (None, "x"), (None, "1:x:s"), (None, "5"), (None, "256:1.0:s"), ("u", "x:s")],
)
def test_foreign_cursors(storage: RedisStorage, user_id: str | None, cursor: str) -> None:
    """A cursor that find() never gave is refused."""
    with pytest.raises(RejectedError, match="not one that find"):
        storage.find(user_id=user_id, cursor=cursor)


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
