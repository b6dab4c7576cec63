# SPDX-License-Identifier: Apache-2.0
"""Watches, beyond what the shipped suite asks for: what idle tabs are told, and what a rerun asks."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty
from threading import Event
from typing import Any

import pytest
from session_harness import valkeys
from session_harness.servers import LATER, Server, Tab, session_of
from session_harness.writers import Seconds

from sessionkit.errors import ConfigError
from sessionkit.settings.settings import PersistenceSettings
from sessionkit.testing.storage_samples import first, following
from sessionkit_redis.storage import RedisStorage

OpenServer = Callable[..., Server]

Opened = Callable[..., RedisStorage]

WATCH = PersistenceSettings(
    debounce_ms=LATER.debounce_ms, max_wait_ms=LATER.max_wait_ms, watch=True
)


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


def calls_of(node: valkeys.Node) -> dict[str, int]:
    """Return how often each command was called; asking counts itself."""
    stats: Any = node.client.info("commandstats")
    return {name.removeprefix("cmdstat_"): entry["calls"] for name, entry in stats.items()}


def test_a_rerun_costs_one_command_an_interval(
    valkey: valkeys.Node, url: str, opened: Opened, open_server: OpenServer, seconds: Seconds
) -> None:
    """HMGET of four fields; within the interval, nothing."""
    tab = open_server(opened(url), clock=seconds).visited()
    tab.run()
    before = calls_of(valkey)
    seconds.time = 1.0
    for _ in range(3):
        tab.run()
    after = calls_of(valkey)

    asked = {name: count - before.get(name, 0) for name, count in after.items()}
    assert {"hmget": 1, "info": 1} == {name: count for name, count in asked.items() if count}


def test_an_idle_tab_is_told(url: str, opened: Opened, open_server: OpenServer) -> None:
    """Of what another replica saves; its rerun has it."""
    here = open_server(opened(url, notify=True), persistence=WATCH)
    there = open_server(opened(url, notify=True))
    tab = here.visited()
    tab.run()
    number = 0

    def is_told() -> bool:
        nonlocal number
        number += 1
        _save(there, tab, number)
        try:
            told = here.web.changes.get(timeout=0.2)
        except Empty:
            return False  # it had not subscribed yet
        return bool(told == session_of(tab.cookie))

    valkeys.wait_until(is_told, "the tab is told", 10)
    valkeys.wait_until(lambda: tab.run().inputs == {"number": number}, "it sees the last save", 10)


def _save(there: Server, tab: Tab, number: int) -> None:
    tab.beside(there).run().inputs["number"] = number
    assert there.manager.flush()


def test_watch_needs_notify(url: str, opened: Opened, open_server: OpenServer) -> None:
    """The error names both keys."""
    server = open_server(opened(url), persistence=WATCH)

    with pytest.raises(ConfigError, match=r"persistence\.watch .*\[storages\.redis\] notify"):
        _ = server.manager.storage
