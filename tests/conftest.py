# SPDX-License-Identifier: Apache-2.0
"""Servers and replicas without a framework: what several folders test with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from session_harness.replicas import Clock, Replica
from session_harness.servers import Server
from session_harness.writers import Saves, Seconds

from sessionkit.persistence import SessionPersistence


@pytest.fixture(name="clock")
def _clock() -> Clock:
    """Return a clock that the test moves."""
    return Clock()


@pytest.fixture(name="replica")
def _replica() -> Replica:
    """Return a process over an empty store."""
    return Replica()


@pytest.fixture(name="open_server")
def _open_server() -> Iterator[Callable[..., Server]]:
    """Return a function that starts servers; they are stopped after the test, whatever it broke."""
    servers: list[Server] = []

    def open_server(*args: Any, **keywords: Any) -> Server:
        servers.append(Server(*args, **keywords))
        return servers[-1]

    yield open_server
    for server in servers:
        server.store.down, server.store.on_write = False, None
        server.manager.close(timeout=10)


@pytest.fixture(name="server")
def _server(open_server: Callable[..., Server]) -> Server:
    """Return a server that saves nothing before it is told to."""
    return open_server()


@pytest.fixture(name="script")
def _script(open_server: Callable[..., Server]) -> Server:
    """Return a process that is a script: whoever runs it may have any session."""
    return open_server(script=True)


@pytest.fixture(name="seconds")
def _seconds() -> Seconds:
    """Return a clock for the writer."""
    return Seconds()


@pytest.fixture(name="saves")
def _saves() -> Saves:
    """Return save functions that take notes."""
    return Saves()


@pytest.fixture(name="persistence")
def _persistence(seconds: Seconds, saves: Saves) -> Iterator[SessionPersistence]:
    """Return persistence with the default times, by the test's clock."""
    persistence = SessionPersistence(save_many=saves.many, clock=seconds)
    yield persistence
    persistence.close(timeout=10)
