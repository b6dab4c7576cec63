# SPDX-License-Identifier: Apache-2.0
"""Clients: made from a url, or an app's own looked over."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias, TypedDict

import attrs
import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from sessionkit.errors import ConfigError
from sessionkit_redis.urls import Target, parse_url

Client: TypeAlias = redis.Redis | redis.RedisCluster

_HEALTH_CHECK_SECONDS: Final = 30
_NODE_TRIES: Final = 3
"""How often a cluster's client asks for the topology and tries again."""

_CONNECTIONS: Final = 1 << 31
"""As many as there are threads that call at once: none should be turned away."""


class Keywords(TypedDict, total=False):
    """Keywords of a storage that have nothing to do with how it connects."""

    prefix: str
    min_replicas: int
    replica_timeout_ms: int
    max_part_bytes: int
    notify: bool


@attrs.frozen
class Link:
    """
    A way to the servers.

    Attributes:
        connect: Returns the client.
        place: Where it leads to, without password.
        owned: Whether the client is the storage's to close.
    """

    connect: Callable[[], Client]
    place: str
    owned: bool


def checked(name: str, value: Any, least: int) -> int:  # noqa: ANN401 - what a settings file says
    """
    Return a setting.

    Raises:
        ConfigError: If it is no whole number of at least *least*.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        msg = f"[storages.redis] {name} is {value!r}; it must be a whole number of {least} or more"
        raise ConfigError(msg)
    return value


def open_link(url: str, *, timeout_ms: int, connect_timeout_ms: int) -> Link:
    """
    Return the way to what *url* names; nothing connects yet.

    Raises:
        ConfigError: If *url* or a time can't be used.
    """
    target = parse_url(url)
    timeout = checked("timeout_ms", timeout_ms, 1) / 1000
    connect_timeout = checked("connect_timeout_ms", connect_timeout_ms, 1) / 1000
    return Link(partial(_opened, target, timeout, connect_timeout), target.shown, owned=True)


def link_to(client: Client) -> Link:
    """
    Return the way that a client of the app is.

    Raises:
        ConfigError: If sessions can't be stored with it.
    """
    _check(client)
    return Link(lambda: client, _place(client), owned=False)


def _opened(target: Target, timeout: float, connect_timeout: float) -> Client:
    keywords: dict[str, Any] = {
        **target.options,
        "socket_timeout": timeout,
        "socket_connect_timeout": connect_timeout,
        "socket_keepalive": True,
        "health_check_interval": _HEALTH_CHECK_SECONDS,
        "max_connections": _CONNECTIONS,
    }
    if target.kind == "unix":
        keywords |= {"unix_socket_path": target.name}
        del keywords["socket_keepalive"]
    elif target.tls:
        keywords["ssl"] = True
    if target.kind == "cluster":
        return _cluster(target, keywords)
    # Lines sends once more by itself.
    keywords |= {"db": target.db, "retry": _retry(0), "protocol": 3}
    if target.kind == "sentinel":
        return _sentinel(target, keywords)
    if target.kind == "single":
        keywords["host"], keywords["port"] = target.hosts[0]
    return redis.Redis(**keywords)


def _place(client: Client) -> str:
    if isinstance(client, redis.RedisCluster):
        nodes = client.nodes_manager.startup_nodes
        return f"redis+cluster://{','.join(nodes)}"
    pool = client.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        return f"redis+sentinel service {pool.service_name}"
    keywords = pool.connection_kwargs
    if "path" in keywords:
        return f"unix://{keywords['path']}"
    return f"redis://{keywords.get('host', 'localhost')}:{keywords.get('port', 6379)}"


def _check(client: Client) -> None:
    if not isinstance(client, redis.Redis | redis.RedisCluster):
        msg = (
            f"RedisStorage takes a redis.Redis or redis.RedisCluster, not {type(client).__name__};"
            " RedisStorage.open() takes a url"
        )
        raise ConfigError(msg)
    if client.get_encoder().decode_responses:
        msg = (
            "RedisStorage stores bytes: its client must be made without decode_responses=True;"
            " make one more client for it"
        )
        raise ConfigError(msg)


def _retry(times: int) -> Retry:
    return Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), times)


def _cluster(target: Target, keywords: dict[str, Any]) -> redis.RedisCluster:
    nodes = [ClusterNode(*host) for host in target.hosts]  # type: ignore[no-untyped-call]  # the driver's
    return redis.RedisCluster(startup_nodes=nodes, retry=_retry(_NODE_TRIES), **keywords)


def _sentinel(target: Target, keywords: dict[str, Any]) -> redis.Redis:
    times = ("socket_timeout", "socket_connect_timeout", "socket_keepalive")
    tls = {key: value for key, value in keywords.items() if key.startswith("ssl")}
    asking = {**{key: keywords[key] for key in times}, **target.sentinel, **tls}
    asking["retry"] = _retry(0)
    sentinels: Any = Sentinel(list(target.hosts), sentinel_kwargs=asking, **keywords)  # type: ignore[no-untyped-call]  # the driver's
    client: redis.Redis = sentinels.master_for(target.name)
    return client
