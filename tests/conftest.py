# SPDX-License-Identifier: Apache-2.0
"""Servers and replicas without a framework: what several folders test with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "harness"))

from session_harness.replicas import Clock, Replica
from session_harness.servers import Server


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
