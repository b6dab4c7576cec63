# SPDX-License-Identifier: Apache-2.0
"""Ways to the servers: urls, keywords beside them, TLS, a socket, and clients of the app."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
import redis
import redis.asyncio
from redis.sentinel import SentinelConnectionPool
from session_harness import valkeys
from session_harness.processes import HOST, ServerMissingError, free_port, needed

from sessionkit.errors import ConfigError, UnavailableError
from sessionkit.testing.storage_samples import first, following
from sessionkit_redis.connect import hide_passwords, link_to, open_link, parse_url
from sessionkit_redis.storage import RedisStorage

_SUBJECT: Final = ("-subj", "/CN=sessions", "-addext", f"subjectAltName=IP:{HOST}")

Opened = Callable[..., RedisStorage]


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


def _make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return a certificate that vouches for itself, and its key."""
    program = shutil.which("openssl")
    if program is None:
        msg = "openssl is not installed"
        raise ServerMissingError(msg)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(  # noqa: S603 - found above
        [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *_SUBJECT],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture(name="secured", scope="module")
def _secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return a url by TLS, and the certificate that its server is known by."""
    port = free_port()
    with needed():
        certificate, key = _make_certificate(tmp_path_factory.mktemp("tls"))
        files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
        secured = ("--tls-port", str(port), "--tls-auth-clients", "no", *files)
        with valkeys.alone(valkeys.redis_binary(), *secured):
            yield f"rediss://{HOST}:{port}/0", certificate


def test_sessions_go_through_tls(secured: tuple[str, Path], opened: Opened) -> None:
    """With the authority in the url, the server's certificate is checked and sessions are kept."""
    url, certificate = secured
    storage = opened(f"{url}?ssl_ca_certs={certificate}")

    storage.write(first(put={"a": b"1"}))
    storage.write(following(2, put={"a": b"2"}))

    stored = storage.read("s")
    assert stored is not None
    assert {"a": b"2"} == stored.parts


def test_an_unknown_certificate_is_refused(secured: tuple[str, Path], opened: Opened) -> None:
    """Without it nothing is sent to a server that nobody vouches for."""
    url, _ = secured

    with pytest.raises(UnavailableError, match="certificate verify failed"):
        opened(url).read("s")


def test_unusable_clients() -> None:
    """A client that decodes what it reads, or that has to be awaited, is refused with what to do."""
    with pytest.raises(ConfigError, match="without decode_responses=True"):
        RedisStorage(redis.Redis(decode_responses=True))
    with pytest.raises(ConfigError, match=r"takes a redis.Redis or redis.RedisCluster"):
        RedisStorage(redis.asyncio.Redis())  # type: ignore[arg-type]  # what is refused


def test_client_of_the_app_stays_open(url: str) -> None:
    """Who opens closes: the app's client keeps its connections when the storage is closed."""
    with closing(redis.Redis.from_url(url)) as client:
        storage = RedisStorage(client)
        storage.write(first())
        connection = client.client_id()

        storage.close()

        assert connection == client.client_id()
        assert str(url).removesuffix("/0") == link_to(client).place


def test_unix_socket(
    tmp_path_factory: pytest.TempPathFactory, opened: Callable[..., RedisStorage]
) -> None:
    """A socket's path is a place like any other."""
    path = tmp_path_factory.mktemp("s", numbered=True) / "r.sock"
    with valkeys.alone(valkeys.valkey_binary(), "--unixsocket", str(path)):
        url = f"unix://{path}?db=1"
        storage = opened(url)
        storage.write(first())

        assert storage.read("s") is not None
        link = open_link(url, timeout_ms=1000, connect_timeout_ms=1000)
        assert f"unix://{path}" == link.place
