# SPDX-License-Identifier: Apache-2.0
"""Names of keys: a session's lie in one slot, and no two apps' meet."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from sessionkit.errors import ConfigError
from sessionkit.testing.storage_samples import first
from sessionkit_redis.layout import BUCKETS, Keys
from sessionkit_redis.storage import RedisStorage


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


def test_a_namespace_is_a_prefix_of_its_own() -> None:
    """No key of an app with one is a key of the app without, whatever its users are called."""
    assert b"sk-shop:u:x" == Keys(namespace="shop").user("x")
    assert not Keys(namespace="u").user("x").startswith(b"sk:")


@pytest.mark.parametrize("namespace", ["Shop", "shop-2", "{shop}", "s" * 33, 5])
def test_a_namespace_is_one_that_other_storages_take(namespace: object) -> None:
    """So that an app may move from one storage to another."""
    with pytest.raises(ConfigError, match=r"\[storages.redis\] namespace is"):
        Keys(namespace=namespace)


def test_prefixes_keep_apps_apart(url: str, opened: Callable[..., RedisStorage]) -> None:
    """Two apps share a server and see nothing of each other."""
    one, other = opened(url, prefix="one"), opened(url, prefix="other")
    one.write(first(user_id="u"))

    assert other.read("s") is None
    assert [] == _ids(other, "u")
    assert 0 == other.count(active_since=0)
