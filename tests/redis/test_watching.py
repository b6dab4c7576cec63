# SPDX-License-Identifier: Apache-2.0
"""Watches, beyond what the shipped suite asks for; processes; hooks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from threading import Event

import pytest
from session_harness import valkeys

from sessionkit.errors import ConfigError
from sessionkit.storage import BatchStorage, WatchStorage
from sessionkit.testing.storage_samples import first, following
from sessionkit_redis.hooks import open_redis, sessionkit_storages
from sessionkit_redis.storage import RedisStorage


def _tried(event: Event, change: Callable[[], object]) -> None:
    def is_heard() -> bool:
        change()
        return event.wait(0.1)

    valkeys.wait_until(is_heard, "the watch hears of it", 10)


def test_own_saves_are_not_told(url: str, opened: Callable[..., RedisStorage]) -> None:
    """A handle hears of what others save and delete, not of its own."""
    here, there = opened(url, notify=True), opened(url, notify=True)
    heard: list[str] = []
    last = Event()

    def note(session_id: str) -> None:
        heard.append(session_id)
        if session_id == "theirs":
            last.set()

    watching = here.watch(note)
    here.write(first("mine"))
    there.write(first("theirs"))
    _tried(last, lambda: there.delete("theirs") or there.write(first("theirs")))
    here.write(following(2, "mine"))
    last.clear()
    _tried(last, lambda: there.delete("theirs") or there.write(first("theirs")))
    watching.close()

    assert {"theirs"} == set(heard)


def test_failing_callback_ends_no_watch(
    url: str, opened: Callable[..., RedisStorage], caplog: pytest.LogCaptureFixture
) -> None:
    """What the callback raises is logged, and the next change is heard."""
    calls = 0
    twice = Event()

    def fail(_: str) -> None:
        nonlocal calls
        calls += 1
        if calls > 1:
            twice.set()
        message = "the app's own bug"
        raise ValueError(message)

    watching = opened(url, notify=True).watch(fail)
    there = opened(url, notify=True)
    _tried(twice, lambda: there.delete("s") or there.write(first()))
    watching.close()

    assert "the app's own bug" in caplog.text


def test_watch_survives_its_connection(
    url: str, opened: Callable[..., RedisStorage], valkey: valkeys.Node
) -> None:
    """A watch whose connection was cut connects again."""
    heard = Event()
    watching = opened(url, notify=True).watch(lambda _: heard.set())
    there = opened(url, notify=True)
    _tried(heard, lambda: there.delete("s") or there.write(first()))

    valkey.client.client_kill_filter(_type="pubsub")
    heard.clear()
    _tried(heard, lambda: there.delete("s") or there.write(first()))
    watching.close()


def test_nobody_tells_unless_asked_to(storage: RedisStorage) -> None:
    """A watch that would never hear anything is refused, with the setting that changes it."""
    with pytest.raises(ConfigError, match=r"\[storages.redis\] notify is false"):
        storage.watch(lambda _: None)


def test_forked_processes_share_a_storage(storage: RedisStorage) -> None:
    """A child that was forked goes on with its parent's storage, and both are right."""
    storage.write(first(put={"a": b"0"}))
    child = os.fork()
    if child == 0:
        found = [storage.read("s") for _ in range(200)]
        storage.write(first("child"))
        os._exit(0 if all(one and one.head.session_id == "s" for one in found) else 1)
    for version in range(2, 300):
        storage.write(following(version, put={"a": str(version).encode()}))

    _, status = os.waitpid(child, 0)
    assert 0 == status
    assert storage.read("child") is not None


def test_abilities(storage: RedisStorage) -> None:
    """It saves batches and can be watched, and needs no setup."""
    assert isinstance(storage, BatchStorage)
    assert isinstance(storage, WatchStorage)
    assert not hasattr(storage, "setup")


def test_hook_opens_what_the_keywords_say(url: str) -> None:
    """The hook offers ``redis``, and its keywords reach the storage."""
    assert {"redis": open_redis} == sessionkit_storages()

    storage = open_redis(url=url, prefix="app", notify=True)
    storage.write(first())

    assert storage.read("s") is not None
    storage.close()


def test_driver_is_not_imported_before_it_is_needed() -> None:
    """To offer the storage costs no import of the driver."""
    code = (
        "import sys, sessionkit_redis.hooks as h; h.sessionkit_storages();"
        "sys.exit('redis' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False)  # noqa: S603 - our own

    assert 0 == ran.returncode
