# SPDX-License-Identifier: Apache-2.0
"""An app that listens to its engine, or has it log, sees the statements of the storage like its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sessionkit.errors import ConflictError, RejectedError
from sessionkit.testing.storage_samples import NOW, first, following
from sessionkit_sqlite.engines import open_engine
from sessionkit_sqlite.storage import SqlStorage

KINDS = ("sqlite", "postgresql", "mariadb")


@pytest.fixture(name="engine", params=KINDS)
def _engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """Return an engine of the app for each kind of database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/app.db"
    else:
        server = request.getfixturevalue(request.param)
        url = server.url(server.new_database())
    engine = open_engine(url, timeout_ms=5000, pool_size=2)
    yield engine
    engine.dispose()


def use(storage: SqlStorage) -> None:
    """Call everything, and look at what comes of it."""
    storage.setup()
    storage.write(first("s", {"p": b"\x00%s:x"}, user_id="u"))
    storage.write(following(2, "s", put={"p": b"2"}, user_id="u"))
    storage.write(following(3, "s", put={"q": b"3", "r": b"4"}, remove=["p"], user_id="u"))
    outcomes = storage.write_many([first("a"), first("s"), first("bad\ud800"), first("b")])
    kinds = [type(outcome) for outcome in outcomes]
    assert [type(None), ConflictError, RejectedError, type(None)] == kinds
    assert storage.touch("s", last_activity=NOW + 1, expires_at=None)
    stored = storage.read("s")
    assert stored is not None
    assert {"q": b"3", "r": b"4"} == dict(stored.parts)
    assert stored.head == storage.read_head("s")
    assert ["a", "b", "s"] == [head.session_id for head in storage.find().heads]
    assert ["s"] == [head.session_id for head in storage.find(user_id="u").heads]
    assert 1 == storage.count(active_since=NOW + 1)
    assert 2 == storage.purge(expired_before=0, idle_before=NOW + 1, limit=10)
    assert storage.delete("s")


def test_a_listener_sees_every_statement(engine: sa.Engine) -> None:
    """Before and after it ran, with the connection, as tracing needs it."""
    began: list[str] = []
    ended: list[str] = []

    def note(into: list[str]) -> Callable[..., None]:
        def listener(connection: sa.Connection, _: Any, statement: str, *__: Any) -> None:
            assert connection.engine is engine
            into.append(statement)

        return listener

    sa.event.listen(engine, "before_cursor_execute", note(began))
    sa.event.listen(engine, "after_cursor_execute", note(ended))
    with closing(SqlStorage(engine)) as storage:
        use(storage)
        seen = "\n".join(began)
        for words in ("CREATE TABLE", "INSERT INTO sessionkit_session", "DELETE FROM", "SELECT"):
            assert words in seen
        assert set(ended) <= set(began)
        count = len(began)
        storage.read("s")

    assert count + 1 == len(began)


def test_a_listener_may_come_later(engine: sa.Engine) -> None:
    """Whoever listens is found at each call."""
    seen: list[str] = []
    with closing(SqlStorage(engine)) as storage:
        storage.setup()
        storage.read("s")
        sa.event.listen(
            engine, "before_cursor_execute", lambda _, __, statement, *___: seen.append(statement)
        )
        storage.read("s")

    assert 1 == len(seen)


def test_what_is_logged_names_no_session(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """An engine that sessionkit opened logs the statements, without the ids and the data in them."""
    caplog.set_level(logging.INFO, "sqlalchemy.engine.Engine")
    with closing(SqlStorage(engine)) as storage:
        storage.setup()
        caplog.clear()
        storage.write(first("secret-id", {"p": b"secret-data"}))

    assert "INSERT INTO sessionkit_session" in caplog.text
    assert "secret" not in caplog.text


def test_an_error_that_is_seen_is_told_as_ever(engine: sa.Engine) -> None:
    """Its cause is the driver's own error, and the listener of errors has heard of it."""
    heard: list[BaseException] = []
    sa.event.listen(
        engine, "handle_error", lambda context: heard.append(context.original_exception)
    )
    with closing(SqlStorage(engine)) as storage, pytest.raises(RejectedError) as caught:
        storage.read("s")

    assert [caught.value.__cause__] == heard
    assert isinstance(caught.value.__cause__, engine.dialect.loaded_dbapi.Error)
