# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up under a real SQLite file: what does not fit waits, and is saved when there is room."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from session_harness.servers import Server

from sessionkit.errors import UnavailableError
from sessionkit.events import SaveFailed
from sessionkit.session import UserSession


class Disk:
    """How large SQLite files may become: past it SQLite says what it says on a full disk."""

    def __init__(self) -> None:
        """Begin with room."""
        self._pages = 2**30
        self._connections: list[sqlite3.Connection] = []

    def connected(self, connection: sqlite3.Connection, _: object) -> None:
        """Bound a connection that was opened."""
        self._connections.append(connection)
        self._bound(connection)

    def fill(self) -> None:
        """Let no file grow any more."""
        self._set(1)  # SQLite takes the present size for what is smaller

    def free(self) -> None:
        """Let files grow again."""
        self._set(2**30)

    def _set(self, pages: int) -> None:
        self._pages = pages
        for connection in self._connections:
            self._bound(connection)

    def _bound(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {self._pages}")


@pytest.fixture(name="disk")
def _disk() -> Iterator[Disk]:
    """Return a disk under all connections of the test."""
    disk = Disk()
    sa.event.listen(sa.Engine, "connect", disk.connected)
    yield disk
    sa.event.remove(sa.Engine, "connect", disk.connected)


def typed(session: UserSession, megabytes: int = 1) -> None:
    """Let the user type something large."""
    session.set_input("large", "x" * (megabytes * 2**20) + str(len(session.inputs)))


def test_a_full_disk_is_an_outage(disk: Disk, open_replica: Callable[..., Server]) -> None:
    """The app goes on; the status says why nothing is stored; nothing is lost once there is room."""
    server = open_replica()
    sessions = [server.tab().run() for _ in range(5)]
    assert server.manager.flush()
    disk.fill()
    for session in sessions:
        typed(session)
        server.manager.schedule_save(session)
    assert not server.manager.flush()
    with pytest.raises(UnavailableError, match="disk space"):
        server.manager.save(sessions[0], immediate=True)

    status = server.manager.persistence.status()
    assert ("offline", 5) == (status.state, status.pending)
    assert "disk space" in (status.last_error or "")
    assert all(event.retrying for event in server.told(SaveFailed))
    disk.free()
    assert server.manager.flush()
    assert [one.inputs for one in sessions] == [stored(server, one) for one in sessions]
    assert "saved" == server.manager.persistence.status().state


def test_what_still_fits_is_saved(disk: Disk, open_replica: Callable[..., Server]) -> None:
    """One session that is too large for what is left stops no other one."""
    server = open_replica()
    large, *small = [server.tab().run() for _ in range(5)]
    assert server.manager.flush()
    disk.fill()
    typed(large)
    server.manager.schedule_save(large)
    for session in small:
        session.set_input("small", 1)
        server.manager.schedule_save(session)
    while server.manager.persistence.status().pending > 1:
        server.manager.flush()

    assert [{"small": 1}] * 4 == [stored(server, one) for one in small]
    assert "offline" == server.manager.persistence.status(large.session_id).state
    disk.free()
    assert server.manager.flush()
    assert large.inputs == stored(server, large)


def stored(server: Server, session: UserSession) -> dict[str, Any]:
    """Return the inputs that are stored."""
    found = server.manager.repository.load(session.session_id)
    assert found is not None
    return found.inputs
