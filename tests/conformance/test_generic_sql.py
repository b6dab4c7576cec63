# SPDX-License-Identifier: Apache-2.0
"""The shipped storage suite over a driver that has no dialect of its own here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial

import pytest
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import needed

from sessionkit.storage import Storage
from sessionkit.testing import StorageConformance, StorageProcessConformance
from sessionkit_sqlite.dialects.generic import GenericDialect
from sessionkit_sqlite.storage import SqlStorage


@pytest.fixture(name="new_url", scope="module")
def _new_url() -> Iterator[Callable[[], str]]:
    """Return a function that returns the URL of an empty database, for a driver written in Python."""
    with needed():
        server = PostgresqlServer()
    yield lambda: server.url(server.new_database()).replace("+psycopg", "+pg8000")
    server.end()


@pytest.fixture(name="url", scope="module")
def _url(new_url: Callable[[], str]) -> str:
    """Return the URL of a database with tables."""
    url = new_url()
    with closing(SqlStorage.open(url)) as storage:
        storage.setup()
    return url


class TestAnyDriver(StorageConformance, StorageProcessConformance):
    """What SQLAlchemy alone can say keeps every clause, too."""

    batch = True
    heads = True
    setup = True

    @pytest.fixture
    def opener(self, url: str) -> Callable[[], Storage]:
        """Return a function that other processes can open the database with."""
        opener = partial(SqlStorage.open, url)
        with closing(opener()) as storage:
            assert isinstance(storage._dialect, GenericDialect)
            while storage.purge(expired_before=1 << 62, idle_before=1 << 62, limit=1000):
                pass
        return opener

    @pytest.fixture
    def connect(self, opener: Callable[[], Storage]) -> Iterator[Callable[[], Storage]]:
        """Return a function that opens the database once more."""
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(opener()))

    @pytest.fixture
    def connect_unprepared(self, new_url: Callable[[], str]) -> Iterator[Callable[[], Storage]]:
        """Return a function that opens one database without tables."""
        url = new_url()
        with ExitStack() as stack:
            yield lambda: stack.enter_context(closing(SqlStorage.open(url)))
