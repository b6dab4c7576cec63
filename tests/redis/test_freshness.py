# SPDX-License-Identifier: Apache-2.0
"""Two replicas over one Valkey: what a rerun asks, and idle tabs that are told."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty
from typing import Any

import pytest
from session_harness import valkeys
from session_harness.servers import LATER, Server, Tab, session_of
from session_harness.writers import Seconds

from sessionkit.errors import ConfigError
from sessionkit.settings.settings import PersistenceSettings
from sessionkit_redis.storage import RedisStorage

OpenServer = Callable[..., Server]
Opened = Callable[..., RedisStorage]

WATCH = PersistenceSettings(
    debounce_ms=LATER.debounce_ms, max_wait_ms=LATER.max_wait_ms, watch=True
)


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
