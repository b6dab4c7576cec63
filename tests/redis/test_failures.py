# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with the server, told as sessionkit's own errors."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from redis import exceptions as driver
from session_harness import valkeys
from session_harness.processes import HOST, free_port

from sessionkit.errors import RejectedError, StorageError, UnavailableError, UnclearError
from sessionkit.testing.storage_samples import NOW, first, following
from sessionkit_redis.failures import explain
from sessionkit_redis.saves import LARGE
from sessionkit_redis.storage import RedisStorage

GUIDE: Final = Path(__file__).parents[2] / "docs" / "redis.md"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (driver.ConnectionError("refused"), UnavailableError, "is it running"),
        (driver.TimeoutError("slow"), UnavailableError, "no answer in time"),
        (driver.BusyLoadingError("LOADING"), UnavailableError, "still loading"),
        (driver.AuthenticationError("WRONGPASS"), UnclearError, "password in the url"),
        (driver.ResponseError("NOAUTH Authentication required."), UnclearError, "into the url"),
        (driver.NoPermissionError("no"), UnclearError, "rights"),
        (driver.ReadOnlyError("no"), UnavailableError, "must name the primary"),
        (driver.ResponseError("READONLY You can't"), UnavailableError, "must name the primary"),
        (driver.OutOfMemoryError("no"), UnavailableError, "raise maxmemory"),
        (driver.ResponseError("NOREPLICAS Not enough"), UnavailableError, "min-replicas-to-write"),
        (driver.ResponseError("MISCONF Errors"), UnavailableError, "disk"),
        (driver.ResponseError("WRONGTYPE Operation"), RejectedError, "another prefix"),
        (driver.ClusterDownError("CLUSTERDOWN"), UnavailableError, "no primary"),
        (driver.MasterDownError("MASTERDOWN"), UnavailableError, "lost its primary"),
        (driver.TryAgainError("TRYAGAIN"), UnavailableError, "moving the keys"),
        (driver.RedisClusterException("no reachable node"), UnavailableError, "no primary"),
        (driver.MaxConnectionsError("Too many"), UnavailableError, "in use"),
        (driver.DataError("None"), RejectedError, "None"),
        (driver.ResponseError("ERR unknown command"), UnclearError, "unknown command"),
        (OSError("unreachable"), UnavailableError, "is it running"),
    ],
)
def test_kinds(error: Exception, kind: type[StorageError], said: str) -> None:
    """Each error of the driver is one to try again after, for ever or for a while, or one to give up after; it says where."""
    ours = explain(error, "redis://h:1", clustered=True)

    assert kind is type(ours)
    assert str(ours).startswith("redis://h:1: ")
    assert said in str(ours)
    assert error is ours.__cause__


def test_cluster_by_a_plain_url() -> None:
    """A cluster's node that sends one elsewhere is told to be a cluster's."""
    ours = explain(driver.MovedError("5 h:1"), "redis://h:1")

    assert RejectedError is type(ours)
    assert "redis+cluster://" in str(ours)


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_server_that_is_down(opened: Callable[..., RedisStorage], scheme: str) -> None:
    """Opening needs no server; each call says that it is unavailable, where, and not the password."""
    place = f"{HOST}:{free_port()}"
    storage = opened(f"{scheme}://user:geheim@{place}", connect_timeout_ms=200)

    (outcome,) = storage.write_many([first(user_id="u")])
    with pytest.raises(UnavailableError, match=place):
        storage.read_head("s")
    with pytest.raises(UnavailableError, match=place) as caught:
        storage.read("s")

    assert UnavailableError is type(outcome)
    assert "geheim" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_sentinels_that_know_no_such_service(opened: Callable[..., RedisStorage]) -> None:
    """No master is no server."""
    storage = opened(f"redis+sentinel://{HOST}:{free_port()}/nobody", connect_timeout_ms=200)

    with pytest.raises(UnavailableError, match="No master found for 'nobody'"):
        storage.count(active_since=0)


def test_server_that_never_answers(opened: Callable[..., RedisStorage]) -> None:
    """A call ends when its time is up."""
    with closing(socket.create_server((HOST, 0))) as silent:
        storage = opened(f"redis://{HOST}:{silent.getsockname()[1]}", timeout_ms=50)

        with pytest.raises(UnavailableError, match="no answer in time"):
            storage.read("s")


def test_wrong_password(valkey: valkeys.Node, opened: Callable[..., RedisStorage]) -> None:
    """A wrong password may be one that somebody is changing: it is tried again for a while."""
    storage = opened(f"redis://nobody:geheim@{HOST}:{valkey.port}")

    with pytest.raises(UnclearError, match="check user and password") as caught:
        storage.read("s")

    assert "geheim" not in str(caught.value)


def test_foreign_data_under_the_keys(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """Other data under our names are neither read nor overwritten."""
    storage.write(first())
    (key,) = valkey.client.keys("sk:*:s:s")
    valkey.client.set(key, "mine")

    with pytest.raises(RejectedError, match="choose another prefix"):
        storage.read("s")
    with pytest.raises(RejectedError, match="choose another prefix"):
        storage.write(following(2))

    assert "mine" == valkey.client.get(key)


def test_server_without_memory(storage: RedisStorage, valkey: valkeys.Node) -> None:
    """A full server takes no save, says why, and loses nothing."""
    storage.write(first(put={"a": b"1"}))
    valkey.client.config_set("maxmemory", "1")
    try:
        with pytest.raises(UnavailableError, match="raise maxmemory"):
            storage.write(following(2, put={"a": b"2"}))
    finally:
        valkey.client.config_set("maxmemory", "0")

    stored = storage.read("s")
    assert stored is not None
    assert b"1" == stored.parts["a"]


def test_rights_of_the_guide_are_enough(
    valkey: valkeys.Node, url: str, opened: Callable[..., RedisStorage]
) -> None:
    """The user that the guide describes can do everything, and has no rights beyond the prefix."""
    (rights,) = re.findall(
        r"^ACL SETUSER app (.*?)```", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    valkey.ask("ACL", "SETUSER", "app", *rights.split())
    storage = opened(url.replace("//", "//app:password@"), notify=True)
    other = opened(url.replace("//", "//app:password@"), prefix="other")

    storage.watch(lambda _: None).close()
    storage.write(first(put={"p": b"x"}, user_id="u"))
    storage.write(following(2, put={"p": b"x" * LARGE}, user_id="u", expires_at=None))
    assert storage.touch("s", last_activity=NOW, expires_at=NOW - 1)
    assert 1 == len(storage.find().heads) == len(storage.find(user_id="u").heads)
    assert 1 == storage.count(active_since=0) == storage.purge(expired_before=NOW, limit=5)
    assert not storage.delete("s")
    with pytest.raises(UnclearError, match="rights to these keys"):
        other.read("s")
