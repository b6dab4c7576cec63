# SPDX-License-Identifier: Apache-2.0
"""Urls, and keywords beside them."""

from __future__ import annotations

from typing import Any

import pytest
from redis.sentinel import SentinelConnectionPool

from sessionkit.errors import ConfigError
from sessionkit_redis.connect import hide_passwords, open_link, parse_url
from sessionkit_redis.storage import RedisStorage


@pytest.mark.parametrize(
    ("url", "kind", "hosts", "name", "db"),
    [
        ("redis://h", "single", [("h", 6379)], "", 0),
        ("redis://h:1/3", "single", [("h", 1)], "", 3),
        ("rediss://[::1]:2?db=4", "single", [("::1", 2)], "", 4),
        ("unix:///run/redis.sock?db=5", "unix", [], "/run/redis.sock", 5),
        ("redis+sentinel://a,b:3/svc", "sentinel", [("a", 26379), ("b", 3)], "svc", 0),
        ("redis+sentinel://a/svc/2", "sentinel", [("a", 26379)], "svc", 2),
        ("redis+cluster://a:1,b:2", "cluster", [("a", 1), ("b", 2)], "", 0),
        ("rediss+cluster://a/", "cluster", [("a", 6379)], "", 0),
    ],
)
def test_places(url: str, kind: str, hosts: list[tuple[str, int]], name: str, db: int) -> None:
    """Each scheme says which servers, which service or socket and which database."""
    target = parse_url(url)

    assert (kind, hosts, name, db) == (target.kind, target.hosts, target.name, target.db)
    assert url.startswith("rediss") == target.tls


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("u:p@", {"username": "u", "password": "p"}),
        (":p@", {"password": "p"}),
        ("u%40x:p%2F%3A@", {"username": "u@x", "password": "p/:"}),
        ("u:p@q@", {"username": "u", "password": "p@q"}),
        ("", {}),
    ],
)
def test_accounts(account: str, expected: dict[str, str]) -> None:
    """User and password are taken apart as written, and shown nowhere."""
    target = parse_url(f"redis://{account}h:1/0")

    assert expected == dict(target.options)
    assert "redis://h:1" == target.shown
    assert "p/:" not in repr(target)


def test_options_of_sentinels_and_tls() -> None:
    """Sentinels have an account of their own; TLS has options."""
    url = "rediss+sentinel://:a@h/svc?sentinel_password=b&ssl_check_hostname=false&client_name=c"
    target = parse_url(url)

    assert {"password": "b"} == dict(target.sentinel)
    expected = {"password": "a", "ssl_check_hostname": False, "client_name": "c"}
    assert expected == dict(target.options)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://h", "begin it with redis://"),
        ("h:6379", "begin it with redis://"),
        ("redis://h:x", "'h:x' is not host:port"),
        ("redis://h:70000", "'h:70000' is not host:port"),
        ("redis://", "'' is not host:port"),
        ("redis://a,b", "begin it with redis.cluster:// or"),
        ("redis://h/abc", "database 'abc' is not a number"),
        ("redis://token@h", "write user:password@"),
        ("redis+sentinel://h", "name the service"),
        ("redis+cluster://h/1", "database 0 only"),
        ("unix://", "name the socket"),
        ("redis://h?decode_responses=1", "unknown option 'decode_responses'; allowed: db"),
        ("redis://h?ssl_keyfile=k", "unknown option 'ssl_keyfile'"),
        ("rediss://h?ssl_check_hostname=x", "must be true or false"),
        (7, "is a int; it must be a text"),
    ],
)
def test_wrong_urls(url: Any, said: str) -> None:
    """What can't be understood is refused, with the setting's name and what would be right."""
    with pytest.raises(ConfigError, match=said) as caught:
        RedisStorage.open(url)

    assert str(caught.value).startswith("[storages.redis] url is ")


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:geheim@h:x",
        "redis://:geheim@h:x/0",
        "redis://u:x@geheim@h:x",
        "redis+sentinel://h/svc/x?sentinel_password=geheim",
        "http://user:geheim@h",
    ],
)
def test_passwords_are_hidden(url: str) -> None:
    """No error shows a password."""
    with pytest.raises(ConfigError) as caught:
        parse_url(url)

    assert "geheim" not in str(caught.value)
    assert "***" in hide_passwords(url)


@pytest.mark.parametrize(
    "keywords",
    [
        {"timeout_ms": 0},
        {"connect_timeout_ms": "5"},
        {"min_replicas": -1},
        {"min_replicas": True},
        {"replica_timeout_ms": 0},
        {"max_part_bytes": 0},
        {"min_replicas": 1, "timeout_ms": 500, "replica_timeout_ms": 500},
        {"prefix": ""},
        {"prefix": "a{b}"},
        {"prefix": 3},
    ],
)
def test_wrong_keywords(keywords: dict[str, Any]) -> None:
    """A keyword that makes no sense is refused when the storage is opened."""
    name = list(keywords)[-1]
    with pytest.raises(ConfigError, match=rf"\[storages.redis\] {name} is "):
        RedisStorage.open("redis://h", **keywords)


def test_times_are_bounded() -> None:
    """The driver gets the time-outs and a health check for idle connections, and repeats nothing."""
    link = open_link("redis://h:1/2", timeout_ms=1500, connect_timeout_ms=250)
    client: Any = link.connect()
    keywords = client.connection_pool.connection_kwargs

    assert (1.5, 0.25) == (keywords["socket_timeout"], keywords["socket_connect_timeout"])
    assert (30, 2) == (keywords["health_check_interval"], keywords["db"])
    assert 0 == keywords["retry"].get_retries()


def test_sentinels_are_asked_with_their_own_account() -> None:
    """The sentinels' account and time-outs are not those of the servers."""
    url = "redis+sentinel://:a@h:1/svc?sentinel_password=b"
    client: Any = open_link(url, timeout_ms=1000, connect_timeout_ms=250).connect()
    pool = client.connection_pool

    assert isinstance(pool, SentinelConnectionPool)
    (sentinel,) = pool.sentinel_manager.sentinels
    asked = sentinel.connection_pool.connection_kwargs
    assert ("a", "b") == (pool.connection_kwargs["password"], asked["password"])
    assert 0.25 == asked["socket_connect_timeout"]
