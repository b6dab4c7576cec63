# SPDX-License-Identifier: Apache-2.0
"""The registries and the users' indices, and what crashes and the server's own collecting leave there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from session_harness import valkeys

from sessionkit.errors import RejectedError, UnavailableError
from sessionkit.testing.storage_samples import DAY, NOW, SECOND, first, following, tombstone
from sessionkit_redis.layout import BUCKETS, Keys
from sessionkit_redis.storage import RedisStorage

HOUR = 3600 * SECOND


def _ids(storage: RedisStorage, user_id: str | None = None) -> list[str]:
    return sorted(head.session_id for head in storage.find(user_id=user_id).heads)


def test_keys_of_a_session_share_a_slot() -> None:
    """Braces in an id change neither the bucket nor the slot."""
    keys = Keys("app")
    for name in (b"s", b"{a}", b"}{", b"a}b{c}", "{\u00e9} ".encode()):
        session, bucket = keys.session(name)
        names = (session, bucket.active, bucket.expiry, bucket.owners, bucket.channel)
        assert 1 == len({redis.cluster.key_slot(one) for one in names})
        assert session.endswith(b"}:s:" + name)
    assert BUCKETS == len({bucket.active for bucket in keys.buckets})


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


def test_index_is_written_before_the_session(
    storage: RedisStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the index can't be written the session isn't either: none is ever unlisted."""
    storage.write(first("old"))
    failed = [redis.ConnectionError("no index")]
    monkeypatch.setattr(storage._index, "add", lambda entries: failed * len(entries))

    outcomes = storage.write_many([first("new", user_id="u"), following(2, "old", user_id="u")])

    assert [UnavailableError] * 2 == [type(outcome) for outcome in outcomes]
    assert storage.read("new") is None
    stored = storage.read("old")
    assert stored is not None
    assert 1 == stored.head.version


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
    heads = storage._index.heads

    def saved_after(ids: Any) -> Any:
        found = heads(ids)
        if found == [None]:
            storage.write(first("s", user_id="u"))
        return found

    monkeypatch.setattr(storage._index, "heads", saved_after)
    assert [] == _ids(storage, "u")
    monkeypatch.undo()

    assert ["s"] == _ids(storage, "u")


def test_steady_saves_write_no_index(
    storage: RedisStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session that stays its owner's is saved by one command."""
    storage.write(first(user_id="u"))
    sent: list[int] = []
    many = storage._calls.many

    def counted(batch: Any, **keywords: Any) -> Any:
        sent.append(len(batch))
        return many(batch, **keywords)

    monkeypatch.setattr(storage._calls, "many", counted)
    storage.write(following(2, user_id="u"))

    assert [1] == sent


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


def test_prefixes_keep_apps_apart(url: str, opened: Callable[..., RedisStorage]) -> None:
    """Two apps share a server and see nothing of each other."""
    one, other = opened(url, prefix="one"), opened(url, prefix="other")
    one.write(first(user_id="u"))

    assert other.read("s") is None
    assert [] == _ids(other, "u")
    assert 0 == other.count(active_since=0)


def test_unix_socket(
    tmp_path_factory: pytest.TempPathFactory, opened: Callable[..., RedisStorage]
) -> None:
    """A socket's path is a place like any other."""
    path = tmp_path_factory.mktemp("s", numbered=True) / "r.sock"
    with valkeys.alone(valkeys.valkey_binary(), "--unixsocket", str(path)):
        storage = opened(f"unix://{path}?db=1")
        storage.write(first())

        assert storage.read("s") is not None
        assert f"unix://{path}" == storage._calls.place
