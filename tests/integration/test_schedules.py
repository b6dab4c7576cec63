# SPDX-License-Identifier: Apache-2.0
"""Two writers never lose a change, on every backend: fixed schedules, a race, counting processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from session_harness import valkeys
from session_harness.counting import Counting, counted_by_processes, counted_by_threads
from session_harness.mariadb import MariadbServer
from session_harness.postgresql import PostgresqlServer
from session_harness.processes import HOST, needed
from session_harness.replicas import repository_over
from session_harness.schedules import SCHEDULES, Race, Schedule
from session_harness.visits import SessionkitLibrary

from sessionkit.defaults.memory import MemoryStorage
from sessionkit.storage import SetupStorage, Storage
from sessionkit_redis.storage import RedisStorage
from sessionkit_sqlite.storage import SqliteStorage, SqlStorage

Opener: TypeAlias = Callable[[], Storage]

SHARED = ("sqlite", "postgresql", "mariadb", "valkey")
"""Backends that processes can share."""


@pytest.fixture(scope="module", name="memory")
def _memory() -> Opener:
    """Return what opens a store in this process."""
    return MemoryStorage().handle


@pytest.fixture(scope="module", name="sqlite")
def _sqlite(tmp_path_factory: pytest.TempPathFactory) -> Opener:
    """Return what opens a file."""
    file: Path = tmp_path_factory.mktemp("schedules") / "sessions.db"
    return set_up(partial(SqliteStorage.open, f"sqlite:///{file}"))


@pytest.fixture(scope="module", name="postgresql")
def _postgresql() -> Iterator[Opener]:
    """Return what opens a database of a PostgreSQL."""
    with needed():
        server = PostgresqlServer()
    yield set_up(partial(SqlStorage.open, server.url(server.new_database())))
    server.end()


@pytest.fixture(scope="module", name="mariadb")
def _mariadb() -> Iterator[Opener]:
    """Return what opens a database of a MariaDB."""
    with needed():
        server = MariadbServer()
    yield set_up(partial(SqlStorage.open, server.url(server.new_database())))
    server.end()


@pytest.fixture(scope="module", name="valkey")
def _valkey() -> Iterator[Opener]:
    """Return what opens a Valkey."""
    with needed(), valkeys.alone(valkeys.valkey_binary()) as node:
        yield partial(RedisStorage.open, f"redis://{HOST}:{node.port}/0")


def set_up(opener: Opener) -> Opener:
    """Make the tables."""
    with closing(opener()) as storage:
        assert isinstance(storage, SetupStorage)
        storage.setup()
    return opener


@pytest.fixture(name="opener", params=("memory", *SHARED))
def _opener(request: pytest.FixtureRequest) -> Opener:
    """Return what opens each backend in turn."""
    opener: Opener = request.getfixturevalue(request.param)
    return opener


@pytest.fixture(name="shared", params=SHARED)
def _shared(request: pytest.FixtureRequest) -> Opener:
    """Return what opens, in any process, each backend that they can share."""
    opener: Opener = request.getfixturevalue(request.param)
    return opener


@pytest.fixture(name="library", params=(1, 2), ids=("one process", "two replicas"))
def _library(request: pytest.FixtureRequest, opener: Opener) -> Iterator[SessionkitLibrary]:
    """Return sessions whose tabs are all in one process, or at two replicas in turn."""
    with ExitStack() as stack:
        storages = [stack.enter_context(closing(opener())) for _ in range(request.param)]
        yield SessionkitLibrary([repository_over(storage) for storage in storages])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_schedule_holds(library: SessionkitLibrary, schedule: Schedule) -> None:
    """What each schedule promises holds on every backend."""
    assert schedule.holds(library), schedule.promise


def test_race_loses_nothing(library: SessionkitLibrary) -> None:
    """Two tabs that come at random times find every write of either, on every backend."""
    assert 0 == Race(pause=1.0, visits=50).lost(library)


def test_processes_and_threads_lose_no_increment(shared: Opener) -> None:
    """Two processes with four threads each count up keys of their own in one session."""
    counting = Counting(opener=shared, times=25)

    assert counting.expected == counted_by_processes(counting)


def test_threads_lose_no_increment(memory: Opener) -> None:
    """Eight threads with an object each count up keys of their own in one session in memory."""
    counting = Counting(opener=memory, times=25)

    assert counting.expected == counted_by_threads(counting)
