# SPDX-License-Identifier: Apache-2.0
"""Engines: our own, and those of the app, which come back as they were."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from sessionkit.testing.storage_samples import first, following, head
from sessionkit_sqlite.storage import SqlStorage


@pytest.fixture(name="engine")
def _engine(storage: SqlStorage, url: str) -> Iterator[sa.Engine]:
    """Return an engine of the app's, of one connection, on tables that are there."""
    engine = sa.create_engine(
        sa.make_url(url).set(drivername=storage._engine.url.drivername),
        pool_size=1,
        max_overflow=0,
        pool_timeout=1,
    )
    yield engine
    engine.dispose()


def test_an_engine_of_the_app_is_served_and_given_back(engine: sa.Engine) -> None:
    """The app's transactions on the same connection are still its own to commit."""
    storage = SqlStorage(engine)
    storage.write(first(put={"a": b"1"}))
    assert [None] == list(storage.write_many([following(2, put={"a": b"2"})]))

    with engine.connect() as connection:
        connection.execute(sa.text("DELETE FROM sessionkit_session"))
        connection.rollback()

    stored = storage.read("s")
    assert stored is not None
    assert (head(version=2), {"a": b"2"}) == (stored.head, stored.parts)
    storage.close()
    with engine.connect() as connection:
        assert 1 == connection.execute(sa.text("SELECT 1")).scalar()


def test_tables_are_laid_out_through_an_engine_of_the_app(server: Any) -> None:
    """setup() needs one connection, and leaves none behind."""
    url = sa.make_url(server.url(server.new_database()))
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=1)

    SqlStorage(engine).setup()
    SqlStorage(engine).setup()

    assert 0 == engine.pool.checkedout()  # type: ignore[attr-defined]  # a QueuePool
    engine.dispose()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_children_open_connections_of_their_own(
    storage: SqlStorage, opened: Callable[..., SqlStorage]
) -> None:
    """A child never speaks on its parent's connection, and the parent's still works."""
    storage.write(first())
    child = os.fork()
    if not child:
        try:
            storage.write(following(2))
            stored = storage.read("s")
            os._exit(0 if stored and stored.head.version == 2 else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)

    assert 0 == os.waitstatus_to_exitcode(status)
    storage.write(following(3))
    stored = opened().read("s")
    assert stored is not None
    assert head(version=3) == stored.head
