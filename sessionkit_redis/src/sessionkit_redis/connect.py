# SPDX-License-Identifier: Apache-2.0
"""The way to the servers: by a url, taken apart and opened, or by a client of the app, looked over."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NoReturn, TypeAlias, TypedDict
from urllib.parse import parse_qsl, unquote

import attrs
import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelConnectionPool

from sessionkit.errors import ConfigError

Client: TypeAlias = redis.Redis | redis.RedisCluster


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


def open_link(url: str, *, timeout_ms: int, connect_timeout_ms: int) -> Link:
    """
    Return the way to what *url* names; nothing connects yet.

    Raises:
        ConfigError: If *url* or a time can't be used.
    """
    target = parse_url(url)
    timeout = check_number("timeout_ms", timeout_ms, 1) / 1000
    connect_timeout = check_number("connect_timeout_ms", connect_timeout_ms, 1) / 1000
    return Link(partial(_open, target, timeout, connect_timeout), target.shown, owned=True)


def link_to(client: Client) -> Link:
    """
    Return the way that a client of the app is.

    Raises:
        ConfigError: If sessions can't be stored with it.
    """
    _check(client)
    return Link(lambda: client, _place(client), owned=False)


class Keywords(TypedDict, total=False):
    """Keywords of a storage that have nothing to do with how it connects."""

    prefix: str
    namespace: str
    min_replicas: int
    replica_timeout_ms: int
    max_part_bytes: int
    notify: bool


def check_number(name: str, value: Any, least: int) -> int:  # noqa: ANN401 - what a settings file says
    """
    Return a setting.

    Raises:
        ConfigError: If it is no whole number of at least *least*.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        msg = f"[storages.redis] {name} is {value!r}; it must be a whole number of {least} or more"
        raise ConfigError(msg)
    return value


# -- clients ---------------------------------------------------------------------------

_HEALTH_CHECK_SECONDS: Final = 30
_NODE_TRIES: Final = 3
"""How often a cluster's client asks for the topology and tries again."""

_CONNECTIONS: Final = 1 << 31
"""As many as there are threads that call at once: none should be turned away."""


def _open(target: Target, timeout: float, connect_timeout: float) -> Client:
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
        return _open_cluster(target, keywords)
    # Lines sends once more by itself.
    keywords |= {"db": target.db, "retry": _retry(0), "protocol": 3}
    if target.kind == "sentinel":
        return _open_sentinel(target, keywords)
    if target.kind == "single":
        keywords["host"], keywords["port"] = target.hosts[0]
    return redis.Redis(**keywords)


def _open_cluster(target: Target, keywords: dict[str, Any]) -> redis.RedisCluster:
    nodes = [ClusterNode(*host) for host in target.hosts]  # type: ignore[no-untyped-call]  # the driver's
    return redis.RedisCluster(startup_nodes=nodes, retry=_retry(_NODE_TRIES), **keywords)


def _open_sentinel(target: Target, keywords: dict[str, Any]) -> redis.Redis:
    times = ("socket_timeout", "socket_connect_timeout", "socket_keepalive")
    tls = {key: value for key, value in keywords.items() if key.startswith("ssl")}
    asking = {**{key: keywords[key] for key in times}, **target.sentinel, **tls}
    asking["retry"] = _retry(0)
    sentinels: Any = Sentinel(list(target.hosts), sentinel_kwargs=asking, **keywords)  # type: ignore[no-untyped-call]  # the driver's
    client: redis.Redis = sentinels.master_for(target.name)
    return client


def _retry(times: int) -> Retry:
    return Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), times)


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


# -- urls ------------------------------------------------------------------------------

_SCHEMES: Final = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "unix": ("unix", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_PORTS: Final = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_TLS_OPTIONS: Final = (
    "ssl_ca_certs",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_cert_reqs",
    "ssl_check_hostname",
)
_SENTINEL_OPTIONS: Final = ("sentinel_username", "sentinel_password")
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_ADDRESS: Final = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]]+)(?::(?P<port>\d{1,5}))?\Z")
_SECRETS: Final = (
    (re.compile(r"(?<=://)([^:@/]*):.*@"), r"\1:***@"),
    (re.compile(r"((?:sentinel_)?password)=[^&]*"), r"\1=***"),
)


@attrs.frozen
class Target:
    """
    What a url says.

    Attributes:
        kind: ``"single"``, ``"unix"``, ``"sentinel"`` or ``"cluster"``.
        hosts: Hosts and ports.
        name: The socket's path, or the Sentinel service.
        db: The database's number.
        options: Keywords for the driver.
        sentinel: Keywords for the driver's connections to sentinels.
        tls: Whether to speak TLS.
        shown: The place, for messages, without user and password.
    """

    kind: str
    hosts: Sequence[tuple[str, int]]
    name: str
    db: int
    options: Mapping[str, str | bool] = attrs.field(repr=False)
    sentinel: Mapping[str, str] = attrs.field(repr=False)
    tls: bool
    shown: str


def parse_url(url: str) -> Target:
    """
    Return what *url* says.

    Raises:
        ConfigError: If it is none that this storage understands.
    """
    if not isinstance(url, str):
        msg = f"[storages.redis] url is a {type(url).__name__}; it must be a text"
        raise ConfigError(msg)
    return _Reader(url).target()


def hide_passwords(url: str) -> str:
    """Return *url* without its passwords."""
    for secret, shown in _SECRETS:
        url = secret.sub(shown, url)
    return url


class _Reader:
    """Takes one url apart."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._scheme, separator, rest = url.partition("://")
        if not separator or self._scheme not in _SCHEMES:
            self._refuse(f"begin it with {', '.join(f'{scheme}://' for scheme in _SCHEMES)}")
        self._kind, self._tls = _SCHEMES[self._scheme]
        rest, _, self._query = rest.partition("?")
        # Passwords may hold any sign, so the last one parts them from the hosts.
        self._user, _, place = rest.rpartition("@")
        self._hosts, _, self._path = place.partition("/")

    def target(self) -> Target:
        hosts = [] if self._kind == "unix" else self._addresses()
        options = self._options()
        sentinel = self._sentinel_account(options)
        name, db = self._name_and_db(str(options.pop("db", "")))
        listed = ",".join(f"{host}:{port}" for host, port in hosts)
        shown = f"{self._scheme}://{listed}" + (f"/{name.lstrip('/')}" if name else "")
        return Target(
            kind=self._kind,
            hosts=hosts,
            name=name,
            db=db,
            options={**self._account(), **options},
            sentinel=sentinel,
            tls=self._tls,
            shown=shown,
        )

    def _refuse(self, what: str) -> NoReturn:
        msg = f"[storages.redis] url is {hide_passwords(self._url)!r}: {what}"
        raise ConfigError(msg) from None

    def _addresses(self) -> list[tuple[str, int]]:
        addresses = [self._address(text) for text in self._hosts.split(",")]
        if self._kind == "single" and len(addresses) > 1:
            self._refuse(
                "it names several servers; begin it with redis+cluster:// or redis+sentinel://"
            )
        return addresses

    def _address(self, text: str) -> tuple[str, int]:
        found = _ADDRESS.match(text)
        port = int(found["port"] or _PORTS[self._kind]) if found else 0
        if not found or not 0 < port < 1 << 16:
            self._refuse(f"{text!r} is not host:port")
        return unquote(found["host"]).strip("[]"), port

    def _name_and_db(self, db: str) -> tuple[str, int]:
        name, path = "", self._path.rstrip("/")
        if self._kind == "unix":
            if not path:
                self._refuse("name the socket after unix://, as in unix:///run/redis.sock")
            return f"/{unquote(path)}", self._number(db)
        if self._kind == "sentinel":
            name, _, path = path.partition("/")
            if not name:
                self._refuse("name the service after the sentinels, as in host:26379/mymaster")
        number = self._number(db or path)
        if number and self._kind == "cluster":
            self._refuse("a cluster has database 0 only; leave it out")
        return unquote(name), number

    def _number(self, text: str) -> int:
        if text and not text.isdecimal():
            self._refuse(f"database {text!r} is not a number")
        return int(text or 0)

    def _account(self) -> dict[str, str]:
        user, separator, password = self._user.partition(":")
        if user and not separator and self._kind != "unix":
            self._refuse("write user:password@, or :password@ without a user")
        named = {"username": unquote(user), "password": unquote(password)}
        return {key: value for key, value in named.items() if value}

    def _options(self) -> dict[str, str | bool]:
        options: dict[str, str | bool] = {}
        for key, value in parse_qsl(self._query, keep_blank_values=True):
            if key not in self._allowed():
                self._refuse(f"unknown option {key!r}; allowed: {', '.join(self._allowed())}")
            options[key] = value
            if key == "ssl_check_hostname":
                if value.lower() not in _BOOLEANS:
                    self._refuse(f"{key} is {value!r}; it must be true or false")
                options[key] = _BOOLEANS[value.lower()]
        return options

    def _allowed(self) -> tuple[str, ...]:
        tls = _TLS_OPTIONS if self._tls else ()
        sentinel = _SENTINEL_OPTIONS if self._kind == "sentinel" else ()
        return ("db", "client_name", *tls, *sentinel)

    def _sentinel_account(self, options: dict[str, str | bool]) -> dict[str, str]:
        named = {key: options.pop(f"sentinel_{key}", None) for key in ("username", "password")}
        return {key: str(value) for key, value in named.items() if value}
