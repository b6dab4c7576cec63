# SPDX-License-Identifier: Apache-2.0
"""Real PostgreSQL and MariaDB servers, each with a fresh database a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any, Final, TypeAlias

import pytest
from session_harness.lossy_proxy import LossyProxy
from session_harness.mariadb import MariadbServer
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import needed

from sessionkit_sqlite.storage import SqlStorage

Server: TypeAlias = PostgresqlServer | MariadbServer

TOLD: Final = pytest.StashKey[list[str]]()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what the tests had to tell."""
    for line in config.stash.get(TOLD, []):
        terminalreporter.write_line(line)


@pytest.fixture(name="tell")
def _tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that has a line printed at the end of the run."""
    lines = request.config.stash.setdefault(TOLD, [])
    return lambda line: lines.append(f"{request.node.name}: {line}")


@pytest.fixture(name="postgresql", scope="session")
def _postgresql() -> Iterator[PostgresqlServer]:
    """Return a PostgreSQL that all tests share."""
    with needed():
        server = PostgresqlServer()
    yield server
    server.end()


@pytest.fixture(name="mariadb", scope="session")
def _mariadb() -> Iterator[MariadbServer]:
    """Return a MariaDB that all tests share."""
    with needed():
        server = MariadbServer()
    yield server
    server.end()


@pytest.fixture(name="server", params=["postgresql", "mariadb"])
def _server(request: pytest.FixtureRequest) -> Server:
    """Return each server in turn."""
    server: Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture(name="database")
def _database(server: Server) -> Iterator[str]:
    """Return the name of an empty database on the server."""
    name = server.new_database()
    yield name
    server.drop_database(name)


@pytest.fixture(name="url")
def _url(server: Server, database: str) -> str:
    """Return the URL of the empty database."""
    return server.url(database)


@pytest.fixture(name="opened")
def _opened(url: str) -> Iterator[Callable[..., SqlStorage]]:
    """Return a function that opens the database, not set up, and closes it after the test."""
    with ExitStack() as stack:

        def opened(other_url: str = url, **keywords: Any) -> SqlStorage:
            return stack.enter_context(closing(SqlStorage.open(other_url, **keywords)))

        yield opened


@pytest.fixture(name="far")
def _far(server: Server, database: str) -> Iterator[Callable[..., tuple[LossyProxy, SqlStorage]]]:
    """Return a function that opens the database behind a proxy, given the proxy's keywords."""
    with ExitStack() as stack:

        def far(**keywords: Any) -> tuple[LossyProxy, SqlStorage]:
            proxy = stack.enter_context(LossyProxy((server.host, server.port), **keywords))
            storage = SqlStorage.open(server.url(database, port=proxy.port))
            return proxy, stack.enter_context(closing(storage))

        yield far


@pytest.fixture(name="storage")
def _storage(opened: Callable[..., SqlStorage]) -> SqlStorage:
    """Return a storage on the database, set up."""
    storage = opened()
    storage.setup()
    return storage
