# SPDX-License-Identifier: Apache-2.0
"""The shipped storage suite over real database servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import ClassVar, TypeAlias

import pytest
from session_harness.mariadb import MariadbServer
from session_harness.pgbouncer import PooledPostgresql
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import needed

from sessionkit.storage import Storage
from sessionkit.testing import StorageConformance, StorageProcessConformance
from sessionkit_sqlite.storage import SqlStorage

Server: TypeAlias = PostgresqlServer | MariadbServer

EMPTY = ("DELETE FROM sessionkit_part", "DELETE FROM sessionkit_session")


class OnServer(StorageConformance, StorageProcessConformance):
    """Both suites over one server, whose tables each clause finds empty."""

    batch = True
    heads = True
    setup = True
    server_class: ClassVar[type[Server]]

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[Server]:
        """Return a server that all clauses share."""
        with needed():
            server = cls.server_class()
        yield server
        server.end()

    @pytest.fixture(scope="class")
    @classmethod
    def database(cls, server: Server) -> str:
        """Return the name of a database with tables."""
        name = server.new_database()
        with closing(SqlStorage.open(server.url(name))) as storage:
            storage.setup()
        return name

    @pytest.fixture
    def elsewhere(self, server: Server, database: str) -> Iterator[Storage]:
        """Return a handle on the same database for another app."""
        with closing(SqlStorage.open(server.url(database), namespace="other")) as storage:
            storage.setup()
            yield storage
            storage.purge(expired_before=1 << 62, limit=100)

    @pytest.fixture
    def opener(self, server: Server, database: str) -> Callable[[], Storage]:
        """Return a function that other processes can open the database with."""
        server.execute(*EMPTY, database=database)
        return partial(SqlStorage.open, server.url(database))

    @pytest.fixture
    def connect(self, opener: Callable[[], Storage]) -> Iterator[Callable[[], Storage]]:
        """Return a function that opens the database once more."""
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(opener()))

    @pytest.fixture
    def connect_unprepared(self, server: Server) -> Iterator[Callable[[], Storage]]:
        """Return a function that opens one database without tables."""
        url = server.url(server.new_database())
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(SqlStorage.open(url)))


class TestPostgresql(OnServer):
    """PostgreSQL keeps every clause, between processes too."""

    server_class = PostgresqlServer


class TestPooledPostgresql(OnServer):
    """So does PostgreSQL behind a pooler that lends its connections for one transaction at a time."""

    server_class = PooledPostgresql


class TestMariadb(OnServer):
    """MariaDB keeps every clause, between processes too."""

    server_class = MariadbServer
